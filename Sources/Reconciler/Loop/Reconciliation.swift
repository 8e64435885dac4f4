import Crypto
import Foundation
import JSON
public import Logging
public import Postgres
import Spec
import Store
import Synchronization

/// Brings the database to what a folder says, as often as it is asked to, and notes what stands in the way.
public struct Reconciliation: Sendable {
    /// How one attempt ended.
    public enum Outcome: Sendable {
        /// There was nothing to do.
        case upToDate(digest: String)
        case applied(Plan, historyID: Int)
        /// Nothing was changed; `isNew` is false for what was met before, by anybody, and did not heal since.
        case failed(reason: String, isNew: Bool)
        /// Another application is under way, or the files are being changed: to be tried again.
        case busy
    }

    private let folder: SpecsFolder
    private let pool: PostgresPool
    private let rules: SafetyRules
    private let actor: String
    private let toolVersion: String
    private let logger: Logger
    private let lastFailure = LastFailure()

    /// Makes a reconciliation.
    ///
    /// - Parameters:
    ///   - folder: Where the specs are.
    ///   - pool: The database.
    ///   - rules: What may be done without being asked.
    ///   - actor: Who does it, for the history.
    ///   - toolVersion: The version of the program, for the history.
    ///   - logger: Where warnings of the database go.
    public init(
        folder: SpecsFolder,
        pool: PostgresPool,
        rules: SafetyRules = SafetyRules(),
        actor: String,
        toolVersion: String,
        logger: Logger
    ) {
        self.folder = folder
        self.pool = pool
        self.rules = rules
        self.actor = actor
        self.toolVersion = toolVersion
        self.logger = logger
    }

    /// Plans and applies once.
    ///
    /// - Parameter commit: Where the specs come from, as ``GitCommit/current(of:)`` says.
    /// - Returns: How it ended; errors of the database are an outcome like any other, since the next attempt may succeed.
    public func attempt(commit: String?) async -> Outcome {
        let before = await folder.fingerprint()
        let catalog = await folder.load()
        // A checkout under way is neither the old state nor the new one; it moves the files first, and then the commit.
        guard await folder.fingerprint() == before, await GitCommit.current(of: folder.path) == commit else {
            return .busy
        }
        do {
            guard catalog.isValid else { return await failed(.invalid, reason(catalog), commit) }
            let outcome = try await apply(catalog, commit)
            await healed()
            return outcome
        } catch let error as ReconcileError {
            switch error {
            case .lockBusy, .staleDigest: return .busy
            case .refused: return await failed(.refused, error.description, commit)
            case .invalidSpecs, .unknownTenants, .conflicts:
                return await failed(.invalid, error.description, commit)
            }
        } catch {
            return await failed(.failed, "\(error)", commit)
        }
    }

    private func apply(_ catalog: SpecCatalog, _ commit: String?) async throws -> Outcome {
        let root = folder.path
        let desired = try await BlockingWork.run { Result { try DesiredState(catalog: catalog, root: root) } }.get()
        let plan = try await Planner(pool: pool, logger: logger).plan(desired)
        guard !plan.isEmpty else { return .upToDate(digest: plan.digest) }
        let origin = Applier.Origin(actor: actor, gitCommit: commit, toolVersion: toolVersion)
        let id = try await Applier(pool: pool).apply(plan, desired, rules: rules, origin: origin)
        return id.map { .applied(plan, historyID: $0) } ?? .upToDate(digest: plan.digest)
    }

    private func healed() async {
        lastFailure.replace(with: nil)
        do {
            try await AttemptRepository(pool: pool).heal()
        } catch {
            // Like every good attempt, the next one heals.
            logger.warning("It could not be noted that the specs are in order", metadata: ["error": "\(error)"])
        }
    }

    /// The first few errors; the rest is a call of `reconcile validate` away.
    private func reason(_ catalog: SpecCatalog) -> String {
        let errors = catalog.diagnostics.filter { $0.severity == .error }
        let lines = errors.prefix(5).map { error in
            "\(folder.relative(error.place.file)):\(error.place.start.line):\(error.place.start.column): \(error.message)"
        }
        let rest = errors.count > lines.count ? ["and \(errors.count - lines.count) more errors"] : []
        return (lines + rest).joined(separator: "\n")
    }

    private func failed(
        _ outcome: AttemptRepository.Outcome,
        _ reason: String,
        _ commit: String?
    ) async -> Outcome {
        // The same files are one failure on all daemons, wherever they keep their copies. The commit does not count: a
        // checkout changes the files first, and who looks in between sees them with the commit before.
        let state = await folder.contentDigest()
        let subject = "\(state)\u{0}\(outcome.rawValue)\u{0}\(reason)"
        let fingerprint = SHA256.hash(data: Data(subject.utf8)).hexText
        // Where others have the next commit already, it heals for them, and here it is still the same failure.
        let isRepeated = lastFailure.replace(with: fingerprint) == fingerprint
        do {
            let isNew = try await AttemptRepository(pool: pool)
                .add(fingerprint: fingerprint, gitCommit: commit, actor: actor, outcome: outcome, reason: reason)
            return .failed(reason: reason, isNew: isNew && !isRepeated)
        } catch {
            logger.warning("A failed reconcile could not be noted", metadata: ["error": "\(error)"])
            return .failed(reason: reason, isNew: !isRepeated)
        }
    }
}

/// What the attempt before failed of, by its fingerprint; `nil` if it did not.
private final class LastFailure: Sendable {
    private let fingerprint = Mutex<String?>(nil)

    @discardableResult
    func replace(with new: String?) -> String? {
        fingerprint.withLock { current in
            defer { current = new }
            return current
        }
    }
}
