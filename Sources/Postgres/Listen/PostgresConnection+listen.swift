internal import CLibPQ
internal import Glibc

extension PostgresConnection {
    /// Starts to receive what is sent to a channel; take it with ``notifications(within:)``.
    ///
    /// - Throws: ``PostgresError``.
    public func listen(_ channel: String) async throws(PostgresError) {
        status.update { $0.hasSessionState = true }
        try await simpleScript("LISTEN \(PostgresQuery.quoted(channel))")
    }

    /// Stops receiving what is sent to a channel.
    ///
    /// - Throws: ``PostgresError``.
    public func unlisten(_ channel: String) async throws(PostgresError) {
        try await simpleScript("UNLISTEN \(PostgresQuery.quoted(channel))")
    }

    /// Sends a notification; inside a transaction it leaves with COMMIT.
    ///
    /// - Parameters:
    ///   - channel: The exact name of the channel.
    ///   - payload: Less than 8,000 bytes.
    /// - Throws: ``PostgresError``.
    public func notify(_ channel: String, payload: String = "") async throws(PostgresError) {
        try await execute("SELECT pg_notify(\(channel), \(payload))")
    }

    /// Waits for notifications.
    ///
    /// - Parameter limit: How long to wait for the first one.
    /// - Returns: All that have come, in order; none when the time is up.
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
