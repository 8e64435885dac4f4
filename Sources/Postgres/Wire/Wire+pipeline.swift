internal import CLibPQ

/// A statement that waits for the next round trip, in which it goes ahead of others.
enum QueuedStatement {
    /// SQL without values and rows, such as BEGIN.
    case script(String)
    /// A prepared statement, and its SQL.
    case prepared(name: String, sql: String, BoundArguments)
}

/// Statements that share a round trip (libpq's pipeline mode): when one fails, the server skips those after it.
extension Wire {
    /// Has a query sent with whatever comes next.
    func enqueue(_ query: PostgresQuery, within limit: Limit) throws(PostgresError) {
        queue.append(try queued(query, within: limit))
    }

    /// Forgets a transaction whose BEGIN still waits.
    ///
    /// - Returns: Whether there was one.
    func dropUnsentTransaction() -> Bool {
        guard !queue.isEmpty, unsafe PQtransactionStatus(connection) == PQTRANS_IDLE else { return false }
        queue = []
        status.update { $0.isInTransaction = false }
        return true
    }

    /// A query that is ready to be sent.
    func queued(_ query: PostgresQuery, within limit: Limit) throws(PostgresError) -> QueuedStatement {
        let arguments = try BoundArguments(query)
        let statement = try prepared(query.sql, within: limit)
        return .prepared(name: statement.name, sql: query.sql, arguments)
    }

    /// Sends what waits, and `last` after it.
    ///
    /// - Returns: The result of the last statement.
    /// - Throws: The first error of any of them.
    @discardableResult
    func flush(then last: QueuedStatement? = nil, within limit: Limit) throws(PostgresError) -> ResultHandle {
        let statements = queue + (last.map { [$0] } ?? [])
        queue = []
        let handle = try unsafe handle()
        guard unsafe PQenterPipelineMode(handle) == 1 else { throw unsafe refused(handle) }
        for statement in statements {
            guard unsafe send(statement, to: handle) else { throw unsafe lose(handle) }
        }
        guard unsafe PQpipelineSync(handle) == 1 else { throw unsafe lose(handle) }
        do throws(PostgresError) {
            let result = try results(within: limit)
            guard result.status != PGRES_COPY_IN else {
                // In a pipeline there is no way back from it.
                abandon(.misuse("COPY FROM STDIN needs copyIn"))
                throw lost
            }
            return result
        } catch {
            if let server = error.serverError, server.isStalePlan {
                // Which one it was is not said.
                for case .prepared(_, let sql, _) in statements { dropStale(sql, server) }
            }
            throw error
        }
    }

    private func send(_ statement: QueuedStatement, to handle: OpaquePointer) -> Bool {
        switch statement {
        case .script(let sql):
            return unsafe PQsendQueryParams(handle, sql, 0, nil, nil, nil, nil, 1) == 1
        case .prepared(let name, _, let arguments):
            return unsafe arguments.withPointers { count, values, lengths, formats in
                unsafe PQsendQueryPrepared(handle, name, count, values, lengths, formats, 1)
            } == 1
        }
    }
}
