import Crypto
import Foundation
import JSON
public import Logging
public import Postgres
import Spec
import Spelling
import Store
import Synchronization

/// Applies a folder of specs again and again, and records failures.
public struct Reconciliation: Sendable {
    /// The result of one attempt.
    public enum Outcome: Sendable {
        /// There was nothing to do.
        case upToDate(digest: String)
        case applied(Plan, historyID: Int)
        /// Nothing was changed; `isNew` is false if a daemon has recorded the same failure before and it did not heal since.
        case failed(reason: String, isNew: Bool)
        /// Another reconcile holds the lock, or the files are being changed: try again.
        case busy
    }

    private let folder: SpecsFolder
    private let holds: @Sendable (String) -> Bool
    private let pool: PostgresPool
    private let rules: SafetyRules
    private let actor: String
    private let toolVersion: String
    private let logger: Logger
    private let lastFailure = LastFailure()

    /// Makes a reconciliation.
    ///
    /// - Parameters:
    ///   - folder: The specs.
    ///   - holds: Returns whether the database holds a tenant; specs of others are left out.
    ///   - pool: The database.
    ///   - rules: The safety rules.
    ///   - actor: The actor to record in the history.
    ///   - toolVersion: The version to record in the history.
    ///   - logger: Receives warnings.
    public init(
        folder: SpecsFolder,
        holds: @escaping @Sendable (String) -> Bool = { _ in true },
        pool: PostgresPool,
        rules: SafetyRules = SafetyRules(),
        actor: String,
        toolVersion: String,
        logger: Logger
    ) {
        self.folder = folder
        self.holds = holds
        self.pool = pool
        self.rules = rules
        self.actor = actor
        self.toolVersion = toolVersion
        self.logger = logger
    }

    /// Plans and applies once.
    ///
    /// - Parameter commit: The commit of the specs, from ``GitCommit/current(of:)``.
    /// - Returns: The result; an error of the database is a result too, because the next attempt may succeed.
    public func attempt(commit: String?) async -> Outcome {
        let before = await folder.fingerprint()
        let catalog = await folder.load()
        // During a checkout the files belong neither to the old commit nor to the new one: git changes the files first,
        // then HEAD.
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
            case .refused, .otherEnvironment: return await failed(.refused, error.description, commit)
            case .invalidSpecs, .unknownTenants, .conflicts, .deletion:
                return await failed(.invalid, error.description, commit)
            }
        } catch {
            return await failed(.failed, "\(error)", commit)
        }
    }

    private func apply(_ catalog: SpecCatalog, _ commit: String?) async throws -> Outcome {
        let root = folder.path
        let desired = try await BlockingWork.run { [holds] in
            Result { try DesiredState(catalog: catalog, root: root, holds: holds) }
        }
        .get()
        let plan = try await Planner(pool: pool, logger: logger).plan(desired)
        let origin = Applier.Origin(actor: actor, gitCommit: commit, toolVersion: toolVersion)
        let id = try await Applier(pool: pool).apply(plan, desired, rules: rules, origin: origin)
        return id.map { .applied(plan, historyID: $0) } ?? .upToDate(digest: plan.digest)
    }

    private func healed() async {
        lastFailure.replace(with: nil)
        do {
            try await AttemptRepository(pool: pool).heal()
        } catch {
            // The next successful attempt records it again.
            logger.warning("Could not record that the specs were applied again", metadata: ["error": "\(error)"])
        }
    }

    /// Lists the first errors of the specs; `reconcile validate` shows all.
    private func reason(_ catalog: SpecCatalog) -> String {
        let errors = catalog.diagnostics.filter { $0.severity == .error }
        let lines = errors.prefix(5).map { error in
            "\(folder.relative(error.place.file)):\(error.place.start.line):\(error.place.start.column): \(error.message)"
        }
        let rest = errors.count > lines.count ? ["and \((errors.count - lines.count).grouped) more errors"] : []
        return (lines + rest).joined(separator: "\n")
    }

    private func failed(
        _ outcome: AttemptRepository.Outcome,
        _ reason: String,
        _ commit: String?
    ) async -> Outcome {
        // The fingerprint is the same on all daemons with the same files. It leaves out the commit, because during a
        // checkout the new files are seen with the old commit.
        let state = await folder.contentDigest()
        let subject = "\(state)\u{0}\(outcome.rawValue)\u{0}\(reason)"
        let fingerprint = SHA256.hash(data: Data(subject.utf8)).hexText
        // Another daemon may have healed the failure with a newer commit; here it is still the same one.
        let isRepeated = lastFailure.replace(with: fingerprint) == fingerprint
        do {
            let isNew = try await AttemptRepository(pool: pool)
                .add(fingerprint: fingerprint, gitCommit: commit, actor: actor, outcome: outcome, reason: reason)
            return .failed(reason: reason, isNew: isNew && !isRepeated)
        } catch {
            logger.warning("Could not record a failed reconcile", metadata: ["error": "\(error)"])
            return .failed(reason: reason, isNew: !isRepeated)
        }
    }
}

/// The fingerprint of the latest attempt's failure; `nil` if it did not fail.
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
