public import Foundation
public import Spec

/// A rule that stands against a plan, with the flag that allows exactly that.
public enum SafetyRefusal: Hashable, Sendable, CustomStringConvertible {
    /// There is no spec at all, but there are rows.
    case emptyCatalog(rows: Int)
    /// A tenant has no spec any more, but it has rows.
    case emptyTenant(String, rows: Int)
    case protectedDelete(SpecIdentity)
    /// A run would be cancelled.
    case deleteUnderWay(SpecIdentity)
    /// What is deleted and what is created are so alike that it looks like one spec under a new name.
    case looksLikeRename(from: SpecIdentity, to: SpecIdentity)
    /// Rows of both names exist, so nothing can be renamed, and the old one would be deleted.
    case ignoredRename(from: SpecIdentity, to: SpecIdentity)
    /// A row that no spec managed would become that of a spec.
    case unmanagedRow(SpecIdentity, row: UUID)
    /// The tenant's own policy forbids it.
    case policy(PolicyBreach)
    /// Too much of a tenant changes at once.
    case tooManyChanges(tenant: String, changed: Int, rows: Int, limit: Int)

    /// The flag, with its value, that allows this.
    public var flag: String {
        switch self {
        case .emptyCatalog: "--allow-empty"
        case .emptyTenant(let tenant, _): "--allow-empty-tenant \(tenant)"
        case .protectedDelete(let identity), .deleteUnderWay(let identity), .looksLikeRename(let identity, _),
            .ignoredRename(let identity, _):
            "--allow-delete \(identity)"
        case .unmanagedRow(let identity, _): "--adopt \(identity)"
        case .policy(let breach): "--allow-policy \(breach.exception)"
        case .tooManyChanges(_, let changed, let rows, _): "--max-change-percent \((changed * 100 + rows - 1) / rows)"
        }
    }

    /// A name for machines.
    public var code: String {
        switch self {
        case .emptyCatalog: "emptyCatalog"
        case .emptyTenant: "emptyTenant"
        case .protectedDelete: "protectedDelete"
        case .deleteUnderWay: "deleteUnderWay"
        case .looksLikeRename: "looksLikeRename"
        case .ignoredRename: "ignoredRename"
        case .unmanagedRow: "unmanagedRow"
        case .policy: "policy"
        case .tooManyChanges: "tooManyChanges"
        }
    }

    public var description: String { "\(reason); to allow it: \(flag)" }

    /// What is against the plan, without the flag.
    public var reason: String {
        switch self {
        case .emptyCatalog(let rows):
            "there are no specs, and the database has \(rows): everything would be deleted"
        case .emptyTenant(let tenant, let rows):
            "tenant `\(tenant)` has no specs any more, and the database has \(rows): all of them would be deleted"
        case .protectedDelete(let identity): "\(identity) is protected and would be deleted"
        case .deleteUnderWay(let identity): "\(identity) has a run under way, which would be cancelled"
        case .looksLikeRename(let from, let to):
            "\(from) would be deleted, and \(to), which is much like it, created; "
                + "if it is the same, keep its history with `renamedFrom: \(from.name)`"
        case .ignoredRename(let from, let to):
            "\(to) says `renamedFrom: \(from.name)`, but exists already, so \(from) would be deleted, not renamed"
        case .unmanagedRow(let identity, let row):
            "\(identity) exists already as row \(row.uuidString.lowercased()), which no spec manages"
        case .policy(let breach): breach.reason
        case .tooManyChanges(let tenant, let changed, let rows, let limit):
            "\(changed) of \(rows) specs of tenant `\(tenant)` would be changed or deleted, more than \(limit) %"
        }
    }
}
