extension PostgresConnection {
    /// Runs `body` in a transaction: committed when it returns, rolled back when it throws.
    ///
    /// Cancellation before COMMIT rolls back; COMMIT itself is never cancelled. Nothing is repeated here: that does
    /// ``PostgresPool/transaction(isolation:readOnly:retries:deadline:_:)``.
    ///
    /// - Parameters:
    ///   - isolation: How far the transaction is shielded from others.
    ///   - readOnly: Whether the server refuses all writes.
    ///   - deadline: The longest time that BEGIN and COMMIT may take each.
    ///   - body: The statements of the transaction, all on the connection that it is given.
    /// - Returns: What `body` returned, once it is committed.
    /// - Throws: What `body` throws; ``PostgresError/commitUnknown(_:)`` when the connection breaks during COMMIT;
    ///   ``PostgresError/transactionAborted`` when `body` hid the error of a statement.
    @discardableResult
    public nonisolated func transaction<Value>(
        isolation: PostgresIsolation = .readCommitted,
        readOnly: Bool = false,
        deadline: Duration = .seconds(30),
        _ body: (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        try await begin(isolation: isolation, readOnly: readOnly, deadline: deadline)
        let value: Value
        do {
            value = try await body(self)
            if Task.isCancelled { throw PostgresError.cancelled }
        } catch {
            await rollback()
            throw error
        }
        try await commit(deadline: deadline)
        return value
    }

    private func begin(isolation: PostgresIsolation, readOnly: Bool, deadline: Duration) async throws(PostgresError) {
        guard !isInTransaction else { throw .misuse("a transaction is open on this connection already") }
        status.update { $0.failure = nil }
        let sql = "BEGIN ISOLATION LEVEL \(isolation.sql) \(readOnly ? "READ ONLY" : "READ WRITE")"
        do throws(PostgresError) {
            try await simpleScript(sql, deadline: deadline)
        } catch {
            // A cancel request that came too late leaves the transaction open.
            await rollback()
            throw error
        }
    }

    private func commit(deadline: Duration) async throws(PostgresError) {
        // Known to be lost before COMMIT was sent: then it was certainly not committed.
        _ = unsafe try wire.handle()
        let limit = Wire.Limit(deadline, isCancellable: false)
        do throws(PostgresError) {
            guard try wire.script("COMMIT", within: limit).tag == "COMMIT" else { throw .transactionAborted }
        } catch {
            switch error {
            case .connection, .timeout: throw .commitUnknown("\(error)")
            default: throw error
            }
        }
    }

    /// Ends an open transaction without effect; when even that fails, the connection is closed, which does the same.
    func rollback() async {
        guard isInTransaction, status.read().isOpen else { return }
        do throws(PostgresError) {
            _ = try wire.script("ROLLBACK", within: Wire.Limit(Wire.cancelGrace, isCancellable: false))
        } catch {
            wire.abandon(error)
        }
    }
}
