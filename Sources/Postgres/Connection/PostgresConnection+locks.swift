extension PostgresConnection {
    /// Takes an advisory lock of the session and waits for it; it stays until ``unlock(_:)`` or the session's end.
    ///
    /// A connection that goes back to its pool loses its locks.
    ///
    /// - Throws: ``PostgresError/timeout(_:)`` when another session holds it for longer than `deadline`.
    public func lock(_ key: Int64, deadline: Duration = .seconds(30)) async throws(PostgresError) {
        status.update { $0.hasSessionState = true }
        try await execute("SELECT pg_advisory_lock(\(key))", deadline: deadline)
    }

    /// Takes an advisory lock of the session if nobody else holds it.
    ///
    /// - Returns: Whether it was taken.
    /// - Throws: ``PostgresError``.
    public func tryLock(_ key: Int64) async throws(PostgresError) -> Bool {
        status.update { $0.hasSessionState = true }
        return try await flag("SELECT pg_try_advisory_lock(\(key))")
    }

    /// Gives an advisory lock of the session back.
    ///
    /// - Returns: Whether this session held it.
    /// - Throws: ``PostgresError``.
    @discardableResult
    public func unlock(_ key: Int64) async throws(PostgresError) -> Bool {
        try await flag("SELECT pg_advisory_unlock(\(key))")
    }

    /// Takes an advisory lock that the end of the transaction gives back, and waits for it.
    ///
    /// - Throws: ``PostgresError/timeout(_:)`` when another holds it for longer than `deadline`.
    public func lockInTransaction(_ key: Int64, deadline: Duration = .seconds(30)) async throws(PostgresError) {
        try await execute("SELECT pg_advisory_xact_lock(\(key))", deadline: deadline)
    }

    /// Takes an advisory lock that the end of the transaction gives back, if nobody else holds it.
    ///
    /// - Returns: Whether it was taken.
    /// - Throws: ``PostgresError``.
    public func tryLockInTransaction(_ key: Int64) async throws(PostgresError) -> Bool {
        try await flag("SELECT pg_try_advisory_xact_lock(\(key))")
    }

    private func flag(_ query: PostgresQuery) async throws(PostgresError) -> Bool {
        try await self.query(query).first?.decode(0) ?? false
    }
}
