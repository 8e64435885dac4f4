import Foundation
import JSON
import Spec
import Spelling
import Store

/// Texts that all renderers of plans share.
enum PlanLines {
    /// Returns the differences of a change to show; the content of creates and deletes only in full.
    static func differences(of change: PlannedChange, isFull: Bool = false) -> [FieldDifference] {
        guard change.action == .create || change.action == .delete, isFull else { return change.differences }
        return ValueDiffer.differences(
            from: change.before ?? .object([:]),
            to: change.after ?? .object([:])
        )
    }

    /// Writes differences for people, each on one line or as a block of lines.
    ///
    /// Different values never look the same: values of which one is compared with another are cut around what differs,
    /// and others of one field whose beginnings are equal are not cut.
    static func shown(_ differences: [FieldDifference], isFull: Bool) -> [ShownDifference] {
        let shown = differences.map { ShownDifference($0, isFull: isFull) }
        guard !isFull else { return shown }
        let alike = Dictionary(grouping: shown.indices) { index in
            ExactText("\(shown[index].path)\n" + shown[index].lines.map(\.plain).joined(separator: "\n"))
        }
        return shown.indices.map { index in
            let key = ExactText("\(shown[index].path)\n" + shown[index].lines.map(\.plain).joined(separator: "\n"))
            return alike[key]?.count == 1 ? shown[index] : ShownDifference(differences[index], isFull: true)
        }
    }

    /// Writes text on one line, with escapes for all that cannot be seen or could move the cursor of a terminal.
    static func harmless(_ text: String) -> String { ValueText.line(text) }
}

/// A difference as people see it, in all formats.
struct ShownDifference {
    /// The maximum length of a value on one line; longer ones become a block, or are cut.
    private static let valueLength = 80
    /// The maximum number of lines of one difference, unless all is shown.
    private static let lineCount = 40

    let path: String
    let isDrift: Bool
    /// The removed and the added value, each with at most one line, or a block of lines.
    let lines: [DifferenceLine]
    /// True if the lines are to be written below the path, not beside it.
    let isBlock: Bool
    /// The number of lines that were left out.
    let leftOut: Int

    init(_ difference: FieldDifference, isFull: Bool) {
        path = PlanLines.harmless(difference.path)
        isDrift = difference.isDrift
        let before = difference.before.map(ValueText.plain)
        let after = difference.after.map(ValueText.plain)
        let texts = [before, after].compactMap(\.self)
        let isOneLine = !texts.contains { $0.unicodeScalars.contains("\n") }
        let isShort = isOneLine && texts.allSatisfy { $0.count <= Self.valueLength }
        let differ = TextDifference(isFull: isFull || isShort)
        var lines: [DifferenceLine]
        if let before, let after {
            isBlock = !isShort
            lines = differ.lines(from: before, to: after)
        } else {
            isBlock = !isOneLine
            lines = before.map { differ.lines(of: $0, .removed) } ?? after.map { differ.lines(of: $0, .added) } ?? []
        }
        leftOut = isFull ? 0 : max(0, lines.count - Self.lineCount)
        if leftOut > 0 { lines.removeLast(leftOut) }
        self.lines = lines
    }
}

extension PlannedChange {
    /// One character for the action.
    var sign: String {
        switch action {
        case .create: "+"
        case .update: isAdoption ? "=" : "~"
        case .delete: "-"
        }
    }
}

extension CampaignImpact {
    /// The impact in one line.
    var words: String {
        let missed = leftOut.words.map { "; left out: \($0)" } ?? ""
        guard isBroadcast else { return "\(NumberText.count(recipients, "contact")) in its audience" + missed }
        let text = NumberText.count(recipients, "recipient")
        guard recipients > 0 else { return text + missed }
        return text + " (\(inWindow.grouped) in window), "
            + "~" + LaunchDuration.words(estimatedSeconds, recipients: recipients, ratePerSecond: ratePerSecond)
            + missed
    }

    /// The part of the 24 h quota that a launch uses; `nil` if it uses none or there is no limit.
    var quotaWords: String? {
        guard isBroadcast, outOfWindow > 0, let quotaLeft, let dailyLimit else { return nil }
        return "takes \(outOfWindow.grouped) of the \(quotaLeft.grouped) left "
            + "of \(dailyLimit.grouped) in 24 h" + (isLimitedByWhatsApp ? ", the limit of WhatsApp" : "")
    }
}

/// The specs that inherit one change, as lines below it.
struct HeirLines {
    /// The maximum number of names, and of warnings, to show.
    private static let names = 10
    private static let warnings = 3

    let lines: [String]
    let warnings: [String]

    init(_ heirs: [PlannedChange], isFull: Bool) {
        let byKind = Dictionary(grouping: heirs, by: \.identity.kind).sorted { $0.key < $1.key }
        lines = byKind.flatMap { kind, heirs in
            let names = heirs.prefix(isFull ? heirs.count : Self.names).map(\.identity.name)
            let rest = heirs.count - names.count
            let list = names.joined(separator: ", ") + (rest > 0 ? " and \(rest.grouped) more" : "")
            let count = NumberText.count(heirs.count, kind.rawValue.lowercased())
            return ["inherited by \(count)\(Self.recipients(of: heirs)): \(list)"] + Self.remarks(on: heirs)
        }
        let all = heirs.compactMap { heir in heir.impact?.warning.map { "\(heir.identity.name): \($0)" } }
        let few = all.prefix(isFull ? all.count : Self.warnings)
        let rest = all.count - few.count
        warnings = few + (rest > 0 ? ["the same or similar for \(NumberText.count(rest, "more campaign"))"] : [])
    }

    /// Says how many recipients campaigns have: `, 985 recipients each`; empty if none were counted.
    private static func recipients(of heirs: [PlannedChange]) -> String {
        let counts = heirs.compactMap { $0.impact?.isBroadcast == true ? $0.impact?.recipients : nil }
        guard let least = counts.min(), let most = counts.max() else { return "" }
        let missing = heirs.count - counts.count
        let others = missing == 0 ? "" : " of \(counts.count.grouped) of them"
        if heirs.count == 1 { return ", \(NumberText.count(least, "recipient"))" }
        if least == most { return ", \(NumberText.count(least, "recipient")) each\(others)" }
        return ", \(least.grouped) to \(most.grouped) recipients\(others), "
            + "\(counts.reduce(0, +).grouped) in total"
    }

    private static func remarks(on heirs: [PlannedChange]) -> [String] {
        var remarks: [String] = []
        let quotas = Set(heirs.map { $0.impact?.quotaWords })
        if quotas.count == 1, let words = quotas.first ?? nil {
            remarks.append("quota\(heirs.count == 1 ? "" : " of each"): \(words)")
        }
        let costs = Set(heirs.map { $0.impact?.cost?.words })
        if costs.count == 1, let words = costs.first ?? nil {
            remarks.append("cost\(heirs.count == 1 ? "" : " of each"): \(words)")
        }
        let languages = Set(heirs.map { $0.impact?.languages?.words })
        if languages.count == 1, let words = languages.first ?? nil {
            remarks.append("languages\(heirs.count == 1 ? "" : " of each"): \(words)")
        }
        let running = heirs.count(where: \.hasRunUnderWay)
        if running > 0 {
            remarks.append(
                "the open runs of \(running.grouped) of them keep their revisions; the change applies to the next runs"
            )
        }
        return remarks
    }
}

extension Plan {
    /// The number of changes by action: `1 to create, 3 to update, 0 to delete`, and of specs that were not edited.
    var counts: String {
        let edited = "\(creates.grouped) to create, \((updates - inherited).grouped) to update"
        let heirs =
            inherited == 0
            ? "" : ", \(NumberText.count(inherited, "spec")) \(inherited == 1 ? "inherits" : "inherit") that"
        let submitted = submissionCounts
        return "\(edited), \(deletes.grouped) to delete" + heirs + (submitted.isEmpty ? "" : "; " + submitted)
    }

    /// The text if nothing changes: `21 specs are as in the database`.
    var upToDate: String {
        "\(NumberText.count(specCount, "spec")) \(specCount == 1 ? "is" : "are") as in the database"
    }

    /// The maximum number of campaigns that remarks name.
    private static let remarkLimit = 20

    /// Remarks on templates, numbers and accounts.
    var accountLines: [String] {
        let rest = accountRemarks.count - Self.remarkLimit
        return accountRemarks.prefix(Self.remarkLimit)
            + (rest > 0 ? ["WhatsApp reported \(rest.grouped) more about templates and senders"] : [])
    }

    /// Remarks on the plan as a whole.
    var remarks: [String] {
        var remarks = accountLines
        if uncountedCampaigns > 0 {
            let campaigns = NumberText.count(uncountedCampaigns, "more campaign")
            remarks.append("the recipients of \(campaigns) were not counted")
        }
        remarks += brokenLimits.prefix(Self.remarkLimit).map { "\($0.reason): it will not be launched" }
        if brokenLimits.count > Self.remarkLimit {
            let rest = NumberText.count(brokenLimits.count - Self.remarkLimit, "more campaign")
            remarks.append("\(rest) beyond a limit that the plan lowers")
        }
        let others = unmanagedCounts.sorted { $0.key < $1.key }.map {
            "\($0.value.grouped) \($0.key.rawValue)"
        }
        if !others.isEmpty {
            remarks.append("rows that no spec manages, left unchanged: \(others.joined(separator: ", "))")
        }
        return remarks
    }
}
