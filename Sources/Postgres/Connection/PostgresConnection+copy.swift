internal import CLibPQ
internal import Glibc

extension PostgresConnection {
    /// Streams rows into a table with `COPY … FROM STDIN`.
    ///
    /// Each chunk is sent before the next is asked for, so memory does not grow with the number of rows. When the
    /// source throws, or the task is cancelled, no row is stored.
    ///
    /// - Parameters:
    ///   - table: The table's exact name, found on the search path.
    ///   - columns: The exact names of the columns, in the order of the data.
    ///   - format: The format of the bytes.
    ///   - rows: The bytes, in pieces that may be cut anywhere; pieces of about 10 kB are fastest.
    ///   - deadline: The longest time that the server may take for one piece, and for the end.
    /// - Returns: The number of rows stored.
    /// - Throws: The error of `rows`, or ``PostgresError``.
    @discardableResult
    public nonisolated func copyIn<Chunks: AsyncSequence>(
        into table: String,
        columns: [String],
        format: PostgresCopyFormat = .text,
        rows: Chunks,
        deadline: Duration = .seconds(30)
    ) async throws -> Int where Chunks.Element == [UInt8] {
        let list = columns.map(PostgresQuery.quoted).joined(separator: ", ")
        try await beginCopy("COPY \(PostgresQuery.quoted(table)) (\(list)) FROM STDIN (FORMAT \(format.sql))", deadline)
        do {
            for try await chunk in rows { try await copy(chunk, deadline) }
            if Task.isCancelled { throw PostgresError.cancelled }
        } catch {
            await abortCopy()
            throw error
        }
        return try await endCopy(deadline)
    }

    private func beginCopy(_ sql: String, _ deadline: Duration) async throws(PostgresError) {
        try await cancellable { wire throws(PostgresError) in try wire.beginCopy(sql, within: Wire.Limit(deadline)) }
    }

    private func copy(_ chunk: [UInt8], _ deadline: Duration) async throws(PostgresError) {
        try await cancellable { wire throws(PostgresError) in try wire.copy(chunk, within: Wire.Limit(deadline)) }
    }

    private func endCopy(_ deadline: Duration) async throws(PostgresError) -> Int {
        try await cancellable { wire throws(PostgresError) in
            try wire.endCopy(failure: nil, within: Wire.Limit(deadline))
        }
    }

    private func abortCopy() async {
        let limit = Wire.Limit(Wire.cancelGrace, isCancellable: false)
        do throws(PostgresError) {
            _ = try wire.endCopy(failure: "the source of the rows failed", within: limit)
        } catch .server {
            // The server confirms that it discarded the rows.
        } catch {
            wire.abandon(error)
        }
    }
}

/// The format of the bytes of a COPY.
public enum PostgresCopyFormat: Sendable {
    /// Tabs between columns, one row a line, `\N` for NULL, backslash escapes.
    case text
    /// RFC 4180 without a header line; an empty unquoted field is NULL.
    case csv

    var sql: String {
        switch self {
        case .text: "text"
        case .csv: "csv"
        }
    }
}

extension Wire {
    /// Starts `COPY … FROM STDIN`.
    func beginCopy(_ sql: String, within limit: Limit) throws(PostgresError) {
        let whole = try withSettings(sql)
        if !queue.isEmpty { try flush(within: limit) }
        let handle = try unsafe handle()
        guard unsafe PQsendQuery(handle, whole) == 1 else {
            throw .misuse(Self.oneLine(unsafe String(cString: PQerrorMessage(handle))))
        }
        let result = try results(within: limit)
        guard result.status == PGRES_COPY_IN else { throw .misuse("the server did not start a COPY") }
    }

    /// Sends one piece and waits until the kernel has taken it, so that memory does not grow.
    func copy(_ chunk: [UInt8], within limit: Limit) throws(PostgresError) {
        let handle = try unsafe handle()
        let taken = unsafe chunk.withUnsafeBytes { bytes in
            unsafe PQputCopyData(handle, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(bytes.count))
        }
        guard taken == 1 else { throw unsafe lose(handle) }
        while unsafe PQflush(handle) == 1 {
            let events = Int16(POLLIN | POLLOUT)
            switch wait(unsafe PQsocket(handle), for: events, until: limit.deadline, cancellable: true) {
            // Incoming data, such as an early error, must be read, or both sides would wait forever.
            case .ready: guard unsafe PQconsumeInput(handle) == 1 else { throw unsafe lose(handle) }
            case .broken: throw unsafe lose(handle)
            case .cancelled: throw .cancelled
            case .deadline: throw .timeout(limit.allowed)
            }
        }
        if unsafe PQstatus(handle) == CONNECTION_BAD { throw unsafe lose(handle) }
    }

    /// Ends the COPY; if `failure` is given, the server discards the rows.
    func endCopy(failure: String?, within limit: Limit) throws(PostgresError) -> Int {
        let handle = try unsafe handle()
        guard unsafe PQputCopyEnd(handle, failure) == 1 else { throw unsafe lose(handle) }
        return try results(within: limit).affectedRows
    }
}
