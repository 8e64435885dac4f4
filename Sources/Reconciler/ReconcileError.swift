public import Spec
import Spelling
public import Store

/// The reason why specs could not be planned or applied; nothing was changed.
public enum ReconcileError: Error, CustomStringConvertible {
    /// A spec for which it is ambiguous which row it describes.
    public struct Conflict: Hashable, Sendable {
        public let identity: SpecIdentity
        /// The place of the spec.
        public let place: SourcePlace
        /// The reason and the remedy; it follows the identity.
        public let reason: String
    }

    case invalidSpecs(errors: Int)
    case unknownTenants([String], known: [String])
    case conflicts([Conflict])
    /// A template cannot be deleted at WhatsApp; the reason.
    case deletion(String)
    /// The database has the specs of another environment.
    case otherEnvironment(stored: String, given: String?)
    /// Safety rules block the plan.
    case refused([SafetyRefusal])
    /// The plan has changed since it was shown.
    case staleDigest(expected: String, actual: String)
    /// Another reconcile holds the lock.
    case lockBusy(holder: ReconcileLock.Holder?)

    public var description: String {
        switch self {
        case .invalidSpecs(let errors):
            "the specs have \(NumberText.count(errors, "error")); nothing was changed"
        case .unknownTenants(let tenants, let known):
            "unknown tenant\(tenants.count == 1 ? "" : "s") \(Self.list(tenants)); "
                + (known.isEmpty ? "there are no specs at all" : "known tenants are \(Self.list(known))")
        case .conflicts(let conflicts):
            conflicts.map { conflict in
                "\(conflict.place.file):\(conflict.place.start.line):\(conflict.place.start.column): "
                    + "\(conflict.identity) \(conflict.reason)"
            }
            .joined(separator: "\n")
        case .deletion(let reason): "\(reason); nothing was changed"
        case .otherEnvironment(let stored, let given):
            "this database has the specs of environment `\(stored)`, "
                + (given.map { "not of `\($0)`" } ?? "and none was given") + "; nothing was changed. "
                + "Check the address of the database, or give `--environment \(stored)`. "
                + "To give the database the values of \(given.map { "`\($0)`" } ?? "no environment") from now on, add "
                + "`--change-environment`"
        case .refused(let refusals):
            (refusals.map(\.description) + Self.explanations(of: refusals)).joined(separator: "\n")
        case .staleDigest(let expected, let actual):
            "the plan has changed: its digest is \(actual), not \(expected); review the new plan and apply that"
        case .lockBusy(let holder):
            "another reconcile holds the lock"
                + (holder.map { ": \($0)" } ?? "") + "; try again when it has finished"
        }
    }

    /// Says how to learn more about the rules, once for each rule.
    private static func explanations(of refusals: [SafetyRefusal]) -> [String] {
        let rules = Set(refusals.map(\.rule))
        return SafetyRule.allCases.filter(rules.contains).map { "see `reconcile explain \($0.rawValue)`" }
    }

    private static func list(_ names: [String]) -> String {
        names.map { "`\($0)`" }.joined(separator: ", ")
    }
}
