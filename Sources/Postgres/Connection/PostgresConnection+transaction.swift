extension PostgresConnection {
    /// Runs `body` in a transaction: committed when it returns, rolled back when it throws.
    ///
    /// BEGIN travels with the first statement, and COMMIT with those that were handed in by ``enqueue(_:deadline:)``.
    /// Cancellation before COMMIT rolls back; COMMIT itself is never cancelled. Nothing is repeated here: that does
    /// ``PostgresPool/transaction(isolation:readOnly:retries:deadline:_:)``.
    ///
    /// - Parameters:
    ///   - isolation: How far the transaction is shielded from others.
    ///   - readOnly: Whether the server refuses all writes.
    ///   - deadline: The longest time that COMMIT may take, with what travels along.
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
        try await begin(isolation: isolation, readOnly: readOnly)
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

    /// Hands in a statement of the current transaction whose rows nobody needs: it is sent with the next one, or with
    /// COMMIT, and costs no round trip of its own.
    ///
    /// - Parameters:
    ///   - query: The statement.
    ///   - deadline: The longest time that it may take to prepare it, if it is new to the connection.
    /// - Throws: ``PostgresError``; its own errors are thrown by whatever it travels with.
    public func enqueue(_ query: PostgresQuery, deadline: Duration = .seconds(30)) async throws(PostgresError) {
        guard isInTransaction else { throw .misuse("a statement can be handed in for later in a transaction only") }
        try await cancellable { wire throws(PostgresError) in try wire.enqueue(query, within: Wire.Limit(deadline)) }
    }

    private func begin(isolation: PostgresIsolation, readOnly: Bool) throws(PostgresError) {
        guard !isInTransaction else { throw .misuse("a transaction is open on this connection already") }
        if Task.isCancelled { throw .cancelled }
        _ = unsafe try wire.handle()
        wire.queue = [.script("BEGIN ISOLATION LEVEL \(isolation.sql) \(readOnly ? "READ ONLY" : "READ WRITE")")]
        status.update {
            $0.failure = nil
            $0.isInTransaction = true
        }
    }

    private func commit(deadline: Duration) async throws(PostgresError) {
        // Known to be lost before COMMIT was sent: then it was certainly not committed.
        _ = unsafe try wire.handle()
        // Nothing was done: not even BEGIN has been sent.
        if wire.queue.count == 1, wire.dropUnsentTransaction() { return }
        let limit = Wire.Limit(deadline, isCancellable: false)
        do throws(PostgresError) {
            guard try wire.flush(then: .script("COMMIT"), within: limit).tag == "COMMIT" else {
                throw .transactionAborted
            }
        } catch {
            await rollback()
            switch error {
            case .connection, .timeout: throw .commitUnknown("\(error)")
            // A statement of an aborted transaction stood before COMMIT.
            case .server(let server) where server.sqlState == "25P02": throw .transactionAborted
            default: throw error
            }
        }
    }

    /// Ends an open transaction without effect; when even that fails, the connection is closed, which does the same.
    func rollback() async {
        guard isInTransaction, status.read().isOpen, !wire.dropUnsentTransaction() else { return }
        wire.queue = []
        do throws(PostgresError) {
            _ = try wire.script("ROLLBACK", within: Wire.Limit(Wire.cancelGrace, isCancellable: false))
        } catch {
            wire.abandon(error)
        }
    }
}
