import API
import CommandKit
import Foundation
import Logging
import Postgres
import Reconciler
import ServiceLifecycle
import Store
import Synchronization

/// Applies a folder of specs whenever it changes, and at an interval so that edits of rows by hand are reverted.
///
/// The safety rules are those of `reconcile` without flags. A commit that cannot be applied changes nothing. It is
/// logged as an error once, by the first daemon that meets it, and again if it returns after a commit that was applied.
struct SpecsLoop: Service {
    /// The interval at which times and sizes of the files are checked.
    private static let pollInterval = Duration.seconds(2)
    private static let actor = "campaignd"

    let folder: SpecsFolder
    let interval: Duration
    let status = SpecsStatus()
    /// Returns whether the database holds a tenant.
    private let holds: @Sendable (String) -> Bool
    private let postgres: PostgresConfiguration
    private let logger: Logger
    private let clock = ContinuousClock()

    init(
        folder: String,
        environment: String?,
        holds: @escaping @Sendable (String) -> Bool,
        interval: Duration,
        postgres: PostgresConfiguration,
        logger: Logger
    ) {
        self.folder = SpecsFolder(path: folder, environment: environment)
        self.holds = holds
        self.interval = interval
        self.postgres = postgres
        self.logger = logger
    }

    func run() async {
        let pool = PostgresPool(configuration: postgres, maxConnections: 1, logger: logger)
        await restoreStatus(pool)
        let reconciliation = Reconciliation(
            folder: folder,
            holds: holds,
            pool: pool,
            actor: Self.actor,
            toolVersion: Program.version,
            logger: logger
        )
        var seen: String?
        var last: ContinuousClock.Instant?
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            let state = await folder.fingerprint()
            if state != seen || last.map({ clock.now - $0 >= interval }) ?? true {
                // A busy attempt is repeated after the next interval.
                let isSettled = await attempt(reconciliation)
                (seen, last) = isSettled ? (state, clock.now) : (nil, nil)
            }
            // Ends early only by shutdown or cancellation, which also end the loop.
            try? await cancelWhenGracefulShutdown { try await clock.sleep(for: Self.pollInterval) }
        }
        await pool.shutdown()
    }

    /// Takes over the latest applied commit from the history, which an earlier process may have written.
    private func restoreStatus(_ pool: PostgresPool) async {
        do {
            let latest = try await HistoryRepository().list(limit: 1, pool: pool).first
            status.restore(commit: latest?.gitCommit, at: latest?.appliedAt)
        } catch {
            logger.warning("Could not read the reconcile history", metadata: ["error": "\(error)"])
        }
    }

    private func attempt(_ reconciliation: Reconciliation) async -> Bool {
        let commit = await GitCommit.current(of: folder.path)
        let metadata: Logger.Metadata = ["folder": "\(folder.path)", "commit": "\(commit ?? "none")"]
        switch await reconciliation.attempt(commit: commit) {
        case .busy: return false
        case .upToDate:
            status.applied(commit: commit, at: Date())
        case .applied(let plan, let id):
            status.applied(commit: commit, at: Date())
            let counts: Logger.Metadata = [
                "created": "\(plan.creates)", "updated": "\(plan.updates)", "deleted": "\(plan.deletes)",
                "digest": "\(plan.digest)", "history": "\(id)",
            ]
            logger.notice("Specs applied", metadata: metadata.merging(counts) { $1 })
        case .failed(let reason, let isNew):
            status.failed(commit: commit, at: Date(), reason: reason)
            logger.log(
                level: isNew ? .error : .debug,
                "Specs not applied, nothing was changed",
                metadata: metadata.merging(["reason": "\(reason)"]) { $1 }
            )
        }
        return true
    }
}

/// The state of applying the specs, which health checks and metrics show.
final class SpecsStatus: Sendable {
    private let current = Mutex(SpecsState())

    var state: SpecsState { current.withLock { $0 } }

    func applied(commit: String?, at date: Date) {
        current.withLock { state in
            (state.lastAttemptedCommit, state.lastAttemptedAt) = (commit, date)
            (state.lastAppliedCommit, state.lastAppliedAt) = (commit, date)
            state.reason = nil
        }
    }

    func failed(commit: String?, at date: Date, reason: String) {
        current.withLock { state in
            (state.lastAttemptedCommit, state.lastAttemptedAt) = (commit, date)
            state.reason = reason
        }
    }

    /// Sets the latest applied commit of an earlier process.
    func restore(commit: String?, at date: Date?) {
        current.withLock { ($0.lastAppliedCommit, $0.lastAppliedAt) = (commit, date) }
    }
}
