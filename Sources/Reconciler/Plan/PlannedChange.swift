public import Foundation
public import Spec

/// One row that a plan creates, updates or deletes.
public struct PlannedChange: Sendable {
    /// What happens to the row; to delete is to archive.
    public enum Action: String, Hashable, Sendable {
        case create, update, delete
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
    /// Never empty for an update; empty for a create and a delete.
    public internal(set) var differences: [FieldDifference]
    /// Where the spec, or the first field that differs, stands in its file; `nil` for a delete.
    public let place: SourcePlace?
    public let hasRunUnderWay: Bool
    /// For campaigns that can be counted.
    public internal(set) var impact: CampaignImpact?

    /// Whether the row refuses deletion, according to itself.
    public var isProtected: Bool { before?["protect"] == true }

    /// Whether nothing changes but the file that the spec stands in.
    public var isMoveOnly: Bool {
        action == .update && differences.allSatisfy { $0.path == "sourceFile" }
    }

    /// What the reader should know besides.
    public var notes: [String] {
        var notes: [String] = []
        if let renamedFrom { notes.append("renamed from `\(renamedFrom.name)`") }
        if hasRunUnderWay, !isMoveOnly {
            notes.append(
                action == .delete
                    ? "the run under way is not stopped by this"
                    : "the run under way keeps its revision; the change applies to the next run"
            )
        }
        return notes
    }
}
