package import Foundation
package import Logging
package import OneShotHTTP
import ServiceLifecycle
package import Settings
package import Store

/// Posts what happened to campaigns to the people of their tenants, as `notify` of the tenant says.
///
/// Any number of daemons may run one: Postgres gives each post to one of them at a time. A post is repeated until the
/// receiver has answered with a 2xx, so it may arrive twice, with the same id. A graceful shutdown ends after the posts
/// that are under way.
package struct Notifier: Service {
    /// Times of the service; the defaults are those of a daemon.
    package struct Times: Sendable {
        /// The least time between two posts to a tenant for one reason; also the length of a claim.
        package var spacing = Duration.seconds(60)
        /// The time that an answer may take; shorter than `spacing`.
        package var timeout = Duration.seconds(10)
        /// The delay after the first failed attempt; it doubles with each.
        package var firstDelay = Duration.seconds(60)
        package var longestDelay = Duration.seconds(3600)
        /// The time after which a post is not repeated any more.
        package var giveUp = Duration.seconds(12 * 3600)
        /// The time between two looks, if nothing wakes the service.
        package var interval = Duration.seconds(5)

        package init() {}

        /// Returns the delay after a failed attempt.
        ///
        /// - Parameters:
        ///   - attempt: The attempt, from 1.
        ///   - random: A number from 0 to 1, by which the delay is up to a fifth longer.
        /// - Returns: The delay.
        func delay(after attempt: Int, random: Double) -> Duration {
            firstDelay.doubled(by: attempt - 1, upTo: longestDelay) * (1 + 0.2 * random)
        }
    }

    /// Posts at once; each has connections of its own.
    private static let limit = 20
    private let notifications: NotificationRepository
    private let tokens: TokenResolver
    private let outbound: OutboundSettings
    private let wakeup: WakeSignal?
    private let times: Times
    private let now: @Sendable () -> Date
    private let metrics: NotificationMetrics?
    private let logger: Logger

    /// Makes a notifier.
    ///
    /// - Parameters:
    ///   - notifications: The outbox.
    ///   - tokens: Resolves references, each time they are needed.
    ///   - outbound: The proxy, and the certificates to trust.
    ///   - wakeup: Notified when there is something to post; this service is its only waiter.
    ///   - times: Times of the service.
    ///   - now: The clock of the signatures.
    ///   - metrics: Counts attempts.
    ///   - logger: The log.
    package init(
        notifications: NotificationRepository,
        tokens: TokenResolver,
        outbound: OutboundSettings = OutboundSettings(),
        wakeup: WakeSignal? = nil,
        times: Times = Times(),
        now: @escaping @Sendable () -> Date = { Date() },
        metrics: NotificationMetrics? = nil,
        logger: Logger
    ) {
        self.notifications = notifications
        self.tokens = tokens
        self.outbound = outbound
        self.wakeup = wakeup
        self.times = times
        self.now = now
        self.metrics = metrics
        self.logger = logger
    }

    package func run() async {
        let loop = PeriodicLoop(
            every: times.interval,
            wakeup: wakeup,
            logger: logger,
            failure: "Could not read notifications, trying again"
        )
        await loop.runAdaptively { () async throws -> PeriodicLoop.Next in
            try await postDue() == Self.limit ? .again : .wait
        }
    }

    /// Posts what is due.
    ///
    /// - Returns: The number of posts that were tried.
    /// - Throws: `PostgresError` if nothing can be claimed.
    @discardableResult
    func postDue() async throws -> Int {
        let posts = try await notifications.claim(limit: Self.limit, spacing: times.spacing)
        await withDiscardingTaskGroup { group in
            for post in posts { group.addTask { await handle(post) } }
        }
        return posts.count
    }

    private func handle(_ post: NotificationPost) async {
        do {
            try await attempt(post)
        } catch {
            // The claim ends, and the post is repeated.
            logger.warning(
                "Could not record the outcome of a notification, it is posted again",
                metadata: metadata(of: post, ["error": "\(error)"])
            )
        }
    }

    private func attempt(_ post: NotificationPost) async throws {
        guard let target = post.target, !post.events.isEmpty else {
            try await notifications.giveUp(post, because: "the tenant wants to be told no more")
            return
        }
        let receiver: NotificationTarget
        do throws(HookURL.Problem) {
            receiver = try NotificationTarget(target, tokens: tokens)
        } catch {
            return try await hold(post, because: "\(error)")
        }
        switch await send(post, to: receiver) {
        case .taken:
            CrashPoint.notificationPosted.reach()
            try await notifications.deliver(post)
            metrics?.count(.delivered)
            logger.info("Notification posted", metadata: metadata(of: post))
        case .failed(let reason, _, let retryAfter):
            try await fail(post, because: reason, retryAfter: retryAfter)
        }
    }

    private func hold(_ post: NotificationPost, because problem: String) async throws {
        metrics?.count(.held)
        guard try await notifications.hold(post, because: problem) else { return }
        logger.warning("Notification waits", metadata: metadata(of: post, ["reason": "\(problem)"]))
    }

    private func fail(_ post: NotificationPost, because reason: String, retryAfter: Duration) async throws {
        let delay = max(retryAfter, times.delay(after: post.attempt, random: .random(in: 0...1)))
        let retry = try await notifications.fail(post, because: reason, after: delay, upTo: times.giveUp)
        switch retry {
        case .repeated(let isNews):
            metrics?.count(.failed)
            guard isNews else { return }
            logger.warning(
                "Could not post a notification, trying again",
                metadata: metadata(of: post, ["reason": "\(reason)"])
            )
        case .exhausted:
            guard try await notifications.giveUp(post, because: reason) else { return }
            metrics?.count(.givenUp)
            logger.error(
                "Notification given up, its events are not told",
                metadata: metadata(of: post, ["events": "\(post.events.count)", "reason": "\(reason)"])
            )
        }
    }

    private func metadata(of post: NotificationPost, _ more: Logger.Metadata = [:]) -> Logger.Metadata {
        let ids: Logger.Metadata = [
            "tenant": "\(post.tenantID)", "about": "\(post.reason)", "post": "\(post.id.uuidString.lowercased())",
        ]
        return ids.merging(more) { _, new in new }
    }
}

extension Notifier {
    /// Sends one request, which ends within the timeout.
    private func send(_ post: NotificationPost, to receiver: NotificationTarget) async -> HookClient.Outcome {
        let poster: HTTPPoster
        do throws(HookURL.Problem) {
            poster = try await HookClient.poster(
                for: receiver.url.origin,
                outbound: outbound,
                timeout: times.timeout
            )
        } catch {
            return .failed(error.description, status: nil, retryAfter: .zero)
        }
        let outcome = await HookClient.post(receiver.request(for: post, at: now()), with: poster, field: "notify.url")
        await poster.shutdown()
        return outcome
    }
}
