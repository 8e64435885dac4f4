internal import CLibPQ

extension Wire {
    /// Runs a query as a prepared statement, which is prepared on first use.
    ///
    /// A statement whose table has changed since is prepared anew and run again; inside a transaction that is too
    /// late, because the error has ended the transaction.
    func query(_ query: PostgresQuery, within limit: Limit) throws(PostgresError) -> PostgresRows {
        let isIdle = unsafe PQtransactionStatus(try handle()) == PQTRANS_IDLE
        if isIdle { try deallocateDiscarded(within: limit) }
        guard queue.isEmpty else {
            let result = try flush(then: try queued(query, within: limit), within: limit)
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

    /// Gives up a statement whose plan has become stale, or which the server has lost.
    func dropStale(_ sql: String, _ error: PostgresServerError) {
        if error.sqlState == "26000" { statements.forget(sql) } else { statements.discard(sql) }
    }

    /// Runs one or several statements without values and without rows.
    func script(_ sql: String, within limit: Limit) throws(PostgresError) -> ResultHandle {
        guard !sql.utf8.contains(0) else { throw .encoding("the script contains U+0000") }
        if !queue.isEmpty { try flush(within: limit) }
        return try sendScript(sql, within: limit)
    }

    private func sendScript(_ sql: String, within limit: Limit) throws(PostgresError) -> ResultHandle {
        let handle = try unsafe handle()
        guard unsafe PQsendQuery(handle, sql) == 1 else { throw unsafe refused(handle) }
        let result = try results(within: limit)
        guard result.status == PGRES_COPY_IN else { return result }
        throw try unsafe refuseCopy(handle, within: limit)
    }

    /// Ends a COPY FROM STDIN that nobody will feed.
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
        guard !sql.utf8.contains(0) else { throw .encoding("the statement contains U+0000") }
        let handle = try unsafe handle()
        let name = statements.newName()
        guard unsafe PQsendPrepare(handle, name, sql, 0, nil) == 1 else { throw unsafe refused(handle) }
        _ = try results(within: limit)
        return statements.insert(sql, name: name)
    }

    private func deallocateDiscarded(within limit: Limit) throws(PostgresError) {
        let names = statements.takeDiscarded()
        guard !names.isEmpty else { return }
        do throws(PostgresError) {
            _ = try sendScript(names.map { "DEALLOCATE \($0)" }.joined(separator: "; "), within: limit)
        } catch .server {
            // The server does not know one of them any more, which is what was wanted.
        }
    }

    /// Why libpq did not take a command: the connection is gone, or a COPY is running.
    func refused(_ handle: OpaquePointer) -> PostgresError {
        if unsafe PQstatus(handle) == CONNECTION_BAD { return unsafe lose(handle) }
        return .misuse(Self.oneLine(unsafe String(cString: PQerrorMessage(handle))))
    }
}
