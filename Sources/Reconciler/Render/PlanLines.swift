import Foundation
import JSON
import Spec
import Spelling

/// Texts that all renderers of plans share.
enum PlanLines {
    /// The maximum length of a value; longer ones are cut, unless the plan is shown in full.
    private static let valueLength = 80

    /// Returns the differences of a change to show; the content of creates and deletes only in full.
    static func differences(of change: PlannedChange, isFull: Bool = false) -> [FieldDifference] {
        guard change.action == .create || change.action == .delete, isFull else { return change.differences }
        return ValueDiffer.differences(
            from: change.before ?? .object([:]),
            to: change.after ?? .object([:])
        )
    }

    /// Writes a value on one line.
    static func value(_ value: JSONValue, isFull: Bool) -> String {
        let text = harmless(value.stringValue ?? value.canonicalText)
        if text.isEmpty { return "\"\"" }
        guard !isFull, text.count > valueLength else { return text }
        return text.prefix(valueLength - 1) + "…"
    }

    /// Replaces control characters, which could move the cursor or switch the colours of a terminal; line ends become ⏎.
    static func harmless(_ text: String) -> String {
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
        guard isBroadcast else { return "\(NumberText.count(recipients, "contact")) in its audience" }
        let text = NumberText.count(recipients, "recipient")
        let missed = unreachable > 0 ? "; \(unreachable.grouped) out of window cannot get free text" : ""
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

extension PlannedChange.FireTimes {
    /// The fire times before and after the change, in UTC, as lines of a difference; empty if they are equal.
    var lines: [(sign: String, text: String)] {
        guard before != after else { return [] }
        return [("-", before), ("+", after)].compactMap { sign, times in
            times.isEmpty ? nil : (sign, times.map(Self.text).joined(separator: ", "))
        }
    }

    /// Writes a time in UTC, such as `2026-12-01 09:00Z`.
    static func text(_ date: Date) -> String {
        let style = Date.ISO8601FormatStyle(dateTimeSeparator: .space).year().month().day()
            .dateTimeSeparator(.space).time(includingFractionalSeconds: false)
        return String(date.formatted(style).prefix(16)) + "Z"
    }
}

extension Plan {
    /// The number of changes by action: `1 to create, 3 to update, 0 to delete`.
    var counts: String {
        "\(creates.grouped) to create, \(updates.grouped) to update, \(deletes.grouped) to delete"
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
