package import Foundation
package import Logging
import ServiceLifecycle
package import Store
import Synchronization

/// Stores webhooks that are to be passed on, before WhatsApp gets its answer.
///
/// The tenants that forward and the numbers of all are kept in memory, so webhooks of other tenants cost no query. A
/// graceful shutdown ends after everything handed in is committed.
package final class WebhookForwarding: Service, Sendable {
    /// The largest batch in KiB; a single webhook may be larger.
    private static let largestBatch = 4 * 1024
    private static let interval = Duration.seconds(3)

    private let forwards: ForwardRepository
    private let metrics: ForwardMetrics?
    private let logger: Logger
    private let stored: GroupCommit<ForwardedWebhook, Void, OnlyLane>
    private let routes = Mutex(ForwardRoutes())
    /// The tenants of webhooks that were not passed on, as far as the log has named them.
    private let named = Mutex<Set<Set<String>>>([])

    /// Makes the service; ``refresh()`` must be called before the first webhook comes.
    ///
    /// - Parameters:
    ///   - forwards: The outbox.
    ///   - wakeup: Notified when something is to be posted.
    ///   - metrics: Counts webhooks that are not passed on.
    ///   - logger: The log.
    package init(
        forwards: ForwardRepository,
        wakeup: WakeSignal,
        metrics: ForwardMetrics? = nil,
        logger: Logger
    ) {
        self.forwards = forwards
        self.metrics = metrics
        self.logger = logger
        stored = GroupCommit(.init(largest: Self.largestBatch)) { _, error in
            logger.error(
                "Could not store webhooks to be passed on, WhatsApp will repeat them",
                metadata: ["error": "\(error)"]
            )
        } commit: { batch in
            try await forwards.store(batch)
            wakeup.notify()
            return batch.map { _ in }
        }
    }

    /// Reads which tenants forward, and which numbers they have.
    ///
    /// - Throws: `PostgresError`; what was known before stays.
    package func refresh() async throws {
        let receivers = Set(try await forwards.receivers().map(\.tenant))
        guard !receivers.isEmpty else { return routes.withLock { $0 = ForwardRoutes() } }
        try await forwards.addReceivers()
        let known = ForwardRoutes(receivers: receivers, numbers: try await forwards.numbers())
        routes.withLock { $0 = known }
    }

    /// Stores a webhook if it is to be passed on; returns when it is committed.
    ///
    /// - Parameters:
    ///   - sources: The numbers and accounts that it is about.
    ///   - signature: Its signature, which was verified.
    ///   - body: Returns its bytes.
    /// - Throws: An error if it is not committed: WhatsApp must repeat it.
    package func take(
        from sources: Set<WebhookSource>,
        signature: String,
        body: () -> Data
    ) async throws {
        switch routes.withLock({ $0.route(for: sources) }) {
        case .none: return
        case .tenant(let tenant):
            let webhook = ForwardedWebhook(tenantID: tenant, signature: signature, body: body())
            try await stored.perform(webhook, weight: webhook.body.count / 1024 + 1)
        case .mixed(let tenants):
            metrics?.count(.mixed)
            guard named.withLock({ $0.insert(tenants).inserted }) else { return }
            logger.warning(
                "Webhook not passed on, it is about several tenants or about a number that is not known",
                metadata: ["tenants": "\(tenants.sorted().joined(separator: ", "))"]
            )
        }
    }

    package func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask {
                let loop = PeriodicLoop(
                    every: Self.interval,
                    logger: self.logger,
                    failure: "Could not read which tenants forward webhooks, trying again"
                )
                await loop.run { try await self.refresh() }
            }
            await stored.runUntilShutdown()
        }
    }
}
