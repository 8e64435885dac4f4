import Foundation
package import Logging
import NIOCore
import NIOHTTP1
package import OneShotHTTP
import ServiceLifecycle
package import Settings
package import Store
import Synchronization

/// Passes webhooks on to other systems of the tenants, as `webhook.forward` of the tenant says.
///
/// Any number of daemons may run one: Postgres gives each tenant to one of them at a time. Webhooks are posted in the order
/// in which they were stored, with the bytes and the signature of WhatsApp. A webhook is deleted after a 2xx, so it may
/// arrive twice. A graceful shutdown ends after the posts that are under way.
package struct WebhookForwarder: Service {
    /// Times of the service; the defaults are those of a daemon.
    package struct Times: Sendable {
        /// The time that an answer may take.
        package var timeout = Duration.seconds(10)
        /// The time after which a tenant is left to others, and other tenants get their turn.
        package var turn = Duration.seconds(10)
        /// The length of a lease; longer than a turn and a timeout.
        package var lease = Duration.seconds(45)
        /// The delay after the first failure; it doubles with each.
        package var firstDelay = Duration.seconds(1)
        package var longestDelay = Duration.seconds(60)
        /// The age after which a webhook is given up.
        package var giveUp = Duration.seconds(24 * 3600)
        /// The time between two looks, if nothing wakes the service.
        package var interval = Duration.seconds(5)

        package init() {}

        /// Returns the delay after a number of failures in a row, by up to a fifth longer.
        func delay(after failures: Int, random: Double) -> Duration {
            firstDelay.doubled(by: failures - 1, upTo: longestDelay) * (1 + 0.2 * random)
        }
    }

    private static let field = "webhook.forward"
    /// Tenants that are posted for at once.
    private static let limit = 16
    private static let largestBatch = 64
    /// Bytes of the bodies of a batch; a single body may be larger.
    private static let batchSize = 1 << 20
    /// Posts at once for a tenant with more waiting webhooks than a batch has: one at a time might never catch up.
    private static let width = 8
    /// Errors that say nothing of the webhook that was posted.
    private static let receiverErrors: Set = [401, 403, 404, 407, 408, 410, 429, 502, 503, 504]

    private let forwards: ForwardRepository
    private let tokens: TokenResolver
    private let outbound: OutboundSettings
    private let wakeup: WakeSignal
    private let times: Times
    private let metrics: ForwardMetrics?
    private let logger: Logger
    private let posters: HookPosters
    private let underWay = UnderWay()

    /// Makes a forwarder.
    ///
    /// - Parameters:
    ///   - forwards: The outbox.
    ///   - tokens: Resolves references, each time they are needed.
    ///   - outbound: The proxy, and the certificates to trust.
    ///   - wakeup: Notified when there is something to post; this service is its only waiter.
    ///   - times: Times of the service.
    ///   - metrics: Counts posts.
    ///   - logger: The log.
    package init(
        forwards: ForwardRepository,
        tokens: TokenResolver,
        outbound: OutboundSettings = OutboundSettings(),
        wakeup: WakeSignal = WakeSignal(),
        times: Times = Times(),
        metrics: ForwardMetrics? = nil,
        logger: Logger
    ) {
        self.forwards = forwards
        self.tokens = tokens
        self.outbound = outbound
        self.wakeup = wakeup
        self.times = times
        self.metrics = metrics
        self.logger = logger
        posters = HookPosters(outbound: outbound, timeout: times.timeout, connections: Self.width)
    }

    package func run() async {
        let loop = PeriodicLoop(
            every: times.interval,
            wakeup: wakeup,
            logger: logger,
            failure: "Could not read webhooks to be passed on, trying again"
        )
        // A slow receiver must not hold up those of other tenants, so turns are not waited for.
        await withDiscardingTaskGroup { group in
            await loop.runAdaptively { () async throws -> PeriodicLoop.Next in
                await posters.closeUnused()
                for lease in try await claim() {
                    group.addTask {
                        await use(lease)
                        // Something may have been stored after the last look of the turn.
                        wakeup.notify()
                    }
                }
                return .wait
            }
        }
        await posters.close()
    }

    /// Gives each tenant whose time has come one turn, and waits for all.
    ///
    /// - Returns: The number of tenants.
    /// - Throws: `PostgresError` if nothing can be claimed.
    @discardableResult
    func postDue() async throws -> Int {
        let leases = try await claim()
        await withDiscardingTaskGroup { group in
            for lease in leases { group.addTask { await use(lease) } }
        }
        return leases.count
    }

    private func claim() async throws -> [ForwardLease] {
        let free = Self.limit - underWay.count
        guard free > 0 else { return [] }
        let leases = try await forwards.claim(limit: free, lease: times.lease)
        underWay.add(leases.count)
        return leases
    }

    private func use(_ lease: ForwardLease) async {
        defer { underWay.add(-1) }
        do {
            try await post(lease)
        } catch {
            // The lease ends, and what was not recorded is posted again.
            logger.warning(
                "Could not record what became of webhooks, they are passed on again",
                metadata: ["tenant": "\(lease.tenantID)", "error": "\(error)"]
            )
        }
    }

    private func post(_ lease: ForwardLease) async throws {
        guard let address = lease.address else {
            let dropped = try await drop(lease, olderThan: .zero)
            logger.notice(
                "Webhooks dropped, their tenant forwards no more",
                metadata: ["tenant": "\(lease.tenantID)", "count": "\(dropped)"]
            )
            return try await forwards.end(lease)
        }
        let url: HookURL
        let poster: HTTPPoster
        do throws(HookURL.Problem) {
            url = try HookURL(address, field: Self.field, tokens: tokens)
            poster = try await posters.poster(for: url.origin, of: lease.tenantID)
        } catch {
            metrics?.count(.held)
            return try await pause(lease, because: error.description, after: times.longestDelay)
        }
        let (taken, failure) = try await post(lease, to: url, with: poster)
        guard let failure else {
            // A shutdown may have come before the first post.
            guard taken > 0 else { return try await forwards.end(lease, failure: lease.failure) }
            if lease.failure != nil {
                logger.notice("Webhooks are passed on again", metadata: ["tenant": "\(lease.tenantID)"])
            }
            return try await forwards.end(lease)
        }
        metrics?.count(.failed)
        let delay = times.delay(after: lease.attempts + 1, random: .random(in: 0...1))
        try await pause(lease, because: failure.reason, after: max(delay, failure.retryAfter))
    }

    /// Posts batch after batch until nothing waits, the turn is over, or the receiver fails.
    private func post(
        _ lease: ForwardLease,
        to url: HookURL,
        with poster: HTTPPoster
    ) async throws -> (taken: Int, failure: (reason: String, retryAfter: Duration)?) {
        let end = ContinuousClock.now + times.turn
        var taken = 0
        while true {
            let batch = try await forwards.waiting(
                of: lease.tenantID,
                limit: Self.largestBatch,
                bytes: Self.batchSize
            )
            guard !batch.isEmpty else { return (taken, nil) }
            // More are tried with each failure, so that refused ones cannot hold up the others for ever.
            var progress = ForwardProgress(patience: 2 + lease.attempts)
            let width = batch.count == Self.largestBatch ? Self.width : 1
            var rest = batch[...]
            while !rest.isEmpty, ContinuousClock.now < end, !Task.isShuttingDownGracefully, !Task.isCancelled {
                let outcomes = await post(rest.prefix(width), to: url, with: poster)
                rest = rest.dropFirst(width)
                guard progress.note(outcomes) else { break }
            }
            CrashPoint.webhooksForwarded.reach()
            try await forwards.remove(progress.taken)
            taken += progress.taken.count
            metrics?.count(.delivered, by: progress.taken.count)
            if !progress.putOff.isEmpty { try await putOff(progress.putOff, of: lease) }
            if progress.failure != nil || !rest.isEmpty { return (taken, progress.failure) }
        }
    }

    private func post(
        _ webhooks: ArraySlice<WaitingWebhook>,
        to url: HookURL,
        with poster: HTTPPoster
    ) async -> [(id: Int64, outcome: ForwardOutcome)] {
        await withTaskGroup(of: (Int, ForwardOutcome).self) { group in
            for (index, webhook) in zip(webhooks.indices, webhooks) {
                group.addTask { (index, await Self.post(webhook, to: url, with: poster)) }
            }
            var outcomes: [Int: ForwardOutcome] = [:]
            for await (index, outcome) in group { outcomes[index] = outcome }
            return zip(webhooks.indices, webhooks).compactMap { index, webhook in
                outcomes[index].map { (webhook.id, $0) }
            }
        }
    }

    private static func post(
        _ webhook: WaitingWebhook,
        to url: HookURL,
        with poster: HTTPPoster
    ) async -> ForwardOutcome {
        let request = PostRequest(
            path: url.path,
            headers: [
                "Content-Type": "application/json", "User-Agent": "campaignd",
                "X-Hub-Signature-256": webhook.signature,
            ],
            body: ByteBuffer(bytes: webhook.body)
        )
        switch await HookClient.post(request, with: poster, field: field) {
        case .taken: return .taken
        case .failed(let reason, let status?, .zero) where status >= 400 && !receiverErrors.contains(status):
            return .refused(reason)
        case .failed(let reason, _, let retryAfter): return .failed(reason, retryAfter: retryAfter)
        }
    }
}

extension WebhookForwarder {
    /// Leaves a receiver alone for a while.
    private func pause(_ lease: ForwardLease, because reason: String, after delay: Duration) async throws {
        if lease.failure != reason {
            logger.warning(
                "Webhooks cannot be passed on, trying again",
                metadata: ["tenant": "\(lease.tenantID)", "reason": "\(reason)"]
            )
        }
        try await giveUp(lease, because: reason)
        try await forwards.end(lease, failure: reason, after: delay)
    }

    private func putOff(_ ids: [Int64], of lease: ForwardLease) async throws {
        metrics?.count(.failed, by: ids.count)
        logger.warning(
            "Webhooks refused by their receiver, which takes others; they are posted again",
            metadata: ["tenant": "\(lease.tenantID)", "count": "\(ids.count)"]
        )
        try await forwards.putOff(ids)
        try await giveUp(lease, because: "refused by the receiver")
    }

    private func giveUp(_ lease: ForwardLease, because reason: String) async throws {
        let count = try await drop(lease, olderThan: times.giveUp)
        guard count > 0 else { return }
        metrics?.count(.givenUp, by: count)
        logger.error(
            "Webhooks given up, they are not passed on",
            metadata: ["tenant": "\(lease.tenantID)", "count": "\(count)", "reason": "\(reason)"]
        )
    }

    private func drop(_ lease: ForwardLease, olderThan age: Duration) async throws -> Int {
        let limit = 1_000
        var count = 0
        while true {
            let dropped = try await forwards.drop(of: lease.tenantID, olderThan: age, limit: limit)
            count += dropped
            if dropped < limit { return count }
        }
    }
}

/// The number of tenants that are posted for.
private final class UnderWay: Sendable {
    private let number = Mutex(0)
    var count: Int { number.withLock { $0 } }
    func add(_ more: Int) { number.withLock { $0 += more } }
}

/// The posters of receivers that were posted to lately: making one reads the certificates of the machine.
private actor HookPosters {
    private static let lifetime = Duration.seconds(60)

    private let outbound: OutboundSettings
    private let timeout: Duration
    private let connections: Int
    private var posters: [String: (poster: HTTPPoster, origin: HTTPOrigin, usedAt: ContinuousClock.Instant)] = [:]

    init(outbound: OutboundSettings, timeout: Duration, connections: Int) {
        (self.outbound, self.timeout, self.connections) = (outbound, timeout, connections)
    }

    func poster(for origin: HTTPOrigin, of tenant: String) async throws(HookURL.Problem) -> HTTPPoster {
        if let known = posters[tenant], known.origin == origin {
            posters[tenant]?.usedAt = .now
            return known.poster
        }
        let poster = try await HookClient.poster(
            for: origin,
            outbound: outbound,
            timeout: timeout,
            connections: connections
        )
        // Only the holder of the tenant's lease uses the former one, and that is the caller.
        await posters.updateValue((poster, origin, .now), forKey: tenant)?.poster.shutdown()
        return poster
    }

    func closeUnused() async {
        let now = ContinuousClock.now
        for (tenant, entry) in posters where now - entry.usedAt > Self.lifetime {
            posters[tenant] = nil
            await entry.poster.shutdown()
        }
    }

    func close() async {
        for entry in posters.values { await entry.poster.shutdown() }
        posters = [:]
    }
}
