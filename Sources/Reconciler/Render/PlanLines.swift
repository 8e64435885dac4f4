import Foundation
import JSON
import Spec

/// What all renderers of plans say alike.
enum PlanLines {
    /// Longer values are cut, unless everything is wanted.
    private static let valueLength = 80

    /// What to show of a change; creates and deletes are known by their names, so their content is for those who want
    /// everything.
    static func differences(of change: PlannedChange, isFull: Bool = false) -> [FieldDifference] {
        guard change.action == .create || change.action == .delete, isFull else { return change.differences }
        return ValueDiffer.differences(
            from: change.before ?? .object([:]),
            to: change.after ?? .object([:])
        )
    }

    /// A value on one line.
    static func value(_ value: JSONValue, isFull: Bool) -> String {
        let text = harmless(value.stringValue ?? value.canonicalText)
        if text.isEmpty { return "\"\"" }
        guard !isFull, text.count > valueLength else { return text }
        return text.prefix(valueLength - 1) + "…"
    }

    /// Replaces what would move the cursor or switch the colours of a terminal; line ends become visible.
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
    /// One character that says what happens.
    var sign: String {
        switch action {
        case .create: "+"
        case .update: isAdoption ? "=" : "~"
        case .delete: "-"
        }
    }
}

extension CampaignImpact {
    /// The impact in a few words.
    var words: String {
        let count = NumberText.grouped(recipients)
        guard isBroadcast else { return "\(count) contact\(recipients == 1 ? "" : "s") in its audience" }
        let text = "\(count) recipient\(recipients == 1 ? "" : "s")"
        guard recipients > 0 else { return text }
        return text + " (\(NumberText.grouped(inWindow)) in window), "
            + "~\(NumberText.duration(seconds: estimatedSeconds)) at \(ratePerSecond)/s"
    }

    /// What the launch takes from the 24 h quota and what is there; `nil` if the quota plays no part.
    var quotaWords: String? {
        guard isBroadcast, outOfWindow > 0, let quotaLeft, let dailyLimit else { return nil }
        return "takes \(NumberText.grouped(outOfWindow)) of the \(NumberText.grouped(quotaLeft)) left "
            + "of \(NumberText.grouped(dailyLimit)) in 24 h"
    }
}

extension PlannedChange.FireTimes {
    /// The next times before and after, in UTC, as lines of a difference; empty if they are the same.
    var lines: [(sign: String, text: String)] {
        guard before != after else { return [] }
        return [("-", before), ("+", after)].compactMap { sign, times in
            times.isEmpty ? nil : (sign, times.map(Self.text).joined(separator: ", "))
        }
    }

    /// In UTC, such as `2026-12-01 09:00Z`.
    static func text(_ date: Date) -> String {
        let style = Date.ISO8601FormatStyle(dateTimeSeparator: .space).year().month().day()
            .dateTimeSeparator(.space).time(includingFractionalSeconds: false)
        return String(date.formatted(style).prefix(16)) + "Z"
    }
}

extension Plan {
    /// What is true of the plan as a whole and no change by itself shows.
    var remarks: [String] {
        var remarks: [String] = []
        if uncountedCampaigns > 0 {
            let campaigns = uncountedCampaigns == 1 ? "campaign" : "campaigns"
            remarks.append(
                "the recipients of \(NumberText.grouped(uncountedCampaigns)) more \(campaigns) were not counted"
            )
        }
        let others = unmanagedCounts.sorted { $0.key < $1.key }.map {
            "\(NumberText.grouped($0.value)) \($0.key.rawValue)"
        }
        if !others.isEmpty {
            remarks.append("rows that no spec manages, and that stay as they are: \(others.joined(separator: ", "))")
        }
        return remarks
    }
}
