public import Spec
public import Store

/// Why specs could not be planned or applied; nothing was changed.
public enum ReconcileError: Error, CustomStringConvertible {
    /// A spec of which it cannot be told which row it means.
    public struct Conflict: Hashable, Sendable {
        public let identity: SpecIdentity
        /// Where the spec stands.
        public let place: SourcePlace
        /// Why, and what helps; it follows the identity.
        public let reason: String
    }

    case invalidSpecs(errors: Int)
    case unknownTenants([String], known: [String])
    case conflicts([Conflict])
    /// A safety rule stands against the plan.
    case refused([SafetyRefusal])
    /// The plan is no longer the one that was looked at.
    case staleDigest(expected: String, actual: String)
    /// Another application is under way.
    case lockBusy(holder: ReconcileLock.Holder?)

    public var description: String {
        switch self {
        case .invalidSpecs(let errors):
            "the specs have \(errors) error\(errors == 1 ? "" : "s"); nothing was changed"
        case .unknownTenants(let tenants, let known):
            "unknown tenant\(tenants.count == 1 ? "" : "s") \(Self.list(tenants)); "
                + (known.isEmpty ? "there are no specs at all" : "there are \(Self.list(known))")
        case .conflicts(let conflicts):
            conflicts.map { conflict in
                "\(conflict.place.file):\(conflict.place.start.line):\(conflict.place.start.column): "
                    + "\(conflict.identity) \(conflict.reason)"
            }
            .joined(separator: "\n")
        case .refused(let refusals):
            refusals.map(\.description).joined(separator: "\n")
        case .staleDigest(let expected, let actual):
            "the plan is \(actual) now, not \(expected); look at the new plan and apply that"
        case .lockBusy(let holder):
            "another reconcile is being applied"
                + (holder.map { " by \($0)" } ?? "") + "; try again when it is done"
        }
    }

    private static func list(_ names: [String]) -> String {
        names.map { "`\($0)`" }.joined(separator: ", ")
    }
}
