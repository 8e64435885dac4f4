public import Spec

/// A rule that stands against a plan, with the flag that allows exactly that.
public enum SafetyRefusal: Hashable, Sendable, CustomStringConvertible {
    /// There is no spec at all, but there are rows.
    case emptyCatalog(rows: Int)
    case protectedDelete(SpecIdentity)
    case deleteUnderWay(SpecIdentity)
    /// Too much of a tenant changes at once.
    case tooManyChanges(tenant: String, changed: Int, rows: Int, limit: Int)

    /// The flag, with its value, that allows this.
    public var flag: String {
        switch self {
        case .emptyCatalog: "--allow-empty"
        case .protectedDelete(let identity), .deleteUnderWay(let identity): "--allow-delete \(identity)"
        case .tooManyChanges(_, let changed, let rows, _): "--max-change-percent \((changed * 100 + rows - 1) / rows)"
        }
    }

    /// A name for machines.
    public var code: String {
        switch self {
        case .emptyCatalog: "emptyCatalog"
        case .protectedDelete: "protectedDelete"
        case .deleteUnderWay: "deleteUnderWay"
        case .tooManyChanges: "tooManyChanges"
        }
    }

    public var description: String { "\(reason); to allow it: \(flag)" }

    /// What is against the plan, without the remedy.
    public var reason: String {
        switch self {
        case .emptyCatalog(let rows):
            "there are no specs, and the database has \(rows): everything would be deleted"
        case .protectedDelete(let identity): "\(identity) is protected and would be deleted"
        case .deleteUnderWay(let identity): "\(identity) has a run under way and would be deleted"
        case .tooManyChanges(let tenant, let changed, let rows, let limit):
            "\(changed) of \(rows) specs of tenant `\(tenant)` would be changed or deleted, more than \(limit) %"
        }
    }
}
