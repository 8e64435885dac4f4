import Dispatch
public import Logging
internal import Synchronization

/// Keeps one subscribed connection open on a thread of its own, until it is stopped.
///
/// `@unchecked Sendable`: everything mutable but `isStopped` is touched only on `queue`, which is serial.
final class RedisSubscriber: @unchecked Sendable {
    private let queue = DispatchQueue(label: "redis.subscription")
    private let wakeup = RedisWakeup()
    private let isStopped = Atomic(false)
    private let configuration: RedisConfiguration
    private let subscriptions: [RedisCommand]
    private let expectedConfirmations: Int
    private let pingInterval: Duration
    private let continuation: AsyncStream<RedisSubscription.Event>.Continuation
    private let logger: Logger

    private var backoff = RedisBackoff()
    private var confirmations = 0
    private var wasSubscribed = false
    /// True if events were dropped for a slow reader, and it has not been notified yet.
    private var hasGap = false

    init(
        configuration: RedisConfiguration,
        subscriptions: [RedisCommand],
        expectedConfirmations: Int,
        pingInterval: Duration,
        continuation: AsyncStream<RedisSubscription.Event>.Continuation,
        logger: Logger
    ) {
        self.configuration = configuration
        self.subscriptions = subscriptions
        self.expectedConfirmations = expectedConfirmations
        self.pingInterval = pingInterval
        self.continuation = continuation
        self.logger = logger
    }

    func start() {
        queue.async { self.work() }
    }

    func stop() {
        isStopped.store(true, ordering: .releasing)
        wakeup.signal()
    }

    private var mustStop: Bool { isStopped.load(ordering: .acquiring) }

    private func work() {
        while !mustStop {
            if let retryAt = backoff.retryAt, retryAt > .now {
                wakeup.wait(until: retryAt)
                continue
            }
            do {
                try listen()
            } catch {
                backoff.failed(at: .now)
                logger.warning(
                    "Redis subscription interrupted",
                    metadata: ["redis": "\(configuration)", "reason": "\(error)"]
                )
            }
        }
        continuation.finish()
    }

    /// Connects, subscribes, and passes on messages until the connection breaks or the work is stopped.
    private func listen() throws(RedisError) {
        let connection = try RedisConnection.open(configuration) {}
        confirmations = 0
        for command in subscriptions {
            _ = connection.append(command)
        }
        var askAt = ContinuousClock.now + pingInterval
        var isAsked = false
        while !mustStop {
            try connection.flush()
            if connection.wait(until: askAt, wakeup: wakeup).canRead {
                try connection.fill()
                while let reply = try connection.nextReply() {
                    try handle(reply)
                }
                (askAt, isAsked) = (.now + pingInterval, false)
            } else if ContinuousClock.now >= askAt {
                if isAsked { throw .connection("the server does not answer") }
                _ = connection.append(RedisCommand("PING"))
                (askAt, isAsked) = (.now + pingInterval, true)
            }
        }
    }

    private func handle(_ reply: RedisReply) throws(RedisError) {
        if case .error(let error) = reply { throw .server(error) }
        guard case .array(let parts) = reply, let kind = parts.first?.text else { return }
        switch (kind, parts.count) {
        case ("message", 3): pass(channel: parts[1], payload: parts[2])
        case ("pmessage", 4): pass(channel: parts[2], payload: parts[3])
        case ("subscribe", 3), ("psubscribe", 3): confirm()
        default: break  // The answer to PING: that anything came at all is what counts.
        }
    }

    private func confirm() {
        confirmations += 1
        guard confirmations == expectedConfirmations else { return }
        backoff.succeeded()
        yield(wasSubscribed ? .reconnected : .subscribed)
        wasSubscribed = true
    }

    private func pass(channel: RedisReply, payload: RedisReply) {
        guard let channel = channel.text, let payload = payload.bytes else { return }
        yield(.message(channel: channel, payload: payload))
    }

    private func yield(_ event: RedisSubscription.Event) {
        if hasGap {
            if case .dropped = continuation.yield(.reconnected) { return }
            hasGap = false
        }
        if case .dropped = continuation.yield(event) { hasGap = true }
    }
}

/// Messages of pub/sub channels, read over a connection of its own.
///
/// Each iterator has a connection of its own, and reconnects whenever it breaks. Pub/sub has no memory: after
/// ``Event/reconnected`` read the state that the messages are about. The sequence ends when its task is cancelled or
/// the iterator is released.
///
///     for await event in RedisSubscription(configuration: configuration, channels: ["pauses"], logger: logger) {
///         await refreshPauses()
///     }
public struct RedisSubscription: AsyncSequence, Sendable {
    /// An event of a subscription.
    public enum Event: Sendable, Hashable {
        /// The server has confirmed the subscriptions for the first time.
        case subscribed
        /// The server has confirmed them again after an interruption, or the reader was too slow: messages may be missing.
        case reconnected
        case message(channel: String, payload: [UInt8])
    }

    /// Number of events that wait for a slow reader before some are dropped.
    static let bufferLimit = 10_000

    /// Idle time before the connection is checked, and time limit of that check.
    var pingInterval = Duration.seconds(5)

    private let configuration: RedisConfiguration
    private let channels: [String]
    private let patterns: [String]
    private let logger: Logger

    /// Describes a subscription; nothing is connected before the first iterator is made.
    ///
    /// - Parameters:
    ///   - configuration: The addresses of Redis; `connectTimeout` bounds each attempt.
    ///   - channels: Exact names.
    ///   - patterns: Names with `*`, `?` and `[…]` as in `PSUBSCRIBE`.
    ///   - logger: Logs interruptions.
    public init(configuration: RedisConfiguration, channels: [String], patterns: [String] = [], logger: Logger) {
        self.configuration = configuration
        self.channels = channels
        self.patterns = patterns
        self.logger = logger
    }

    /// Reads the events of one connection.
    public struct AsyncIterator: AsyncIteratorProtocol {
        var events: AsyncStream<Event>.AsyncIterator

        /// Returns the next event, or `nil` once the task is cancelled.
        public mutating func next() async -> Event? {
            await events.next(isolation: #isolation)
        }

        /// Returns the next event, or `nil` once the task is cancelled.
        public mutating func next(isolation actor: isolated (any Actor)?) async -> Event? {
            await events.next(isolation: actor)
        }
    }

    /// Starts a connection and returns the reader of its events.
    public func makeAsyncIterator() -> AsyncIterator {
        let (stream, continuation) = AsyncStream.makeStream(
            of: Event.self,
            bufferingPolicy: .bufferingOldest(Self.bufferLimit)
        )
        let subscriber = RedisSubscriber(
            configuration: configuration,
            subscriptions: [("SUBSCRIBE", channels), ("PSUBSCRIBE", patterns)]
                .filter { !$0.1.isEmpty }
                .map { RedisCommand($0.0, arguments: $0.1.map { .text($0) }) },
            expectedConfirmations: channels.count + patterns.count,
            pingInterval: pingInterval,
            continuation: continuation,
            logger: logger
        )
        continuation.onTermination = { _ in subscriber.stop() }
        subscriber.start()
        return AsyncIterator(events: stream.makeAsyncIterator())
    }
}
