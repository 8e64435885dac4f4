public import Calendar
public import Foundation
public import JSON
public import Spec
import Spelling
public import Store

/// One row that a plan creates, updates or deletes.
public struct PlannedChange: Sendable {
    /// The action on the row; a delete archives it.
    public enum Action: String, Hashable, Sendable {
        case create, update, delete
    }

    /// The next fire times of a schedule, at most five.
    public struct FireTimes: Hashable, Sendable {
        /// The times before the change; empty for a create.
        public let before: [Date]
        /// The times after the change; empty for a delete.
        public let after: [Date]
        /// The zone of the tenant's clock, or else that of the schedule; `nil` if neither has one.
        public let zone: IANAZone?
        /// Sentences about changes of the clocks before one of the times.
        let clockChanges: [String]
    }

    public let action: Action
    /// The name of the row after the change, or before a delete.
    public let identity: SpecIdentity
    /// The current name of the row, if the change renames it.
    public let renamedFrom: SpecIdentity?
    /// The id of the existing row; `nil` for a create.
    public let rowID: UUID?
    /// The whole content before the change; `nil` for a create.
    public let before: JSONValue?
    /// The whole content after the change; `nil` for a delete.
    public let after: JSONValue?
    /// The fields that differ; empty for creates and deletes, and for the adoption of a row that already equals its
    /// spec.
    public internal(set) var differences: [FieldDifference]
    /// The place of the first field that differs, or else of the spec; `nil` for a delete.
    public let place: SourcePlace?
    public let hasRunUnderWay: Bool
    /// True for an update that makes an unmanaged row the row of this spec.
    public let isAdoption: Bool
    /// The edited specs of which this change is a consequence, sorted: audiences and templates that the spec names, or the
    /// tenant whose default it uses; empty if the spec was edited itself.
    public internal(set) var inheritedFrom: [SpecIdentity] = []
    /// True if only references to renamed specs change.
    public internal(set) var isReferenceOnly = false
    /// The impact of a campaign whose recipients were counted.
    public internal(set) var impact: CampaignImpact?
    /// The costs of the events of a campaign that events start; `nil` without prices.
    public internal(set) var eventCost: EventCost?
    /// The fire times of a schedule.
    public internal(set) var fireTimes: FireTimes?
    /// The time zones of the recipients of a schedule that sends by the clock of each contact, or of a campaign whose tenant has
    /// quiet hours on these clocks; `nil` if they were not counted.
    public internal(set) var zones: AudienceZones?
    /// The rows that a new or shorter retention of a tenant deletes.
    public internal(set) var retentionLosses: [RetentionLoss] = []
    /// The number of former runs of a schedule.
    let runCount: Int

    init(
        action: Action,
        identity: SpecIdentity,
        renamedFrom: SpecIdentity?,
        row: ManagedRow?,
        after: JSONValue?,
        differences: [FieldDifference],
        place: SourcePlace?,
        isAdoption: Bool
    ) {
        self.action = action
        self.identity = identity
        self.renamedFrom = renamedFrom
        rowID = row?.id
        before = row?.content
        self.after = after
        self.differences = differences
        self.place = place
        hasRunUnderWay = row?.hasRunUnderWay ?? false
        self.isAdoption = isAdoption
        runCount = row?.progress?.runCount ?? 0
    }

    /// True if the spec was not edited, and changes with another one.
    public var isInherited: Bool { !inheritedFrom.isEmpty }

    /// True if the row is protected from deletion.
    public var isProtected: Bool { before?["protect"] == true }

    /// True if only the file of the spec changes.
    public var isMoveOnly: Bool {
        action == .update && !isAdoption && differences.allSatisfy { $0.path == "sourceFile" }
    }

    /// True if the change has no effect on what is sent.
    public var isFormal: Bool { isMoveOnly || isReferenceOnly }

    /// The reasons to look twice, as sentences.
    public var warnings: [String] { [impact?.warning, retentionWarning].compactMap(\.self) }

    /// Remarks on the change, as sentences.
    public var notes: [String] {
        var notes: [String] = []
        if let renamedFrom { notes.append("renamed from `\(renamedFrom.name)`") }
        if isAdoption { notes.append("adopts a row that no spec managed") }
        if action == .delete, identity.kind == .template, before?["account"] != nil,
            let name = before?["whatsappName"]?.stringValue
        {
            notes.append("WhatsApp keeps the template; `--delete-at-whatsapp \(name)` deletes it there")
        }
        if hasRunUnderWay, !isFormal {
            notes.append(
                action == .delete
                    ? "the open run is cancelled"
                    : "the open run keeps its revision; the change applies to the next run"
            )
        }
        if let zones {
            let what = identity.kind == .campaign ? "has quiet hours" : "sends"
            notes.append("\(what) by the clock of each contact, now in \(zones.words)")
        }
        if let fireTimes, fireTimes.before != fireTimes.after { notes += fireTimes.clockChanges }
        return notes
    }
}

/// One field that a change sets to another value.
public struct FieldDifference: Hashable, Sendable {
    /// The path of the field, such as `ratePerSecond` or `conditions[tags contains_any].value`.
    ///
    /// Members of lists are named by their content if possible, else by their position.
    public let path: String
    /// The value before the change; `nil` if the field was absent.
    public let before: JSONValue?
    /// The value after the change; `nil` if the field is removed.
    public let after: JSONValue?
    /// True if the row was changed by hand since it was last applied.
    public internal(set) var isDrift = false

    init(path: String, before: JSONValue?, after: JSONValue?) {
        self.path = path
        self.before = before
        self.after = after
    }

    /// The name of the outermost field.
    var field: String {
        String(path.prefix { $0 != "." && $0 != "[" })
    }
}

/// The effect of launching a campaign now.
public struct CampaignImpact: Hashable, Sendable {
    /// The number of contacts that would get the message: opted in, active, and within the audience.
    public let recipients: Int
    /// The recipients that wrote within 24 hours: free, and not counted against the daily limit.
    public let inWindow: Int
    /// The contacts within the filter that are no recipients, by reason.
    public let leftOut: LeftOut
    /// The steps from all contacts to the recipients, if there are none.
    public let funnel: AudienceFunnel?
    /// The rate of the campaign's sender.
    public let ratePerSecond: Int
    /// The limit of business-initiated messages in 24 hours: the sender's, or WhatsApp's if that is lower; `nil` is
    /// unlimited.
    public let dailyLimit: Int?
    /// True if the limit is WhatsApp's.
    public let isLimitedByWhatsApp: Bool
    /// The rest of the daily limit now; `nil` is unlimited.
    public let quotaLeft: Int?
    /// The time from a launch now to its last message: with what stands before it on its sender, quiet hours and quota.
    public let estimatedSeconds: Double
    /// True if a launch sends to the whole audience; false if events or modules select the recipients.
    public let isBroadcast: Bool
    /// The costs by the prices beside the specs; `nil` without prices of the day.
    public let cost: CostEstimate?
    /// The recipients by the language that they get; `nil` if all get the same, or they were not counted.
    public let languages: LanguageCounts?

    /// The contacts that free text cannot reach, because they did not write within 24 hours; they are no recipients.
    public var unreachable: Int { leftOut[.windowClosed] }
    /// The recipients that count against the daily limit.
    public var outOfWindow: Int { recipients - inWindow }

    /// The reason why a launch would reach nobody, or stop before its end; `nil` if it would not.
    public var warning: String? {
        if let funnel { return "reaches nobody: \(funnel.words)" }
        guard isBroadcast, let dailyLimit, outOfWindow > dailyLimit else { return nil }
        let days = (outOfWindow + dailyLimit - 1) / dailyLimit
        return "\(outOfWindow.grouped) recipients outside of their window exceed the sender's daily limit "
            + "of \(dailyLimit.grouped): at least \(days) days"
    }
}
