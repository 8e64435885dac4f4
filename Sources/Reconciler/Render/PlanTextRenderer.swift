import JSON
import Spec

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
            return "No changes: \(plan.upToDate).\n" + plan.accountLines.map { "note: \($0)\n" }.joined() + digest
        }
        let remarks = plan.remarks.map { "note: \($0)\n" }.joined()
        return plan.changes.map(text).joined() + "\n" + remarks + paint("Plan: \(plan.counts).", .bold) + "\n" + digest
    }

    private func text(_ change: PlannedChange) -> String {
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
        for difference in PlanLines.differences(of: change, isFull: isFull) { text += "    \(line(difference))\n" }
        if let times = change.fireTimes {
            for line in times.lines {
                text += "    " + paint("\(line.sign) fires \(line.text)", line.sign == "+" ? .create : .delete) + "\n"
            }
        }
        if let quota = change.impact?.quotaWords { text += "    quota: \(quota)\n" }
        if let warning = change.impact?.warning { text += "    " + paint("warning: \(warning)", .update) + "\n" }
        for note in change.notes { text += "    note: \(note)\n" }
        return text
    }

    private func line(_ difference: FieldDifference) -> String {
        let path = PlanLines.harmless(difference.path)
        let drift = difference.isDrift ? paint("  (changed by hand)", .faint) : ""
        switch (difference.before, difference.after) {
        case (nil, let after?): return paint("\(path): + \(value(after))", .create) + drift
        case (let before?, nil): return paint("\(path): - \(value(before))", .delete) + drift
        case (let before, let after):
            return "\(path): \(value(before ?? .null)) → \(value(after ?? .null))" + drift
        }
    }

    private func value(_ value: JSONValue) -> String {
        PlanLines.value(value, isFull: isFull)
    }

    private func paint(_ text: String, _ style: Style) -> String {
        usesColour ? style.rawValue + text + "\u{1B}[0m" : text
    }
}
