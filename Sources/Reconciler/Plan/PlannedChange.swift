public import Foundation
public import JSON
public import Spec
import Store

/// One row that a plan creates, updates or deletes.
public struct PlannedChange: Sendable {
    /// What happens to the row; to delete is to archive.
    public enum Action: String, Hashable, Sendable {
        case create, update, delete
    }

    /// When a schedule fires next, as far as it does: five times at most.
    public struct FireTimes: Hashable, Sendable {
        /// Empty for a create.
        public let before: [Date]
        /// Empty for a delete.
        public let after: [Date]
    }

    public let action: Action
    /// The name that the row has afterwards, or had if it is deleted.
    public let identity: SpecIdentity
    /// The name that the row has now, if the change renames it.
    public let renamedFrom: SpecIdentity?
    /// The row that exists; `nil` for a create.
    public let rowID: UUID?
    /// The whole content now; `nil` for a create.
    public let before: JSONValue?
    /// The whole content afterwards; `nil` for a delete.
    public let after: JSONValue?
    /// Never empty for an update, unless it adopts a row that is as the spec wants it; empty for a create and a delete.
    public internal(set) var differences: [FieldDifference]
    /// Where the spec, or the first field that differs, stands in its file; `nil` for a delete.
    public let place: SourcePlace?
    public let hasRunUnderWay: Bool
    /// Whether an update makes a row of others a row of this spec.
    public let isAdoption: Bool
    /// Whether nothing changes but the names of what was renamed.
    public internal(set) var isReferenceOnly = false
    /// For campaigns that can be counted.
    public internal(set) var impact: CampaignImpact?
    /// For schedules.
    public internal(set) var fireTimes: FireTimes?
    /// How often the schedule has fired.
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

    /// Whether the row refuses deletion, according to itself.
    public var isProtected: Bool { before?["protect"] == true }

    /// Whether nothing changes but the file that the spec stands in.
    public var isMoveOnly: Bool {
        action == .update && !isAdoption && differences.allSatisfy { $0.path == "sourceFile" }
    }

    /// Whether what the system does stays exactly the same.
    public var isFormal: Bool { isMoveOnly || isReferenceOnly }

    /// What the reader should know besides.
    public var notes: [String] {
        var notes: [String] = []
        if let renamedFrom { notes.append("renamed from `\(renamedFrom.name)`") }
        if isAdoption { notes.append("adopts a row that no spec managed") }
        if hasRunUnderWay, !isFormal {
            notes.append(
                action == .delete
                    ? "the run under way is cancelled"
                    : "the run under way keeps its revision; the change applies to the next run"
            )
        }
        return notes
    }
}
