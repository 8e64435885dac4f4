internal import CLibPQ
internal import Glibc
public import Logging

/// Notifications on some channels, as an endless sequence.
///
/// Uses a connection of its own, which the first `next()` opens. After ten seconds without a notification it is checked
/// with a query. When it breaks, it is replaced, with growing backoff. The sequence never fails. It ends when its task
/// is cancelled, which closes the connection.
///
/// If the session is pooled, no notification would arrive: then the sequence asks its reader twice a second to look.
///
/// ```swift
/// for await event in pool.listen(["campaignChanged"]) {
///     switch event {
///     case .connected, .reconnected, .unheard: await scanEverything()
///     case .notification(let notification): await scan(notification.payload)
///     }
/// }
/// ```
public struct PostgresListener: AsyncSequence, Sendable {
    public typealias Element = PostgresListenEvent
    public typealias Failure = Never
    /// Work on each new session before it listens; if it fails, the session is closed and another one opened.
    public typealias Opening = @Sendable (PostgresConnection) async throws(PostgresError) -> Void

    private let configuration: PostgresConfiguration
    private let channels: [String]
    private let opening: Opening?
    private let logger: Logger

    /// Prepares to listen; nothing is opened yet.
    ///
    /// - Parameters:
    ///   - configuration: The server itself, not a pooler.
    ///   - channels: The exact names of the channels.
    ///   - opening: Work on each new session, such as taking locks that it holds for as long as it is open; nothing of the
    ///     kind may be done on a session that is pooled.
    ///   - logger: Receives a warning whenever the connection breaks.
    public init(
        configuration: PostgresConfiguration,
        channels: [String],
        opening: Opening? = nil,
        logger: Logger = Logger(label: "postgres")
    ) {
        self.configuration = configuration
        self.channels = channels
        self.opening = opening
        self.logger = logger
    }

    public func makeAsyncIterator() -> Iterator {
        Iterator(configuration: configuration, channels: channels, opening: opening, logger: logger)
    }

    /// Waits for events; its connection is closed when the iterator is discarded.
    public struct Iterator: AsyncIteratorProtocol {
        private let configuration: PostgresConfiguration
        private let channels: [String]
        private let opening: Opening?
        private let logger: Logger
        private var connection: PostgresConnection?
        private var wasConnected = false
        private var failures = 0
        /// Received events that were not returned yet, the next one last.
        private var pending: [PostgresNotification] = []
        /// True if no session can listen.
        private var isDeaf = false

        /// Time between two looks without notifications.
        private static let lookInterval = Duration.milliseconds(500)
        private static let silence = Duration.seconds(10)
        private static let pingLimit = Duration.seconds(5)

        init(configuration: PostgresConfiguration, channels: [String], opening: Opening?, logger: Logger) {
            self.configuration = configuration
            self.channels = channels
            self.opening = opening
            self.logger = logger
        }

        /// Returns the next event; `nil` once the task is cancelled.
        public mutating func next() async -> PostgresListenEvent? {
            await next(isolation: nil)
        }

        /// Returns the next event; `nil` once the task is cancelled.
        public mutating func next(isolation actor: isolated (any Actor)?) async -> PostgresListenEvent? {
            while !Task.isCancelled {
                if let notification = pending.popLast() { return .notification(notification) }
                if isDeaf {
                    // Fails only by cancellation, which ends the loop.
                    try? await Task.sleep(for: Self.lookInterval)
                    return Task.isCancelled ? nil : .unheard
                }
                do throws(PostgresError) {
                    guard let connection else { return try await connect() }
                    pending = try await connection.notifications(within: Self.silence).reversed()
                    // The network may have failed silently: only an answer proves that the server is reachable.
                    if pending.isEmpty, await !connection.ping(deadline: Self.pingLimit) {
                        throw .connection("the server is silent")
                    }
                } catch {
                    await recover(from: error)
                }
            }
            await connection?.close()
            return nil
        }

        private mutating func connect() async throws(PostgresError) -> PostgresListenEvent {
            let opened = try await PostgresConnection.connect(configuration, logger: logger)
            do throws(PostgresError) {
                try await opening?(opened)
                if opened.isPooled {
                    isDeaf = true
                    await opened.close()
                    logger.warning(
                        """
                        A pooler lends sessions of Postgres, so none can listen: looking for changes twice a second. Set \
                        DATABASE_LISTEN_URL to the address of Postgres itself
                        """
                    )
                    return .connected
                }
                for channel in channels { try await opened.listen(channel) }
            } catch {
                await opened.close()
                throw error
            }
            connection = opened
            failures = 0
            defer { wasConnected = true }
            return wasConnected ? .reconnected : .connected
        }

        private mutating func recover(from error: PostgresError) async {
            await connection?.close()
            connection = nil
            guard !Task.isCancelled else { return }
            failures += 1
            logger.warning("Listener lost Postgres, connecting again", metadata: ["error": "\(error)"])
            // Fails only by cancellation, which ends the loop of `next`.
            try? await Task.sleep(
                for: Backoff.delay(attempt: failures, first: .milliseconds(100), maximum: .seconds(5))
            )
        }
    }
}

/// An event of a ``PostgresListener``.
public enum PostgresListenEvent: Sendable, Hashable {
    /// Notifications arrive from now on: check for changes that happened before.
    case connected
    /// The connection was lost and is back; notifications in between are lost: check for the changes that they
    /// announced.
    case reconnected
    /// No session can listen, and some time has passed: check for changes.
    case unheard
    case notification(PostgresNotification)
}

/// A notification that a session sent with NOTIFY.
public struct PostgresNotification: Sendable, Hashable {
    public let channel: String
    /// The text of the notification: at most 8,000 bytes, empty if none was given.
    public let payload: String
    /// The sender's process, as in `pg_stat_activity.pid`.
    public let processID: Int32
}

extension PostgresConnection {
    /// Starts to receive the notifications of a channel; take them with ``notifications(within:)``.
    ///
    /// - Throws: ``PostgresError``.
    public func listen(_ channel: String) async throws(PostgresError) {
        status.update { $0.hasSessionState = true }
        try await simpleScript("LISTEN \(PostgresQuery.quoted(channel))")
    }

    /// Sends a notification; inside a transaction it is sent with COMMIT.
    ///
    /// - Parameters:
    ///   - channel: The exact name of the channel.
    ///   - payload: The text of the notification, of fewer than 8,000 bytes.
    /// - Throws: ``PostgresError``.
    public func notify(_ channel: String, payload: String = "") async throws(PostgresError) {
        try await execute("SELECT pg_notify(\(channel), \(payload))")
    }

    /// Waits for notifications.
    ///
    /// - Parameter limit: The time to wait for the first one.
    /// - Returns: All notifications that have arrived, in order; empty after the time limit.
    /// - Throws: ``PostgresError``.
    public func notifications(within limit: Duration) async throws(PostgresError) -> [PostgresNotification] {
        try await cancellable { wire throws(PostgresError) in
            try wire.notifications(until: ContinuousClock.now + limit)
        }
    }
}

extension Wire {
    func notifications(until deadline: ContinuousClock.Instant) throws(PostgresError) -> [PostgresNotification] {
        let handle = try unsafe handle()
        while true {
            guard unsafe PQconsumeInput(handle) == 1 else { throw unsafe lose(handle) }
            let received = unsafe takeNotifications(handle)
            guard received.isEmpty else { return received }
            switch wait(unsafe PQsocket(handle), for: Int16(POLLIN), until: deadline, cancellable: true) {
            case .ready: continue
            case .deadline: return []
            case .cancelled: throw .cancelled
            case .broken: throw unsafe lose(handle)
            }
        }
    }

    private func takeNotifications(_ handle: OpaquePointer) -> [PostgresNotification] {
        var received: [PostgresNotification] = []
        while let notification = unsafe PQnotifies(handle) {
            received.append(
                PostgresNotification(
                    channel: unsafe String(cString: notification.pointee.relname),
                    payload: unsafe String(cString: notification.pointee.extra),
                    processID: unsafe notification.pointee.be_pid
                )
            )
            unsafe PQfreemem(notification)
        }
        return received
    }
}
