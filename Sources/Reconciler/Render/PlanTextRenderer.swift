import JSON
import Spec
import Spelling
import Store

/// Writes plans as text: one line for each change, and its differences below.
///
/// ```text
/// + acme/Campaign/welcome-offer  3,912 recipients (1,500 in window), ~49 s at 80/s
/// ~ acme/Sender/main
///     ratePerSecond: 80 → 40
/// - acme/Template/old-offer
///
/// Plan: 1 to create, 1 to update, 1 to delete.
/// ```
public struct PlanTextRenderer: Sendable {
    private enum Style: String {
        case create = "\u{1B}[32m"
        case update = "\u{1B}[33m"
        case delete = "\u{1B}[31m"
        case faint = "\u{1B}[2m"
        case bold = "\u{1B}[1m"
    }

    private let isFull: Bool
    private let usesColour: Bool

    /// Makes a renderer.
    ///
    /// - Parameters:
    ///   - isFull: True to write the content of creates and deletes too, and all values in full.
    ///   - usesColour: True to write ANSI colours.
    public init(isFull: Bool = false, usesColour: Bool = false) {
        self.isFull = isFull
        self.usesColour = usesColour
    }

    /// Writes a plan, ending in a newline.
    public func text(_ plan: Plan) -> String {
        let digest = paint("Digest: \(plan.digest)", .faint) + "\n"
        guard !plan.isEmpty else {
            return "No changes: \(plan.upToDate).\n" + plan.accountLines.map { "note: \($0)\n" }.joined()
                + plan.templates.map(text).joined() + digest
        }
        let remarks = plan.remarks.map { "note: \($0)\n" }.joined()
        return text(plan.changes) + plan.templates.map(text).joined() + "\n" + remarks
            + paint("Plan: \(plan.counts).", .bold) + "\n" + digest
    }

    /// Writes the changes of an entry of the history, ending in a newline.
    public func text(_ entry: HistoryEntry) -> String { text(entry.changes) }

    private func text(_ changes: [PlannedChange]) -> String {
        let heirs = changes.heirs
        let shown = changes.filter { isFull || !$0.isInherited }
        return shown.map { text($0, heirs[$0.identity] ?? []) }.joined()
    }

    private func text(_ template: PlannedTemplate) -> String {
        let style: Style =
            switch template.action {
            case .create: .create
            case .edit: .update
            case .delete, .takeBack: .delete
            case .none: .faint
            }
        var text = paint("\(template.sign) at WhatsApp: \(template.subject)", style) + "  \(template.words)\n"
        for difference in PlanLines.shown(template.fieldDifferences, isFull: isFull) { text += lines(difference) }
        for remark in template.remarks {
            let line = PlanLines.harmless(remark.text)
            text += "    " + (remark.isWarning ? paint("warning: \(line)", .update) : "note: \(line)") + "\n"
        }
        return text
    }

    private func text(_ change: PlannedChange, _ heirs: [PlannedChange]) -> String {
        let style: Style =
            switch change.action {
            case .create: .create
            case .update: .update
            case .delete: .delete
            }
        var text = paint("\(change.sign) \(change.identity)", style)
        if let impact = change.impact { text += "  " + impact.words }
        text += "\n"
        if isFull, let place = change.place {
            text += paint("    at \(place.file):\(place.start.line):\(place.start.column)", .faint) + "\n"
        }
        let differences = PlanLines.differences(of: change, isFull: isFull)
        for difference in PlanLines.shown(differences, isFull: isFull) { text += lines(difference) }
        if let times = change.fireTimes {
            for line in times.lines {
                text += "    " + paint("\(line.sign) fires \(line.text)", line.sign == "+" ? .create : .delete) + "\n"
            }
        }
        if let quota = change.impact?.quotaWords { text += "    quota: \(quota)\n" }
        if let cost = change.impact?.cost { text += "    cost: \(cost.words)\n" }
        if let cost = change.eventCost { text += "    cost: \(cost.words)\n" }
        if let languages = change.impact?.languages { text += "    languages: \(languages.words)\n" }
        for warning in change.warnings { text += "    " + paint("warning: \(warning)", .update) + "\n" }
        for note in change.notes { text += "    note: \(note)\n" }
        if change.isInherited {
            text += "    note: inherited from \(change.inheritedFrom.map(\.description).joined(separator: ", "))\n"
        }
        let inherited = HeirLines(heirs, isFull: isFull)
        for line in inherited.lines { text += "    \(line)\n" }
        for warning in inherited.warnings { text += "    " + paint("warning: \(warning)", .update) + "\n" }
        return text
    }

    private func lines(_ difference: ShownDifference) -> String {
        let (path, lines) = (difference.path, difference.lines)
        let drift = difference.isDrift ? paint("  (changed by hand)", .faint) : ""
        guard !difference.isBlock else {
            let rest = difference.leftOut > 0 ? "      … \(NumberText.count(difference.leftOut, "more line"))\n" : ""
            return "    \(path):\(drift)\n" + lines.map { "      \(line($0))\n" }.joined() + rest
        }
        guard lines.count == 1, let line = lines.first else {
            return "    \(path): \(lines.map(\.plain).joined(separator: " → "))\(drift)\n"
        }
        let style: Style = line.sign == .added ? .create : .delete
        return "    " + paint("\(path): \(line.sign.rawValue) \(line.plain)", style) + drift + "\n"
    }

    private func line(_ line: DifferenceLine) -> String {
        let text = "\(line.sign.rawValue) \(line.marked)"
        return switch line.sign {
        case .removed: paint(text, .delete)
        case .added: paint(text, .create)
        case .same: text
        }
    }

    private func paint(_ text: String, _ style: Style) -> String {
        usesColour ? style.rawValue + text + "\u{1B}[0m" : text
    }
}
