import Foundation
import Logging
import Postgres
import Store
import TestSupport
import Testing

@testable import Contacts

@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct ContactImporterTests {
    private static func with<Value>(_ body: (PostgresPool) async throws -> Value) async throws -> Value {
        try await TestDatabase.with(template: .migrated, body)
    }

    @discardableResult
    private static func run(_ text: String, on pool: PostgresPool, tenant: String = "acme") async throws -> ImportReport
    {
        try await run(Data(text.utf8), on: pool, tenant: tenant)
    }

    private static func run(_ data: Data, on pool: PostgresPool, tenant: String = "acme") async throws -> ImportReport {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("contacts-\(UUID().uuidString).csv")
        try data.write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }  // A file left in /tmp is harmless.
        return try await ContactImporter(repository: ContactImportRepository(pool: pool)).run(
            file: file.path,
            tenant: tenant
        )
    }

    /// Columns of one contact as text.
    private static func contact(_ id: String, _ columns: String, on pool: PostgresPool) async throws -> String {
        let rows = try await pool.query(
            """
            SELECT concat_ws(' / ', \(fragment: PostgresQuery(sql: columns))) FROM contacts
            WHERE "contactId" = \(id) AND "tenantId" = 'acme'
            """
        )
        return try rows.first?.decode(0, as: String.self) ?? "none"
    }

    @Test func importsEveryColumn() async throws {
        try await Self.with { pool in
            let report = try await Self.run(
                """
                contactId,name,email,pin,yearOfBirth,messageCount,firstSeen,lastSeen,tags,paymentStatus,optedIn,optedInAt,deactivatedAt,metadata.company,metadata.plan
                +254 (711) 222-333,"Ann ""A"" \\N, B",a@b.c,007,1990,5,2025-01-31,2025-02-01T08:00:00.5+03:00,vip; gold|vip,paid,no,2025-01-01,,"Te\tx\\t
                y",pro
                """,
                on: pool
            )
            #expect(report.problems == [])
            #expect(report.result == ContactImportResult(inserted: 1))
            let shown = try await Self.contact(
                "254711222333",
                """
                name, email, pin, "yearOfBirth", "messageCount", "firstSeen" AT TIME ZONE 'UTC',
                "lastSeen" AT TIME ZONE 'UTC', tags, "paymentStatus", "optedIn", "optedInAt" AT TIME ZONE 'UTC',
                "deactivatedAt" IS NULL, metadata ->> 'company', metadata ->> 'plan'
                """,
                on: pool
            )
            #expect(
                shown == """
                    Ann "A" \\N, B / a@b.c / 007 / 1990 / 5 / 2025-01-31 00:00:00 / 2025-02-01 05:00:00.5 / {vip,gold} / paid / f / \
                    2025-01-01 00:00:00 / t / Te\tx\\t
                    y / pro
                    """
            )
        }
    }

    @Test func importingAgainChangesNothing() async throws {
        try await Self.with { pool in
            let lines = SampleContacts(count: 3_000, seed: 3, now: Date(timeIntervalSince1970: 1_780_000_000))
            let text = lines.joined(separator: "\n")
            let first = try await Self.run(text, on: pool)
            #expect(first.result == ContactImportResult(inserted: 3_000))
            #expect(first.problems == [])
            let second = try await Self.run(text, on: pool)
            #expect(second.result == ContactImportResult(unchanged: 3_000))
            let other = try await Self.run(text, on: pool, tenant: "other")
            #expect(other.result == ContactImportResult(inserted: 3_000))
        }
    }

    @Test func changesOnlyTheColumnsOfTheHeader() async throws {
        try await Self.with { pool in
            try await Self.run(
                "contactId,name,tags,optedIn,lastSeen,metadata.a,metadata.b\n254700000001,Ann,vip,no,2025-05-01,1,2\n",
                on: pool
            )
            let report = try await Self.run("contactId,name,metadata.b\n254700000001,Bea,3\n", on: pool)
            #expect(report.result == ContactImportResult(updated: 1))
            let columns = "name, tags, \"optedIn\", \"lastSeen\" AT TIME ZONE 'UTC', metadata"
            #expect(
                try await Self.contact("254700000001", columns, on: pool)
                    == #"Bea / {vip} / f / 2025-05-01 00:00:00 / {"a": "1", "b": "3"}"#
            )
            try await Self.run(
                "contactId,name,tags,optedIn,lastSeen,metadata.a\n254700000001,,,,2024-05-01,\n254700000002,,,,,\n",
                on: pool
            )
            // lastSeen never decreases, and an empty cell does not restore consent.
            #expect(
                try await Self.contact("254700000001", columns, on: pool)
                    == #"{} / f / 2025-05-01 00:00:00 / {"a": null, "b": "3"}"#
            )
            #expect(try await Self.contact("254700000002", columns, on: pool) == #"{} / t / {"a": null}"#)
            let only = try await Self.run("contactId\n254700000001\n254700000003\n", on: pool)
            #expect(only.result == ContactImportResult(inserted: 1, unchanged: 1))
        }
    }

    @Test func keepsTheLastOfSeveralRowsOfAContact() async throws {
        try await Self.with { pool in
            let report = try await Self.run(
                "contactId,name\n254700000001,A\n+254 700 000 001,B\n254700000002,C\n254-700-000-001,D\n",
                on: pool
            )
            #expect(report.result == ContactImportResult(inserted: 2, duplicates: 2))
            #expect(try await Self.contact("254700000001", "name", on: pool) == "D")
        }
    }

    @Test func reportsInvalidRowsAndImportsTheOthers() async throws {
        try await Self.with { pool in
            var data = Data("contactId,name,yearOfBirth,lastSeen,optedIn,tags\n".utf8)
            data += Data("12,\(String(repeating: "x", count: 256)),12.5,yesterday,maybe,\n".utf8)
            data += Data("254700000001,Good,,,,\n".utf8)
            data += Data("254700000002,".utf8) + Data([0xFF, 0xFE]) + Data(",,,,\n".utf8)
            data += Data("254700000003,too,few\n,,,,,\n\"254700000004,open,,,,\n254700000005,\0,,,,\n".utf8)
            data += Data("254700000006,\(String(repeating: "é", count: 255)),,2025-01-01T00:00:00+15:30,,\n".utf8)
            data += Data("254700000007,Last,1,2025-02-29,,\n254700000008,Last,2147483648,-7d,,\n".utf8)
            data += Data("254700000009,\(String(repeating: "é", count: 255)),1,9999-12-31T23:59:59-14:59,yes,;|\n".utf8)
            let report = try await Self.run(data, on: pool)
            #expect(
                report.problems.map { "\($0.line) \($0.column ?? "-")" } == [
                    "2 contactId", "2 name", "2 yearOfBirth", "2 lastSeen", "2 optedIn", "4 name", "5 -", "6 contactId",
                    "7 -",
                    "8 name", "9 lastSeen", "10 lastSeen", "11 yearOfBirth", "11 lastSeen",
                ]
            )
            #expect(report.rejected == 9)
            #expect(report.problemCount == 14)
            #expect(report.result == ContactImportResult(inserted: 2))
            #expect(
                report.problems.first?.description == "line 2: contactId: `12` has 2 digits, a phone number has 6 to 15"
            )
        }
    }

    @Test func keepsAHundredProblemsAndCountsAll() async throws {
        try await Self.with { pool in
            let rows = (1...500).map { $0 % 2 == 0 ? "x\($0)" : "\(254_700_000_000 + $0)" }.joined(separator: "\n")
            let report = try await Self.run("contactId\n" + rows, on: pool)
            #expect((report.problems.count, report.problemCount, report.rejected) == (100, 250, 250))
            #expect(report.result.inserted == 250)
        }
    }

    @Test(arguments: [
        ("contactId,nmae", ["unknown column `nmae`; did you mean `name`?"]),
        ("name,name", ["column `name` appears twice; remove one", "column `contactId` is missing"]),
        ("contactId,metadata.", ["column `metadata.` needs a key of up to 100 bytes, such as `metadata.company`"]),
        ("contactId,,ContactID", ["column 2 has no name", "unknown column `ContactID`; did you mean `contactId`?"]),
    ])
    func checksTheHeader(header: String, problems: [String]) async throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("contacts-\(UUID().uuidString).csv")
        try Data(header.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }  // A file left in /tmp is harmless.
        await #expect(throws: ContactImportError.header(file: file.path, problems: problems)) {
            _ = try await ContactFileBatches(file: file.path) { _ in }
        }
    }

    @Test func explainsUnreadableFiles() async throws {
        await #expect(throws: ContactImportError.unreadable(file: "/no/such", reason: "No such file or directory")) {
            _ = try await ContactFileBatches(file: "/no/such") { _ in }
        }
        await #expect(throws: ContactImportError.unreadable(file: "/tmp", reason: "it is a folder")) {
            _ = try await ContactFileBatches(file: "/tmp") { _ in }
        }
        await #expect(throws: ContactImportError.empty(file: "/dev/null")) {
            _ = try await ContactFileBatches(file: "/dev/null") { _ in }
        }
        #expect(ContactImporter.isTenant("acme-1"))
        for name in ["", "-a", "Acme", "a_b", String(repeating: "a", count: 51)] {
            #expect(!ContactImporter.isTenant(name))
        }
    }
}
