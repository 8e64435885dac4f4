public import Foundation
public import Spec
public import Store

/// Why specs could not be planned or applied; nothing was changed.
public enum ReconcileError: Error, CustomStringConvertible {
    /// A row that belongs to no spec and bears the name of one.
    public struct Conflict: Hashable, Sendable {
        public let identity: SpecIdentity
        public let rowID: UUID
        /// Where the spec stands.
        public let place: SourcePlace
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
                    + "\(conflict.identity) exists already as row \(conflict.rowID.uuidString.lowercased()), "
                    + "which no spec manages; rename the spec or remove the row"
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
