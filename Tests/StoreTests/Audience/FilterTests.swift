import Foundation
import JSON
import Postgres
import Spec
import TestSupport
import Testing

@testable import Store

/// Every operator and type of field, against rows.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct FilterTests {
    /// Contacts a to e, and two that no filter may select; `e` has no values at all.
    private static let contacts = """
        INSERT INTO contacts ("tenantId", "contactId", name, email, "yearOfBirth", "messageCount", "lastSeen", tags,
            "paymentStatus", metadata, "optedIn", "deactivatedAt")
        VALUES
        ('acme', 'a', 'Ann 100%', 'ann@x.co', 1990, 5, '2026-05-28T10:00:00Z', '{vip,gold}', 'paid',
            '{"plan":"pro","seats":"10","score":7.5,"on":true,"it''s":"x"}', true, NULL),
        ('acme', 'b', 'Bob_1', 'bob@x.co', 1985, 0, '2026-05-20T00:00:00Z', '{vip}', 'unpaid',
            '{"plan":"free","seats":"9"}', true, NULL),
        ('acme', 'c', 'Cat 1000', NULL, 2001, 50, '2025-01-01T00:00:00Z', '{newsletter}', 'unpaid',
            '{"plan":null,"seats":"many"}', true, NULL),
        ('acme', 'd', 'dän\\x', 'd@y.co', NULL, 3, NULL, '{}', NULL, '{"seats":-2}', true, NULL),
        ('acme', 'e', NULL, NULL, NULL, 0, NULL, '{}', NULL, '{}', true, NULL),
        ('acme', 'x', 'Ann 100%', NULL, 1990, 5, now(), '{vip,gold}', 'paid', '{"plan":"pro"}', false, NULL),
        ('acme', 'y', 'Ann 100%', NULL, 1990, 5, now(), '{vip,gold}', 'paid', '{"plan":"pro"}', true, now()),
        ('other', 'z', 'Ann 100%', NULL, 1990, 5, now(), '{vip,gold}', 'paid', '{"plan":"pro"}', true, NULL)
        """

    private static func one(_ field: String, _ operation: String, _ value: String? = nil) -> String {
        #"{"field":"\#(field)","operator":"\#(operation)"\#(value.map { #","value":"# + $0 } ?? "")}"#
    }

    private static let cases: [(filter: String, expected: String)] = [
        (#"{"logic":"AND","conditions":[]}"#, "abcde"),
        (#"{"logic":"OR","conditions":[]}"#, "abcde"),
        // Texts.
        (one("name", "eq", #""Bob_1""#), "b"), (one("name", "neq", #""Bob_1""#), "acd"),
        (one("name", "gt", #""Bob_1""#), "cd"), (one("name", "lte", #""Bob_1""#), "ab"),
        (one("name", "contains", #""100%""#), "a"), (one("name", "contains", #""b_1""#), "b"),
        (one("name", "contains", #""\\x""#), "d"), (one("name", "contains", #""ANN""#), "a"),
        (one("name", "contains", #""_""#), "b"), (one("name", "contains", #""%""#), "a"),
        (one("name", "in", #"["Bob_1","Cat 1000"]"#), "bc"), (one("name", "not_in", #"["Bob_1"]"#), "acd"),
        (one("name", "is_null"), "e"), (one("name", "is_not_null"), "abcd"),
        (one("email", "contains", #""@x.co""#), "ab"), (one("contactId", "eq", #""c""#), "c"),
        (one("paymentStatus", "eq", #""unpaid""#), "bc"), (one("paymentStatus", "neq", #""unpaid""#), "a"),
        (one("name", "starts_with", #""ANN""#), "a"), (one("name", "starts_with", #""nn""#), ""),
        (one("name", "ends_with", #""_1""#), "b"), (one("name", "ends_with", #""00%""#), "a"),
        (one("name", "ends_with", #""N\\X""#), "d"), (one("name", "starts_with", #""DÄ""#), "d"),
        (one("name", "between", #"["Ann 100%","Bob_1"]"#), "ab"),
        // Numbers.
        (one("yearOfBirth", "between", "[1985,1990]"), "ab"), (one("messageCount", "between", "[0,3.5]"), "bde"),
        (one("yearOfBirth", "gte", "1990"), "ac"), (one("yearOfBirth", "lt", "1990.5"), "ab"),
        (one("yearOfBirth", "in", "[1985,2001]"), "bc"), (one("yearOfBirth", "not_in", "[1985,2001.0]"), "a"),
        (one("messageCount", "gt", "3"), "ac"), (one("messageCount", "eq", "0"), "be"),
        (one("messageCount", "lt", "9000000000"), "abcde"), (one("yearOfBirth", "is_null"), "de"),
        // Times.
        (one("lastSeen", "gte", #""-24h""#), "a"), (one("lastSeen", "lt", #""-7d""#), "bc"),
        (one("lastSeen", "lt", #""2026-05-20""#), "c"), (one("lastSeen", "eq", #""2026-05-20T03:00:00+03:00""#), "b"),
        (one("lastSeen", "in", #"["2026-05-20","2025-01-01"]"#), "bc"), (one("lastSeen", "is_null"), "de"),
        (one("lastSeen", "older_than", #""7d""#), "bc"), (one("lastSeen", "newer_than", #""24h""#), "a"),
        (one("lastSeen", "between", #"["2025-01-01","-7d"]"#), "bc"),
        // Tags.
        (one("tags", "contains", #""vip""#), "ab"), (one("tags", "contains", #""vi""#), ""),
        (one("tags", "contains_any", #"["gold","newsletter"]"#), "ac"),
        (one("tags", "contains_all", #"["gold","vip"]"#), "a"),
        (one("tags", "contains", #""{vip,gold}""#), ""), (one("tags", "is_not_null"), "abc"),
        (one("tags", "is_null"), "de"), (#"{"not":\#(one("tags", "is_null"))}"#, "abc"),
        // Metadata, as text and as numbers.
        (one("metadata.plan", "eq", #""pro""#), "a"), (one("metadata.plan", "neq", #""pro""#), "b"),
        (one("metadata.plan", "is_null"), "cde"), (one("metadata.plan", "in", #"["pro","free"]"#), "ab"),
        (one("metadata.seats", "gt", "9"), "a"), (one("metadata.seats", "lt", "9.5"), "bd"),
        (one("metadata.seats", "gt", #""9""#), "c"), (one("metadata.seats", "eq", "10"), "a"),
        (one("metadata.seats", "in", "[9,-2]"), "bd"), (one("metadata.seats", "not_in", "[9]"), "ad"),
        (one("metadata.score", "eq", "7.5"), "a"), (one("metadata.on", "eq", "true"), "a"),
        (one("metadata.plan", "contains", #""RE""#), "b"),
        (one("metadata.seats", "in", #"[10,"many"]"#), "ac"), (one("metadata.seats", "not_in", #"[10,"many"]"#), "bd"),
        (one("metadata.score", "in", "[9007199254740993,7.5]"), "a"),
        (one("metadata.plan", "starts_with", #""P""#), "a"), (one("metadata.plan", "ends_with", #""EE""#), "b"),
        (one("metadata.seats", "between", "[-2,9]"), "bd"),
        // Groups and negation.
        (#"{"not":\#(one("name", "eq", #""Bob_1""#))}"#, "acde"),
        (#"{"not":{"not":\#(one("name", "eq", #""Bob_1""#))}}"#, "b"),
        (#"{"not":{"logic":"AND","conditions":[]}}"#, ""),
        (
            """
            {"logic":"OR","conditions":[\(one("name", "is_null")),{"logic":"AND","conditions":[\
            \(one("tags", "contains", #""vip""#)),{"not":\(one("paymentStatus", "eq", #""paid""#))}]}]}
            """, "be"
        ),
        // SQL in a value or a key is never executed.
        (one("name", "eq", #""' OR true --""#), ""), (one("name", "contains", #""'; DROP TABLE contacts; --""#), ""),
        (one("metadata.it's", "eq", #""x""#), "a"), (one("metadata.plan' = 'pro' OR true --", "is_null"), "abcde"),
        (one("metadata.a') OR (true", "eq", #""x""#), ""), (one("tags", "contains_any", #"["\"},{\"","'"]"#), ""),
        (#"{"logic":"OR","conditions":[\#(one("name", "eq", #""$1""#)),\#(one("metadata.$2", "eq", #""x""#))]}"#, ""),
    ]

    @Test func filtersSelectExactlyWhomTheySay() async throws {
        try await Fixture.with { fixture in
            try await fixture.pool.execute(PostgresQuery(sql: Self.contacts))
            for (text, expected) in Self.cases {
                let filter = try AudienceFilter(json: JSONValue(parsing: text))
                let recipients = AudienceQuery.recipients(
                    tenant: "acme",
                    filter: filter,
                    category: .marketing,
                    now: Fixture.now
                )
                let found = try await fixture.column(
                    """
                    SELECT "contactId" FROM contacts c WHERE \(fragment: recipients) ORDER BY 1
                    """,
                    as: String.self
                )
                #expect(found.joined() == expected, "\(text)")
            }
        }
    }

    /// The locale of a database decides nothing: neither that without letters beyond ASCII, nor an encoding without ICU.
    @Test(arguments: [
        ("ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'", "abcd"),
        ("ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'", "ad"),
    ])
    func comparesTextsAlikeInEveryLocale(options: String, expected: String) async throws {
        try await TestDatabase.with(options: "TEMPLATE template0 \(options)") { pool in
            _ = try await Migrator(pool: pool, logger: TestDatabase.logger).migrate()
            for (id, name) in [("a", "José"), ("b", "JOSÉ"), ("c", "josÉ x"), ("d", "xjosé"), ("e", "Jose")] {
                try await pool.execute(
                    #"INSERT INTO contacts ("tenantId", "contactId", name) VALUES ('acme', \#(id), \#(name))"#
                )
            }
            let filter = try AudienceFilter(json: ["field": "name", "operator": "contains", "value": "josé"])
            let samples = try await AudienceRepository(pool: pool)
                .samples(tenant: "acme", filter: filter, now: Fixture.now, limit: 10)
            #expect(samples.map(\.contactID).joined() == expected)
        }
    }

    @Test func sizesCountTheWindowAsOfNow() async throws {
        try await Fixture.with { fixture in
            try await fixture.pool.execute(PostgresQuery(sql: Self.contacts))
            let audiences = AudienceRepository(pool: fixture.pool)
            let size = try await audiences.size(tenant: "acme", filter: .everybody, now: Fixture.now)
            #expect((size.total, size.inWindow) == (5, 1))
            let later = try await audiences.size(tenant: "acme", filter: .everybody, now: Fixture.now + 86_400)
            #expect((later.total, later.inWindow) == (5, 0))
        }
    }
}
