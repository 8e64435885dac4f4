import Spec

/// Writes plans for people: one line for each change, and below it what differs.
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

    /// Longer values are cut, unless everything is wanted.
    private static let valueLength = 80

    private let isFull: Bool
    private let usesColour: Bool

    /// Makes a renderer.
    ///
    /// - Parameters:
    ///   - isFull: Whether to write the content of creates and deletes too, and all values in full.
    ///   - usesColour: Whether to write ANSI colours.
    public init(isFull: Bool = false, usesColour: Bool = false) {
        self.isFull = isFull
        self.usesColour = usesColour
    }

    /// Writes a plan, ending in a newline.
    public func text(_ plan: Plan) -> String {
        let digest = paint("Digest: \(plan.digest)", .faint) + "\n"
        guard !plan.isEmpty else {
            let specs = plan.specCount == 1 ? "1 spec is" : "\(NumberText.grouped(plan.specCount)) specs are"
            return "No changes: \(specs) as in the database.\n" + digest
        }
        let counts = "\(plan.creates) to create, \(plan.updates) to update, \(plan.deletes) to delete"
        return plan.changes.map(text).joined() + "\n" + paint("Plan: \(counts).", .bold) + "\n" + digest
    }

    private func text(_ change: PlannedChange) -> String {
        let (sign, style): (String, Style) =
            switch change.action {
            case .create: ("+", .create)
            case .update: ("~", .update)
            case .delete: ("-", .delete)
            }
        var text = paint("\(sign) \(change.identity)", style)
        if let impact = change.impact { text += "  " + words(impact) }
        text += "\n"
        if isFull, let place = change.place {
            text += paint("    at \(place.file):\(place.start.line):\(place.start.column)", .faint) + "\n"
        }
        for difference in shown(change) { text += "    \(line(difference))\n" }
        if let warning = change.impact?.warning { text += "    " + paint("warning: \(warning)", .update) + "\n" }
        for note in change.notes { text += "    note: \(note)\n" }
        return text
    }

    /// Creates and deletes are known by their names; their content is for those who want everything.
    private func shown(_ change: PlannedChange) -> [FieldDifference] {
        guard change.action != .update, isFull else { return change.differences }
        return ValueDiffer.differences(
            from: change.before ?? .object([:]),
            to: change.after ?? .object([:])
        )
    }

    private func words(_ impact: CampaignImpact) -> String {
        let count = NumberText.grouped(impact.recipients)
        guard impact.isBroadcast else {
            return "\(count) contact\(impact.recipients == 1 ? "" : "s") in its audience"
        }
        let recipients = "\(count) recipient\(impact.recipients == 1 ? "" : "s")"
        guard impact.recipients > 0 else { return recipients }
        return recipients + " (\(NumberText.grouped(impact.inWindow)) in window), "
            + "~\(NumberText.duration(seconds: impact.estimatedSeconds)) at \(impact.ratePerSecond)/s"
    }

    private func line(_ difference: FieldDifference) -> String {
        let path = Self.harmless(difference.path)
        let drift = difference.isDrift ? paint("  (changed by hand)", .faint) : ""
        switch (difference.before, difference.after) {
        case (nil, let after?): return paint("\(path): + \(value(after))", .create) + drift
        case (let before?, nil): return paint("\(path): - \(value(before))", .delete) + drift
        case (let before, let after):
            return "\(path): \(value(before ?? .null)) → \(value(after ?? .null))" + drift
        }
    }

    private func value(_ value: JSONValue) -> String {
        let text = Self.harmless(value.stringValue ?? value.canonicalText)
        if text.isEmpty { return "\"\"" }
        guard !isFull, text.count > Self.valueLength else { return text }
        return text.prefix(Self.valueLength - 1) + "…"
    }

    /// Replaces what would move the cursor or switch the colours of a terminal; line ends become visible.
    private static func harmless(_ text: String) -> String {
        var safe = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": safe.append("⏎")
            case _ where scalar.properties.generalCategory == .control: safe.append("\u{FFFD}")
            default: safe.append(scalar)
            }
        }
        return String(safe)
    }

    private func paint(_ text: String, _ style: Style) -> String {
        usesColour ? style.rawValue + text + "\u{1B}[0m" : text
    }
}
