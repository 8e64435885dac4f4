import Foundation
import Logging
import Postgres
import Spec
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
    private static func run(
        _ text: String,
        on pool: PostgresPool,
        tenant: String = "acme",
        options: ContactImportOptions = ContactImportOptions()
    ) async throws -> ImportReport {
        try await run(Data(text.utf8), on: pool, tenant: tenant, options: options)
    }

    @discardableResult
    private static func run(
        _ data: Data,
        on pool: PostgresPool,
        tenant: String = "acme",
        options: ContactImportOptions = ContactImportOptions()
    ) async throws -> ImportReport {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("contacts-\(UUID().uuidString).csv")
        try data.write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }  // A file left in /tmp is harmless.
        return try await ContactImporter(repository: ContactImportRepository(pool: pool)).run(
            from: .file(file.path),
            tenant: tenant,
            options: options
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

    /// Contacts that exist keep the id that they are stored under, whatever the spelling in the file.
    @Test func rowsFindTheirContactByEveryIDOfIt() async throws {
        try await Self.with { pool in
            try await pool.execute(
                """
                INSERT INTO contacts ("tenantId", "contactId") VALUES ('acme', '+254700000001'), ('acme', '551187654321'),
                    ('acme', 'KE.405'), ('acme', '254700000003'), ('acme', '254700000004'), ('acme', '+254700000004')
                """
            )
            try await pool.execute(
                """
                INSERT INTO contact_ids ("tenantId", key, "contactId", kind, id)
                SELECT 'acme', '254711111111', id, 'waId', '254711111111' FROM contacts WHERE "contactId" = 'KE.405'
                """
            )
            let file = """
                contactId,name
                254700000001,plus
                5511987654321,Brazil
                254711111111,learned
                254700000003,exact
                254700000004,exact of two
                KE.77.x,user
                254799999999,new
                """
            let report = try await Self.run(file, on: pool)
            #expect(report.problems == [])
            #expect(report.result == ContactImportResult(inserted: 2, updated: 5))
            #expect(try await Self.run(file, on: pool).result == ContactImportResult(unchanged: 7))
            let names = [
                "+254700000001": "plus", "551187654321": "Brazil", "KE.405": "learned", "254700000003": "exact",
                "254700000004": "exact of two", "KE.77.x": "user", "254799999999": "new",
            ]
            for (id, name) in names { #expect(try await Self.contact(id, "name", on: pool) == name) }
        }
    }

    @Test func theTenantsCountryIsThatOfNationalNumbersUnlessTheCallerNamesOne() async throws {
        try await Self.with { pool in
            try await pool.execute("INSERT INTO tenants (\"tenantId\", name, country) VALUES ('acme', 'acme', 'KE')")
            let report = try await Self.run("contactId\n0700 000 001\n", on: pool)
            #expect(report.result == ContactImportResult(inserted: 1))
            #expect(try await Self.contact("254700000001", "1", on: pool) == "1")
            let options = ContactImportOptions(country: CallingCode.of(country: "UG"))
            try await Self.run("contactId\n0700 000 001\n", on: pool, options: options)
            #expect(try await Self.contact("256700000001", "1", on: pool) == "1")
        }
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
            let empty =
                "contactId,name,tags,optedIn,lastSeen,metadata.a\n254700000001,,,,2024-05-01,\n254700000002,,,,,\n"
            try await Self.run(empty, on: pool)
            #expect(
                try await Self.contact("254700000001", columns, on: pool)
                    == #"Bea / {vip} / f / 2025-05-01 00:00:00 / {"a": "1", "b": "3"}"#
            )
            #expect(try await Self.contact("254700000002", columns, on: pool) == "{} / t / {}")
            try await Self.run(empty, on: pool, options: ContactImportOptions(emptyClears: true))
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

    @Test func joinsTheRowsOfAPerson() async throws {
        try await Self.with { pool in
            let text = """
                contactId,name,email,tags,optedIn,lastSeen,metadata.a,metadata.b
                254700000001,Ann,,vip;gold,no,2025-05-02,1,
                +254 (0) 700 000 001,,a@b.c,,,2025-05-01,,2
                254-700-000-001,,,,,,3,
                254700000002,Bea,,,,,,
                """
            let report = try await Self.run(text, on: pool)
            #expect(report.result == ContactImportResult(inserted: 2, duplicates: 2))
            let columns = "name, email, tags, \"optedIn\", \"lastSeen\" AT TIME ZONE 'UTC', metadata"
            #expect(
                try await Self.contact("254700000001", columns, on: pool)
                    == #"Ann / a@b.c / {vip,gold} / f / 2025-05-02 00:00:00 / {"a": "3", "b": "2"}"#
            )
            let again = try await Self.run(text, on: pool)
            #expect(again.result == ContactImportResult(unchanged: 2, duplicates: 2))
        }
    }

    @Test func aDryRunCountsAndChangesNothing() async throws {
        try await Self.with { pool in
            try await Self.run("contactId,name\n254700000001,Ann\n254700000002,Bea\n", on: pool)
            let text = "contactId,name\n254700000001,Ann\n254700000002,Cid\n254700000003,Dan\n12,x\n"
            let options = ContactImportOptions(isDryRun: true)
            let report = try await Self.run(text, on: pool, options: options)
            #expect(report.result == ContactImportResult(inserted: 1, updated: 1, unchanged: 1))
            #expect(report.summary.hasPrefix("would import 3 contacts: 1 new, 1 updated, 1 unchanged"))
            #expect(report.rejected == 1)
            #expect(try await Self.contact("254700000002", "name", on: pool) == "Bea")
            #expect(try await Self.contact("254700000003", "name", on: pool) == "none")
            #expect(try await Self.run(text, on: pool).result == report.result)
        }
    }

    /// Files as spreadsheets and people write them, all with the same two contacts.
    private static let spellings: [(String, Data)] = {
        let rows = [["Mobile number", "Full Name", "Opted In", "tags"], ["254700000001", "José Ñandú", "yes", "vip"]]
        func text(_ separator: String, _ end: String = "\r\n") -> String {
            rows.map { $0.joined(separator: separator) + end }.joined()
        }
        let utf16 = text("\t").utf16
        return [
            ("commas", Data(text(",").utf8)), ("semicolons", Data(text(";").utf8)), ("tabs", Data(text("\t").utf8)),
            ("bars", Data(text("|").utf8)), ("a mark", Data([0xEF, 0xBB, 0xBF]) + Data(text(";").utf8)),
            ("sep=", Data(("sep=;\r\n" + text(";")).utf8)), ("no line end", Data(text(",", "\n").dropLast().utf8)),
            ("UTF-16 LE", Data([0xFF, 0xFE]) + Data(utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] })),
            ("UTF-16 BE", Data([0xFE, 0xFF]) + Data(utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] })),
            ("Windows-1252", text(";").data(using: .windowsCP1252) ?? Data()),
            ("empty columns", Data(rows.map { $0.joined(separator: ";") + ";;\r\n" }.joined().utf8)),
            (
                "quoted separators",
                Data(rows.map { $0.map { "\"\($0)\"" }.joined(separator: ";") + "\n" }.joined().utf8)
            ),
        ]
    }()

    @Test(arguments: spellings.indices)
    func readsFilesAsSpreadsheetsWriteThem(_ index: Int) async throws {
        let (name, data) = Self.spellings[index]
        try await Self.with { pool in
            let report = try await Self.run(data, on: pool)
            #expect(report.problems == [], "\(name)")
            #expect(report.result == ContactImportResult(inserted: 1), "\(name)")
            #expect(report.isWindows1252 == (name == "Windows-1252"))
            #expect(
                try await Self.contact("254700000001", "name, \"optedIn\", tags", on: pool) == "José Ñandú / t / {vip}",
                "\(name)"
            )
        }
    }

    @Test func readsNumbersOfTheCountryAndColumnsThatAreNamed() async throws {
        try await Self.with { pool in
            let options = ContactImportOptions(
                country: CallingCode.of(country: "KE"),
                columns: ["Client": "contactId", "Notes": "-", "Plan": "metadata.plan"]
            )
            let text = "Client;Notes;Plan;name\n0700 000 001;call back;pro;Ann\n+53123456789;;;Bea\n2.547E+11;;;Cid\n"
            let report = try await Self.run(text, on: pool, options: options)
            #expect(report.result == ContactImportResult(inserted: 2))
            #expect(report.problems.map(\.line) == [4])
            #expect(report.warnings.map(\.line) == [3])
            #expect(try await Self.contact("254700000001", "name, metadata", on: pool) == #"Ann / {"plan": "pro"}"#)
            let refused = try await Self.run("contactId\n0700000001\n", on: pool)
            #expect(refused.problems.first?.message.contains("--country KE") == true)
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
            data += Data("254700000001,Gööd,,,,\n".utf8)
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
                report.problems.first?.description
                    == "line 2: contactId: `12` has 2 digits, which is too short for a phone number"
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
        ("contactId,,ContactID", ["column 2 has no name", "column `ContactID` appears twice; remove one"]),
    ])
    func checksTheHeader(header: String, problems: [String]) async throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("contacts-\(UUID().uuidString).csv")
        try Data(header.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }  // A file left in /tmp is harmless.
        await #expect(throws: ContactImportError.header(file: file.path, problems: problems)) {
            _ = try await ContactFileBatches(source: .file(file.path)) { _ in }
        }
    }

    @Test func explainsUnreadableFiles() async throws {
        await #expect(throws: ContactImportError.unreadable(file: "/no/such", reason: "No such file or directory")) {
            _ = try await ContactFileBatches(source: .file("/no/such")) { _ in }
        }
        await #expect(throws: ContactImportError.unreadable(file: "/tmp", reason: "it is a folder")) {
            _ = try await ContactFileBatches(source: .file("/tmp")) { _ in }
        }
        await #expect(throws: ContactImportError.empty(file: "/dev/null")) {
            _ = try await ContactFileBatches(source: .file("/dev/null")) { _ in }
        }
        #expect(ContactImporter.isTenant("acme-1"))
        for name in ["", "-a", "Acme", "a_b", String(repeating: "a", count: 51)] {
            #expect(!ContactImporter.isTenant(name))
        }
    }
}
