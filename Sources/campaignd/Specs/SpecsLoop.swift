import Foundation
import Logging
import Postgres
import Reconciler
import Runtime
import ServiceLifecycle
import Store

/// Applies a folder of specs whenever it changes, and at an interval, so that edits by hand are put back.
///
/// What it may do without being asked is what `reconcile` may do without flags. A commit that cannot be applied changes
/// nothing, and is reported once, however many daemons meet it, and again when it comes back after good ones.
struct SpecsLoop: Service {
    /// How often the files are looked at; it reads only their times and sizes.
    private static let glance = Duration.seconds(2)
    private static let actor = "campaignd"

    let folder: SpecsFolder
    let interval: Duration
    let status = SpecsStatus()
    private let postgres: PostgresConfiguration
    private let logger: Logger
    private let clock = ContinuousClock()

    init(folder: String, interval: Duration, postgres: PostgresConfiguration, logger: Logger) {
        self.folder = SpecsFolder(path: folder)
        self.interval = interval
        self.postgres = postgres
        self.logger = logger
    }

    func run() async {
        let pool = PostgresPool(configuration: postgres, maxConnections: 1, logger: logger)
        await remember(pool)
        let reconciliation = Reconciliation(
            folder: folder,
            pool: pool,
            actor: Self.actor,
            toolVersion: Campaignd.toolVersion,
            logger: logger
        )
        var seen: String?
        var last: ContinuousClock.Instant?
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            let state = await folder.fingerprint()
            if state != seen || last.map({ clock.now - $0 >= interval }) ?? true {
                // What is busy is tried again at the next glance.
                let isSettled = await attempt(reconciliation)
                (seen, last) = isSettled ? (state, clock.now) : (nil, nil)
            }
            // Ends early by shutdown or cancellation only, which end the loop.
            try? await cancelWhenGracefulShutdown { try await clock.sleep(for: Self.glance) }
        }
        await pool.shutdown()
    }

    /// Tells what was applied before this process began.
    private func remember(_ pool: PostgresPool) async {
        do {
            let latest = try await HistoryRepository().list(limit: 1, pool: pool).first
            status.began(commit: latest?.gitCommit, at: latest?.appliedAt)
        } catch {
            logger.warning("The history of the specs cannot be read", metadata: ["error": "\(error)"])
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
            logger.notice("Applied the specs", metadata: metadata.merging(counts) { $1 })
        case .failed(let reason, let isNew):
            status.failed(commit: commit, at: Date(), reason: reason)
            logger.log(
                level: isNew ? .error : .debug,
                "The specs cannot be applied; nothing was changed",
                metadata: metadata.merging(["reason": "\(reason)"]) { $1 }
            )
        }
        return true
    }
}
