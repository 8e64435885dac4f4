extension PostgresConnection {
    /// Streams rows into a table with `COPY … FROM STDIN`.
    ///
    /// Each chunk is sent before the next is asked for, so memory does not grow with the number of rows. When the
    /// source throws, or the task is cancelled, no row is stored.
    ///
    /// - Parameters:
    ///   - table: The table's exact name, found on the search path.
    ///   - columns: The exact names of the columns, in the order of the data.
    ///   - format: How the bytes are to be read.
    ///   - rows: The bytes, in pieces that may be cut anywhere; pieces of some 10 kB are fastest.
    ///   - deadline: The longest time that the server may take for one piece, and for the end.
    /// - Returns: The number of rows stored.
    /// - Throws: What `rows` throws, or ``PostgresError``.
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
            // The server confirms that it has thrown the rows away.
        } catch {
            wire.abandon(error)
        }
    }
}
