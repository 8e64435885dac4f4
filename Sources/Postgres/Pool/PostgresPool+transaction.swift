extension PostgresPool {
    /// Runs `body` in a transaction, and again when the server had to choose between it and another.
    ///
    /// `body` is repeated after 40001, 40P01 and after a table was altered under a prepared statement, also when it
    /// wrapped that error in one of its own; so it must change nothing but the database.
    ///
    /// - Parameters:
    ///   - isolation: How far the transaction is shielded from others.
    ///   - readOnly: Whether the server refuses all writes.
    ///   - retries: How often it is repeated at most, each time after a short random pause.
    ///   - deadline: The longest time that COMMIT may take, with what travels along.
    ///   - body: The statements of the transaction, all on the connection that it is given.
    /// - Returns: What `body` returned, once it is committed.
    /// - Throws: What `body` throws in the end, or ``PostgresError``.
    @discardableResult
    public func transaction<Value>(
        isolation: PostgresIsolation = .readCommitted,
        readOnly: Bool = false,
        retries: Int = 3,
        deadline: Duration = .seconds(30),
        _ body: (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        try await withConnection { connection in
            var attempt = 1
            while true {
                do {
                    return try await connection.transaction(
                        isolation: isolation,
                        readOnly: readOnly,
                        deadline: deadline,
                        body
                    )
                } catch {
                    guard attempt <= retries, connection.mayRepeatTransaction(after: error) else { throw error }
                    try await Task.sleep(
                        for: Backoff.delay(attempt: attempt, first: .milliseconds(10), maximum: .milliseconds(500))
                    )
                    attempt += 1
                }
            }
        }
    }
}

extension PostgresConnection {
    /// Whether the last transaction failed only because of another one, or of a stale plan, and has left no trace.
    nonisolated func mayRepeatTransaction(after error: any Error) -> Bool {
        let state = status.read()
        guard state.isOpen, !Task.isCancelled, let failure = state.failure else { return false }
        if let error = error as? PostgresError, error.serverError == nil, error != .transactionAborted { return false }
        return failure.sqlState == "40001" || failure.sqlState == "40P01" || failure.isStalePlan
    }
}
