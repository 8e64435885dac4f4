public import Logging

/// Messages that others publish, read over a connection of its own.
///
/// Each iterator connects by itself and connects again whenever the connection breaks. Pub/sub has no memory: after
/// ``Event/reconnected`` look at the state that the messages speak of. The sequence ends when its task is cancelled or the
/// iterator goes away.
///
///     for await event in RedisSubscription(configuration: configuration, channels: ["pauses"], logger: logger) {
///         await refreshPauses()
///     }
public struct RedisSubscription: AsyncSequence, Sendable {
    /// What the connection tells.
    public enum Event: Sendable, Hashable {
        /// The server has confirmed the subscriptions for the first time.
        case subscribed
        /// The server has confirmed them again after an interruption, or the reader was too slow: messages may be missing.
        case reconnected
        case message(channel: String, payload: [UInt8])
    }

    /// So many events wait for a slow reader before some are dropped.
    static let bufferLimit = 10_000

    /// How long the connection may be silent before it is asked, and then how long the answer may take.
    var pingInterval = Duration.seconds(5)

    private let configuration: RedisConfiguration
    private let channels: [String]
    private let patterns: [String]
    private let logger: Logger

    /// Describes a subscription; nothing is connected before the first iterator is made.
    ///
    /// - Parameters:
    ///   - configuration: Where Redis is; `connectTimeout` bounds each attempt.
    ///   - channels: Exact names.
    ///   - patterns: Names with `*`, `?` and `[…]` as in `PSUBSCRIBE`.
    ///   - logger: Hears of interruptions.
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
