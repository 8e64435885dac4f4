internal import CLibPQ

extension Wire {
    /// Runs a query as a prepared statement, which is prepared on first use; without a name if the session is pooled.
    ///
    /// If a table has changed since, the statement is prepared anew and run again, once. Inside a transaction this is not
    /// possible, because the error has aborted the transaction.
    func query(_ query: PostgresQuery, within limit: Limit) throws(PostgresError) -> PostgresRows {
        let isIdle = unsafe PQtransactionStatus(try handle()) == PQTRANS_IDLE
        if isIdle { try deallocateDiscarded(within: limit) }
        guard queue.isEmpty, !isPooled else {
            let statement = try queued(query, within: limit)
            // A statement on its own is a transaction, and gets its settings in the same round trip.
            if isIdle, queue.isEmpty, let prelude { queue = [prelude] }
            let result = try flush(then: statement, within: limit)
            return rows(of: result, sql: query.sql)
        }
        let arguments = try BoundArguments(query)
        do throws(PostgresError) {
            return try run(query.sql, arguments, within: limit)
        } catch {
            guard let server = error.serverError, server.isStalePlan else { throw error }
            dropStale(query.sql, server)
            guard isIdle else { throw error }
            return try run(query.sql, arguments, within: limit)
        }
    }

    /// Discards a statement whose plan has become stale, or which the server has lost.
    func dropStale(_ sql: String, _ error: PostgresServerError) {
        if error.sqlState == "26000" { statements.forget(sql) } else { statements.discard(sql) }
    }

    /// Runs one or several statements without values and without rows.
    func script(_ sql: String, within limit: Limit) throws(PostgresError) -> ResultHandle {
        try Self.checkNoNUL(sql)
        let whole = try withSettings(sql)
        if !queue.isEmpty { try flush(within: limit) }
        return try sendScript(whole, within: limit)
    }

    /// Puts the settings of a transaction before statements that are one by themselves.
    func withSettings(_ sql: String) throws(PostgresError) -> String {
        let isIdle = unsafe PQtransactionStatus(try handle()) == PQTRANS_IDLE
        guard isIdle, queue.isEmpty, let settings else { return sql }
        return settings + "; " + sql
    }

    private func sendScript(_ sql: String, within limit: Limit) throws(PostgresError) -> ResultHandle {
        let handle = try unsafe handle()
        guard unsafe PQsendQuery(handle, sql) == 1 else { throw unsafe refused(handle) }
        let result = try results(within: limit)
        guard result.status == PGRES_COPY_IN else { return result }
        throw try unsafe refuseCopy(handle, within: limit)
    }

    /// Ends a COPY FROM STDIN that will get no data.
    private func refuseCopy(_ handle: OpaquePointer, within limit: Limit) throws(PostgresError) -> PostgresError {
        let reason = "COPY FROM STDIN needs copyIn"
        guard unsafe PQputCopyEnd(handle, reason) == 1 else { throw unsafe lose(handle) }
        do throws(PostgresError) {
            _ = try results(within: limit)
        } catch .server {
            // The server repeats our own refusal.
        }
        return .misuse(reason)
    }

    private func run(
        _ sql: String,
        _ arguments: BoundArguments,
        within limit: Limit
    ) throws(PostgresError) -> PostgresRows {
        let statement = try prepared(sql, within: limit)
        let handle = try unsafe handle()
        let sent = unsafe arguments.withPointers { count, values, lengths, formats in
            unsafe PQsendQueryPrepared(handle, statement.name, count, values, lengths, formats, 1)
        }
        guard sent == 1 else { throw unsafe refused(handle) }
        let result = try results(within: limit)
        guard result.status != PGRES_COPY_IN else {
            throw try unsafe refuseCopy(handle, within: limit)
        }
        return rows(of: result, sql: sql)
    }

    private func rows(of result: ResultHandle, sql: String) -> PostgresRows {
        if let columns = statements.columns(of: sql) { return PostgresRows(result: result, columns: columns) }
        let columns = ResultColumns(of: result)
        statements.note(columns, for: sql)
        return PostgresRows(result: result, columns: columns)
    }

    func prepared(_ sql: String, within limit: Limit) throws(PostgresError) -> StatementCache.Entry {
        if let known = statements.use(sql) { return known }
        try Self.checkNoNUL(sql)
        let handle = try unsafe handle()
        let name = statements.newName()
        guard unsafe PQsendPrepare(handle, name, sql, 0, nil) == 1 else { throw unsafe refused(handle) }
        _ = try results(within: limit)
        return statements.insert(sql, name: name)
    }

    /// Checks that libpq, which takes SQL as a C string, would send all of it.
    static func checkNoNUL(_ sql: String) throws(PostgresError) {
        if sql.utf8.contains(0) { throw .encoding("the statement contains U+0000") }
    }

    private func deallocateDiscarded(within limit: Limit) throws(PostgresError) {
        let names = statements.takeDiscarded()
        guard !names.isEmpty else { return }
        do throws(PostgresError) {
            _ = try sendScript(names.map { "DEALLOCATE \($0)" }.joined(separator: "; "), within: limit)
        } catch .server {
            // The server has already forgotten one of them, which is the goal.
        }
    }

    /// Returns the reason why libpq refused a command: the connection is gone, or a COPY is running.
    func refused(_ handle: OpaquePointer) -> PostgresError {
        if unsafe PQstatus(handle) == CONNECTION_BAD { return unsafe lose(handle) }
        return .misuse(Self.oneLine(unsafe String(cString: PQerrorMessage(handle))))
    }
}

extension Wire {
    /// The time limit of a call, and whether the call can be cancelled.
    struct Limit {
        let deadline: ContinuousClock.Instant
        /// The time that was allowed, for the error.
        let allowed: Duration
        /// True if the task's cancellation stops the statement.
        var isCancellable = true

        init(_ allowed: Duration, isCancellable: Bool = true) {
            self.allowed = allowed
            self.isCancellable = isCancellable
            deadline = ContinuousClock.now + allowed
        }
    }

    /// Takes all results of what was sent, so that the connection is ready for the next statement.
    ///
    /// At the limit the statement is cancelled, and its end is awaited for a short time; if the server still does not
    /// answer, the connection is closed.
    ///
    /// - Returns: The last result.
    /// - Throws: The first error of the server, or the reason why there is no answer.
    func results(within limit: Limit) throws(PostgresError) -> ResultHandle {
        let handle = try unsafe handle()
        var answer = PartialAnswer()
        var deadline = limit.deadline
        while true {
            let waited = unsafe pump(
                handle,
                until: deadline,
                cancellable: limit.isCancellable && answer.interruption == nil
            )
            switch waited {
            case .ready:
                guard let pointer = unsafe PQgetResult(handle) else {
                    // In a pipeline this ends one statement only.
                    if unsafe PQpipelineStatus(handle) != PQ_PIPELINE_OFF { continue }
                    return try unsafe finish(handle, answer)
                }
                let result = unsafe ResultHandle(pointer)
                switch try unsafe note(result, handle, &answer) {
                case .result: continue
                case .copyStarted:
                    guard answer.interruption != nil else { return result }
                    // The request to cancel came as late as this; it must not hit what follows, so COPY ends here.
                    guard unsafe PQputCopyEnd(handle, "cancelled") == 1 else { throw unsafe lose(handle) }
                case .pipelineEnd:
                    guard unsafe PQexitPipelineMode(handle) == 1 else { throw unsafe lose(handle) }
                    return try unsafe finish(handle, answer)
                }
            case .broken:
                // A pooler may close the connection of a statement that was cancelled.
                let reason = unsafe lose(handle, answer.failure?.serverError?.message)
                throw answer.interruption ?? reason
            case .deadline, .cancelled:
                guard answer.interruption == nil else { throw giveUp(answer) }
                answer.interruption = waited == .cancelled ? .cancelled : .timeout(limit.allowed)
                answer.cancel = unsafe CancelRequest(connection: handle)
                guard answer.cancel != nil else { throw giveUp(answer) }
                deadline = ContinuousClock.now + Self.cancelGrace
            }
        }
    }

    /// The part of the answer read so far.
    private struct PartialAnswer {
        var last: ResultHandle?
        var failure: PostgresError?
        /// The reason why the statement was cancelled, if it was.
        var interruption: PostgresError?
        var cancel: CancelRequest?
    }

    private enum Noted {
        case result, copyStarted, pipelineEnd
    }

    private func note(
        _ result: ResultHandle,
        _ handle: OpaquePointer,
        _ answer: inout PartialAnswer
    ) throws(PostgresError) -> Noted {
        switch result.status {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY:
            answer.last = result
        case PGRES_COPY_IN:
            answer.last = result
            return .copyStarted
        case PGRES_PIPELINE_SYNC: return .pipelineEnd
        // The statement was skipped because of an error that has been recorded.
        case PGRES_PIPELINE_ABORTED: break
        case PGRES_COPY_OUT, PGRES_COPY_BOTH:
            abandon(.misuse("COPY TO is not supported"))
            throw lost
        default:
            let error = result.serverError.map(PostgresError.server) ?? .connection(Self.oneLine(result.message))
            answer.failure = answer.failure ?? error
        }
        return .result
    }

    private func finish(_ handle: OpaquePointer, _ answer: PartialAnswer) throws(PostgresError) -> ResultHandle {
        if let cancel = answer.cancel, !cancel.wait(for: Self.cancelGrace) { throw giveUp(answer) }
        if unsafe PQstatus(handle) == CONNECTION_BAD {
            let reason = unsafe lose(handle, answer.failure?.serverError?.message)
            throw answer.interruption ?? reason
        }
        unsafe noteTransaction(handle, answer.failure)
        guard let failure = answer.failure else {
            // The cancel request came too late: the statement has taken effect, so it is reported as done.
            if let last = answer.last { return last }
            if let interruption = answer.interruption { throw interruption }
            throw unsafe lose(handle, "the server gave no result")
        }
        if let interruption = answer.interruption, failure.sqlState == "57014" { throw interruption }
        throw failure
    }

    private func giveUp(_ answer: PartialAnswer) -> PostgresError {
        let reason = answer.interruption ?? .closed
        abandon(.connection("the server answered neither a statement nor its cancellation"))
        return reason
    }

    private func noteTransaction(_ handle: OpaquePointer, _ failure: PostgresError?) {
        // BEGIN may still wait to be sent.
        let isInTransaction = unsafe PQtransactionStatus(handle) != PQTRANS_IDLE || !queue.isEmpty
        status.update {
            $0.isInTransaction = isInTransaction
            if let error = failure?.serverError { $0.failure = error }
        }
    }
}
