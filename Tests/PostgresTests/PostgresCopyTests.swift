import Postgres
import Testing

@Suite(.enabled(if: ScratchSchema.isAvailable))
struct PostgresCopyTests {
    private struct SourceFailed: Error {}

    /// Chunks of text rows `n<tab>name n`, made when they are asked for.
    private struct Chunks: AsyncSequence, AsyncIteratorProtocol {
        let rows: Int
        var failsAfter = Int.max
        var next = 0

        func makeAsyncIterator() -> Chunks { self }

        mutating func next() async throws -> [UInt8]? {
            guard next < failsAfter else { throw SourceFailed() }
            guard next < rows else { return nil }
            let end = Swift.min(next + 500, rows)
            defer { next = end }
            return Array((next..<end).map { "\($0)\tname \($0)\n" }.joined().utf8)
        }
    }

    @Test func copiesManyRows() async throws {
        try await ScratchSchema.withConnection { connection in
            try await connection.simpleScript(#"CREATE TABLE "bigTable" (id int, "fullName" text)"#)
            let count = try await connection.copyIn(
                into: "bigTable",
                columns: ["id", "fullName"],
                rows: Chunks(rows: 100_000)
            )
            #expect(count == 100_000)
            let row = try await connection.query(#"SELECT count(*), sum(id), max("fullName") FROM "bigTable""#).first
            #expect(try row?.decode(0, as: Int.self) == 100_000)
            #expect(try row?.decode(1, as: Int.self) == 4_999_950_000)
            #expect(try row?.decode(2, as: String.self) == "name 99999")
        }
    }

    @Test func readsCSV() async throws {
        try await ScratchSchema.withConnection { connection in
            try await connection.simpleScript("CREATE TABLE t (a text, b text)")
            let pieces: [[UInt8]] = ["\"x, \"\"y\"\"", "\",\n,\"\"\n"].map { Array($0.utf8) }
            let rows = AsyncStream { continuation in
                for piece in pieces { continuation.yield(piece) }
                continuation.finish()
            }
            #expect(try await connection.copyIn(into: "t", columns: ["a", "b"], format: .csv, rows: rows) == 2)
            let values = try await connection.query("SELECT a, b FROM t ORDER BY a NULLS LAST")
            #expect(try values[0].decode("a", as: String?.self) == "x, \"y\"")
            #expect(try values[1].decode("a", as: String?.self) == nil)
            #expect(try values[1].decode("b", as: String?.self) == "")
        }
    }

    /// A request to cancel may pass the answer that a COPY has begun; it must not hit what follows.
    @Test func aCancellationAtTheStartOfACopyHitsNothingElse() async throws {
        try await ScratchSchema.withConnection { connection in
            try await connection.simpleScript("CREATE TABLE t (id int, name text)")
            for attempt in 1...1000 {
                let (rows, source) = AsyncStream<[UInt8]>.makeStream()
                let copy = Task { try await connection.copyIn(into: "t", columns: ["id", "name"], rows: rows) }
                // Some attempts are cancelled before COPY was sent, some while it begins, some after.
                for _ in 0..<attempt % 250 * 4 { await Task.yield() }
                copy.cancel()
                source.finish()
                _ = await copy.result
                for _ in 1...3 {
                    #expect(try #require(try await connection.query("SELECT count(*) FROM t").first).decode(0) == 0)
                }
            }
        }
    }

    @Test func aFailingSourceStoresNothing() async throws {
        try await ScratchSchema.withConnection { connection in
            try await connection.simpleScript("CREATE TABLE t (id int, name text)")
            await #expect(throws: SourceFailed.self) {
                try await connection.copyIn(
                    into: "t",
                    columns: ["id", "name"],
                    rows: Chunks(rows: 10_000, failsAfter: 5_000)
                )
            }
            #expect(try #require(try await connection.query("SELECT count(*) FROM t").first).decode(0) == 0)
        }
    }

    @Test func badRowsAreTheServersError() async throws {
        try await ScratchSchema.withConnection { connection in
            try await connection.simpleScript("CREATE TABLE t (id int, name int)")
            let error = await #expect(throws: PostgresError.self) {
                try await connection.copyIn(into: "t", columns: ["id", "name"], rows: Chunks(rows: 1_000))
            }
            #expect(error?.sqlState == "22P02")
            try await expectUsable(connection)
        }
    }
}
