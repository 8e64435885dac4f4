import FoundationEssentials
import Postgres
import Testing

@Suite(.enabled(if: ScratchSchema.isAvailable))
struct PostgresValueTests {
    enum Mood: String, PostgresScalar { case calm, cross }

    private func roundTrip<Value: PostgresEncodable & PostgresDecodable & Equatable>(
        _ values: [Value],
        as type: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await ScratchSchema.withConnection { connection in
            for value in values {
                let query: PostgresQuery = "SELECT \(value)::\(fragment: PostgresQuery(sql: type)) AS value"
                let row = try #require(try await connection.query(query).first)
                #expect(try row.decode("value", as: Value.self) == value, sourceLocation: sourceLocation)
            }
        }
    }

    @Test func numbersAndBooleans() async throws {
        try await roundTrip([true, false], as: "bool")
        try await roundTrip([Int.min, -1, 0, 1, Int.max], as: "int8")
        try await roundTrip([Int64.min, 0, Int64.max], as: "int8")
        try await roundTrip([Int32.min, 0, Int32.max], as: "int4")
        try await roundTrip([Int16.min, 0, Int16.max], as: "int2")
        try await roundTrip([0, -1.5, 0.1, 1e300, Double.leastNonzeroMagnitude, .infinity, -.infinity], as: "float8")
        try await roundTrip([0, -12_345_678, 10_000, Int.max, Int.min], as: "numeric")
        try await roundTrip([0.0, 1234.5678, -0.0001, 1e20, 123_456_789.000_1], as: "numeric")
    }

    @Test func textUUIDsAndBytes() async throws {
        try await roundTrip(["", "plain", "ünï😀", "a'b\"c\\d\ne\tf", "NULL", "{a,b}"], as: "text")
        try await roundTrip([UUID(), UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))], as: "uuid")
        try await roundTrip([[UInt8](), Array(0...255)], as: "bytea")
        try await roundTrip([Data(), Data([0, 255, 92, 39])], as: "bytea")
        try await roundTrip([PostgresJSON(text: #"{"a": [1, "x\"y"]}"#), PostgresJSON(text: "null")], as: "jsonb")
        try await roundTrip([PostgresJSON(text: #"{"a":  1}"#)], as: "json")
        try await roundTrip([Mood.calm, .cross], as: "text")
    }

    @Test(arguments: [
        "2026-03-28 09:00:00.000001+00", "2000-01-01 00:00:00+00", "1999-12-31 23:59:59.999999+00",
        "1970-01-01 00:00:00+00", "2024-02-29 12:34:56.789012+00", "1900-03-01 00:00:00+00",
        "0001-01-01 00:00:00+00", "9999-12-31 23:59:59+00", "294276-12-31 00:00:00+00",
        "0044-03-15 12:00:00+00 BC", "4714-11-24 00:00:00+00 BC", "0001-02-29 00:00:00+00 BC",
    ])
    func datesKeepTheirInstant(_ text: String) async throws {
        try await ScratchSchema.withConnection { connection in
            let row = try #require(try await connection.query("SELECT \(text)::timestamptz").first)
            let date: Date = try row.decode(0)
            let same = try await connection.query("SELECT \(date)::timestamptz = \(text)::timestamptz").first
            #expect(try #require(same).decode(0) == true)
        }
    }

    @Test func microsecondsAreExact() async throws {
        try await ScratchSchema.withConnection { connection in
            let instants =
                "SELECT timestamptz '2026-01-01' + n * interval '1000003.000001 s' AS t FROM generate_series(0, 2000) n"
            let dates = try await connection.query(PostgresQuery(sql: instants)).map { try $0.decode(0, as: Date.self) }
            let matches = try await connection.query(
                """
                SELECT count(*) FROM unnest(\(dates)::timestamptz[]) WITH ORDINALITY u(t, n)
                WHERE t = timestamptz '2026-01-01' + (n - 1) * interval '1000003.000001 s'
                """
            )
            #expect(try #require(matches.first).decode(0) == 2001)
        }
    }

    @Test func arraysKeepTheirElements() async throws {
        try await roundTrip([[], ["", "NULL", "null", "a,b", "{x}", "q\"\\'", " blank ", "ü"]], as: "text[]")
        try await roundTrip([[nil, "a", nil, "NULL"]], as: "text[]")
        try await roundTrip([[UUID(), UUID()]], as: "uuid[]")
        try await roundTrip([[nil, UUID(), nil]], as: "uuid[]")
        try await roundTrip([[UUID?.none], []], as: "uuid[]")
        try await roundTrip([[PostgresJSON(text: "null"), nil, PostgresJSON(text: #""ü\"""#)]], as: "jsonb[]")
        try await roundTrip([[String(repeating: "ü", count: 100_000), "a"]], as: "text[]")
        try await roundTrip([[Int32.min, 0, Int32.max]], as: "int4[]")
        try await roundTrip([[1, nil, Int.max]], as: "int8[]")
        try await roundTrip([[true, false]], as: "bool[]")
        try await roundTrip([[0.5, -2]], as: "float8[]")
        try await roundTrip([[Mood.calm, .cross]], as: "text[]")
        try await roundTrip([[Data([1, 2]), Data()]], as: "bytea[]")
        try await roundTrip([[PostgresJSON(text: #"{"a": "b,c"}"#)]], as: "jsonb[]")
        let date = Date(timeIntervalSinceReferenceDate: 800_000_000.123_456)
        try await roundTrip([[date, nil, Date(timeIntervalSinceReferenceDate: -63_000_000_000)]], as: "timestamptz[]")
    }

    @Test func enumsOfTheDatabaseAreRead() async throws {
        try await ScratchSchema.withConnection { connection in
            try await connection.simpleScript(
                "CREATE TYPE mood AS ENUM ('calm', 'cross', 'odd'); CREATE TABLE t (m mood, ms mood[])"
            )
            try await connection.execute("INSERT INTO t VALUES (\(Mood.cross), \([Mood.calm, .cross]))")
            let row = try #require(try await connection.query("SELECT m, ms FROM t").first)
            #expect(try row.decode("m", as: Mood.self) == .cross)
            #expect(try row.decode("ms", as: [Mood].self) == [.calm, .cross])
            let odd = try #require(try await connection.query("SELECT 'odd'::mood AS m").first)
            let error = #expect(throws: PostgresError.self) { try odd.decode("m", as: Mood.self) }
            #expect(error?.description == "column \"m\" holds 'odd', which is no Mood")
        }
    }

    @Test func nullIsReadAsOptionalOnly() async throws {
        try await ScratchSchema.withConnection { connection in
            let none: String? = nil
            let row = try #require(try await connection.query("SELECT \(none)::text AS a, 1 AS b").first)
            #expect(try row.decode("a", as: String?.self) == nil)
            #expect(try row.decode("b", as: Int?.self) == 1)
            #expect(row.isNull(0) && !row.isNull(1))
        }
    }

    @Test(arguments: [
        ("'x'::text", "column \"c\" is text, cannot be read as Int"),
        ("NULL::int", "column \"c\" is NULL, cannot be read as Int; read it as Int?"),
        ("1e30::numeric", "column \"c\" is numeric and its value does not fit into Int"),
        ("1.5::numeric", "column \"c\" is numeric and its value does not fit into Int"),
        ("1::float8", "column \"c\" is float8, cannot be read as Int"),
        ("ARRAY[1]", "column \"c\" is int4[], cannot be read as Int"),
    ])
    func decodingErrorsNameColumnAndTypes(_ expression: String, _ message: String) async throws {
        try await ScratchSchema.withConnection { connection in
            let row = try #require(try await connection.query(PostgresQuery(sql: "SELECT \(expression) AS c")).first)
            let error = #expect(throws: PostgresError.self) { try row.decode("c", as: Int.self) }
            #expect(error?.description == message)
        }
    }

    @Test func otherDecodingErrors() async throws {
        try await ScratchSchema.withConnection { connection in
            let sql: PostgresQuery =
                "SELECT 70000 AS a, ARRAY['x', NULL] AS b, 'infinity'::timestamptz AS c, ARRAY[[1]] AS d"
            let row = try #require(try await connection.query(sql).first)
            func message(_ body: () throws -> Void) -> String? {
                #expect(throws: PostgresError.self, performing: body)?.description
            }
            #expect(
                message { _ = try row.decode("a", as: Int16.self) }
                    == "column \"a\" is int4 and its value does not fit into Int16"
            )
            #expect(
                message { _ = try row.decode("b", as: [String].self) }
                    == "column \"b\" has a NULL element, cannot be read as Array<String>"
            )
            #expect(
                message { _ = try row.decode("c", as: Date.self) } == "column \"c\" holds infinity, which is no Date"
            )
            #expect(
                message { _ = try row.decode("d", as: [Int].self) }
                    == "column \"d\" holds an array of 2 dimensions; only one can be read"
            )
            #expect(
                message { _ = try row.decode("x", as: Int.self) }
                    == "there is no column \"x\"; the result has \"a\", \"b\", \"c\", \"d\""
            )
            #expect(message { _ = try row.decode(9, as: Int.self) } == "there is no column 9; the result has 4")
        }
    }

    @Test func impossibleValuesAreRefusedBeforeTheyAreSent() async throws {
        try await ScratchSchema.withConnection { connection in
            let error = await #expect(throws: PostgresError.self) {
                try await connection.query("SELECT \(1)::int, \("a\0b")::text")
            }
            #expect(error?.description == "parameter $2: the text contains U+0000, which Postgres cannot store")
            let inArray = await #expect(throws: PostgresError.self) {
                try await connection.query("SELECT \(["a", nil, "b\0"])::text[]")
            }
            #expect(inArray?.description == "parameter $1: the text contains U+0000, which Postgres cannot store")
            try await expectUsable(connection)
        }
    }
}
