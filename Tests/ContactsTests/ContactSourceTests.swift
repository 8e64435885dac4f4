import Foundation
import Postgres
import Spec
import Store
import TestSupport
import Testing

@testable import Contacts

/// Imports from a query on another database, and the file of refused rows.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct ContactSourceTests {
    private static func ids(_ pool: PostgresPool) async throws -> [String] {
        try await pool.query("SELECT \"contactId\" FROM contacts ORDER BY 1").map { try $0.decode(0) }
    }

    private static func run(
        _ sql: String,
        on pool: PostgresPool,
        into target: PostgresPool,
        refused: String? = nil
    ) async throws -> ImportReport {
        try await ContactQuery.run(sql, on: pool) { query in
            try await ContactImporter(repository: ContactImportRepository(pool: target)).run(
                from: .query(query),
                tenant: "acme",
                options: ContactImportOptions(refused: refused)
            )
        }
    }

    private static func withDatabases(_ body: (_ other: PostgresPool, PostgresPool) async throws -> Void) async throws {
        try await TestDatabase.with(template: .migrated) { other in
            try await TestDatabase.with(template: .migrated) { pool in try await body(other, pool) }
        }
    }

    private static func withFile(_ body: (String) async throws -> Void) async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "rows-\(UUID().uuidString).csv")
        defer { try? FileManager.default.removeItem(at: file) }  // A file left in /tmp is harmless.
        try await body(file.path)
    }

    @Test func rowsOfAQueryAreImportedByTheRulesOfFiles() async throws {
        try await Self.withDatabases { other, pool in
            try await other.withConnection { connection in
                try await connection.simpleScript(
                    """
                    CREATE TABLE customers (
                        phone bigint, full_name text, tags text[], plan text, agreed boolean, seen timestamptz, born numeric
                    );
                    INSERT INTO customers VALUES
                        (254700000001, 'Ann "A", B', '{vip,gold}', 'x', true, '2026-11-01 10:00:00+03', 1990),
                        (254700000002, NULL, NULL, NULL, false, NULL, NULL),
                        (17, 'wrong', NULL, NULL, NULL, NULL, NULL);
                    INSERT INTO customers (phone) SELECT 254711000000 + n FROM generate_series(1, 2500) n;
                    SET TimeZone = 'Asia/Tokyo'
                    """
                )
            }
            let sql = """
                SELECT phone, full_name AS name, tags, plan AS "metadata.plan", agreed AS "optedIn", seen AS "lastSeen",
                    born AS "yearOfBirth" FROM customers;
                """
            let report = try await Self.run(sql, on: other, into: pool)
            #expect(report.result.inserted == 2_502 && report.rejected == 1, "\(report.problems)")
            #expect(report.problems.first?.description.hasPrefix("line 4: phone: `17`") == true, "\(report.problems)")
            let row = try await pool.query(
                """
                SELECT concat_ws(' / ', name, tags::text, metadata::text, "optedIn", "lastSeen" AT TIME ZONE 'UTC', "yearOfBirth")
                FROM contacts WHERE "contactId" = '254700000001'
                """
            )
            #expect(
                try row[0].decode(0, as: String.self)
                    == #"Ann "A", B / {vip,gold} / {"plan": "x"} / t / 2026-11-01 07:00:00 / 1990"#
            )
            let again = try await Self.run(sql, on: other, into: pool)
            #expect(again.result.unchanged == 2_502)
        }
    }

    @Test func aQueryWithoutRowsImportsNothing() async throws {
        try await Self.withDatabases { other, pool in
            let report = try await Self.run("SELECT 'x' AS phone WHERE false", on: other, into: pool)
            #expect(report.result.inserted == 0 && report.rejected == 0)
        }
    }

    @Test(arguments: [
        "DELETE FROM contacts RETURNING \"contactId\"", "SELECT 1) q; DROP TABLE contacts; SELECT (1",
        "WITH d AS (DELETE FROM contacts RETURNING *) SELECT * FROM d",
        "SELECT nextval('notifications_id_seq') AS phone", "SELECT nothing FROM nowhere",
    ])
    func aQueryThatIsNoReadIsRefused(sql: String) async throws {
        try await Self.withDatabases { other, pool in
            try await other.execute(
                "INSERT INTO contacts (\"tenantId\", \"contactId\") VALUES ('acme', '254700000001')"
            )
            await #expect(throws: PostgresError.self) { try await Self.run(sql, on: other, into: pool) }
            #expect(try await Self.ids(other) == ["254700000001"])
            #expect(try await Self.ids(pool).isEmpty)
        }
    }

    @Test func aColumnThatIsNotKnownIsNamed() async throws {
        try await Self.withDatabases { other, pool in
            let error = await #expect(throws: ContactImportError.self) {
                try await Self.run("SELECT 254700000001 AS phone, 1 AS nme", on: other, into: pool)
            }
            #expect(error?.description.contains("unknown column `nme`") == true)
        }
    }

    @Test func refusedRowsAreWrittenToBeMended() async throws {
        try await TestDatabase.with(template: .migrated) { pool in
            try await Self.withFile { input in
                try await Self.withFile { refused in
                    let text = """
                        Phone;name;yearOfBirth
                        254700000001;Ann;1990
                        17;"B; ""C"" D";soon
                        254700000003;"never closed
                        254700000004;too;many;fields
                        254700000005;Eve;1991
                        """
                    try text.write(toFile: input, atomically: true, encoding: .utf8)
                    let importer = ContactImporter(repository: ContactImportRepository(pool: pool))
                    let options = ContactImportOptions(refused: refused)
                    let report = try await importer.run(from: .file(input), tenant: "acme", options: options)
                    #expect(report.rejected == 3 && report.result.inserted == 2, "\(report.problems)")
                    let lines = try String(contentsOfFile: refused, encoding: .utf8).split(separator: "\n")
                    #expect(lines.count == 4 && lines[0] == #""Phone","name","yearOfBirth","refusal""#, "\(lines)")
                    #expect(lines[1].hasPrefix(#""17","B; ""C"" D","soon","Phone: `17` "#), "\(lines)")
                    #expect(lines[1].contains("; yearOfBirth: `soon` is not a whole number"), "\(lines)")
                    #expect(
                        lines[2].hasPrefix(#""254700000003;""never closed","","","a quote is never closed"#),
                        "\(lines)"
                    )
                    #expect(lines[3].hasPrefix(#""254700000004","too","many","fields","has 4 fields"#), "\(lines)")
                    // Mended in part: the reasons of the first time make no difference.
                    let mended = lines[0] + "\n" + lines[1].replacing(#""17""#, with: #""254700000017""#) + "\n"
                    try String(mended).write(toFile: input, atomically: true, encoding: .utf8)
                    let second = try await importer.run(from: .file(input), tenant: "acme", options: options)
                    #expect(second.rejected == 1, "\(second.problems)")
                    let rest = try String(contentsOfFile: refused, encoding: .utf8).split(separator: "\n")
                    #expect(
                        rest.count == 2 && rest[0] == lines[0] && rest[1].hasPrefix(#""254700000017","B; "#),
                        "\(rest)"
                    )
                    #expect(rest[1].split(separator: "yearOfBirth").count == 2, "only the new reason: \(rest)")
                    let all = mended.replacing("soon", with: "1992")
                    try String(all).write(toFile: input, atomically: true, encoding: .utf8)
                    _ = try await importer.run(from: .file(input), tenant: "acme", options: options)
                    #expect(try await Self.ids(pool) == ["254700000001", "254700000005", "254700000017"])
                    let unwritable = ContactImportOptions(refused: "/no/such/folder/x.csv")
                    let error = await #expect(throws: ContactImportError.self) {
                        try await importer.run(from: .file(input), tenant: "acme", options: unwritable)
                    }
                    #expect(error?.description.hasPrefix("cannot write /no/such/folder/x.csv") == true)
                }
            }
        }
    }
}
