import Foundation
import Postgres
import Store
import TestSupport
import Testing

@testable import Contacts

/// A file undoes an opt-out only with a later time, or if the person who imports says so.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct ConsentImportTests {
    private static let phones = (0...9).map { "25470000000\($0)" }

    private static func run(
        _ rows: String,
        allowsOptIn: Bool = false,
        isDryRun: Bool = false,
        on pool: PostgresPool
    ) async throws -> ImportReport {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("consent-\(UUID().uuidString).csv")
        try Data(rows.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }  // A file left in /tmp is harmless.
        return try await ContactImporter(repository: ContactImportRepository(pool: pool)).run(
            from: .file(file.path),
            tenant: "acme",
            options: ContactImportOptions(allowsOptIn: allowsOptIn, isDryRun: isDryRun),
            by: .command("ana")
        )
    }

    /// STOP at noon of 2026-01-02, or the end of marketing messages.
    private static func stop(_ id: String, _ level: ConsentLevel = .all, on pool: PostgresPool) async throws {
        let noon = try Date("2026-01-02T12:00:00Z", strategy: .iso8601)
        let statement = ConsentStatement(
            tenantID: "acme",
            ids: [id],
            level,
            isOptedIn: false,
            source: .message,
            at: noon
        )
        try await ConsentRepository(pool: pool).record([statement])
    }

    /// The consent of contacts: `in`, `out`, `no marketing`, or `none` if there is no contact.
    private static func consents(_ ids: [String], on pool: PostgresPool) async throws -> [String] {
        let rows = try await pool.query(
            """
            SELECT coalesce(CASE WHEN c."suppressedLevel" = 'marketing' AND c."optedIn" THEN 'no marketing'
                WHEN c."optedIn" AND c."suppressedLevel" IS NULL THEN 'in'
                WHEN NOT c."optedIn" THEN 'out' END, 'none')
            FROM unnest(\(ids)::text[]) WITH ORDINALITY AS i(id, n)
            LEFT JOIN contacts c ON c."tenantId" = 'acme' AND c."contactId" = i.id ORDER BY i.n
            """
        )
        return try rows.map { try $0.decode(0, as: String.self) }
    }

    private static func with(_ body: (PostgresPool) async throws -> Void) async throws {
        try await TestDatabase.with(template: .migrated) { pool in
            // 0 to 4 are contacts; 1, 3 and 6 said STOP, 2 and 7 stopped marketing messages. Another system opted 4 out.
            for phone in phones.prefix(5) {
                try await pool.execute(
                    "INSERT INTO contacts (\"tenantId\", \"contactId\", \"optedIn\") VALUES ('acme', \(phone), \(phone != phones[4]))"
                )
            }
            for number in [1, 3, 6] { try await stop("+" + phones[number], on: pool) }
            for number in [2, 7] { try await stop(phones[number], .marketing, on: pool) }
            try await body(pool)
        }
    }

    private static func file(_ row: String, header: String = "contactId,optedIn,optedInAt") -> String {
        header + "\n" + phones.prefix(8).map { "\($0),\(row)\n" }.joined()
    }

    @Test(arguments: [false, true]) func aFileWithoutATimeUndoesNothing(isDryRun: Bool) async throws {
        try await Self.with { pool in
            let before = ["in", "out", "no marketing", "out", "out", "none", "none", "none"]
            for header in ["contactId,optedIn", "contactId,optedIn,optedInAt", "contactId,name"] {
                let row = header.hasSuffix("At") ? "yes," : "yes"
                let report = try await Self.run(Self.file(row, header: header), isDryRun: isDryRun, on: pool)
                let isExplicit = header.contains("optedIn")
                let isFirst = header.hasSuffix("optedIn") || isDryRun
                // Without a column only new contacts would be opted in.
                let out = isExplicit ? 4 : isFirst ? 1 : 0
                #expect(report.result.consent.optedOut == out, "\(header): \(report.summary)")
                #expect(report.result.consent.marketingStopped == (isExplicit ? 2 : isFirst ? 1 : 0), "\(header)")
                #expect(report.summary.contains("4 stay opted out, 2 stay opted out of marketing: ") == isExplicit)
                let after =
                    Array(before.prefix(5)) + (isDryRun ? Array(before.suffix(3)) : ["in", "out", "no marketing"])
                #expect(try await Self.consents(Array(Self.phones.prefix(8)), on: pool) == after, "\(header)")
            }
        }
    }

    @Test func aLaterTimeUndoesAnOptOut() async throws {
        try await Self.with { pool in
            let earlier = try await Self.run(Self.file("yes,2026-01-02T11:59:59Z"), on: pool)
            // The other system did not say when it opted the contact out.
            #expect(earlier.result.consent == .init(optedOut: 3, marketingStopped: 2))
            #expect(
                try await Self.consents(Array(Self.phones.prefix(8)), on: pool)
                    == ["in", "out", "no marketing", "out", "in", "in", "out", "no marketing"]
            )
            let dry = try await Self.run(Self.file("yes,2026-01-02T12:00:01Z"), isDryRun: true, on: pool)
            #expect(dry.summary.contains("5 who had opted out would be opted in again"), "\(dry.summary)")
            let later = try await Self.run(Self.file("yes,2026-01-02T12:00:01Z"), on: pool)
            #expect(later.result.consent == .init(optedIn: 5))
            // The two who get marketing messages again have nothing else that is new.
            #expect(later.result.updated == 6 && later.result.unchanged == 2)
            #expect(try await Self.consents(Array(Self.phones.prefix(8)), on: pool).allSatisfy { $0 == "in" })
            // The webhook once more, and then a new one.
            try await Self.stop(Self.phones[1], on: pool)
            #expect(try await Self.consents([Self.phones[1]], on: pool) == ["in"])
            let history = try await ConsentRepository(pool: pool).history(of: Self.phones[1], tenant: "acme").changes
            #expect(history.map(\.source) == ["import", "message"] && history[0].actor == .command("ana"))
        }
    }

    @Test func aTimeInTheFutureCountsAsThePresent() async throws {
        try await Self.with { pool in
            _ = try await Self.run(
                "contactId,optedIn,optedInAt\n\(Self.phones[1]),yes,2099-01-01T00:00:00Z\n",
                on: pool
            )
            #expect(try await Self.consents([Self.phones[1]], on: pool) == ["in"])
            let statement = ConsentStatement(
                tenantID: "acme",
                ids: [Self.phones[1]],
                .all,
                isOptedIn: false,
                source: .message
            )
            try await ConsentRepository(pool: pool).record([statement])
            #expect(try await Self.consents([Self.phones[1]], on: pool) == ["out"])
        }
    }

    @Test func aPersonMaySayThatAllHaveAgreed() async throws {
        try await Self.with { pool in
            let rows = Self.file("yes", header: "contactId,optedIn")
            let dry = try await Self.run(rows, allowsOptIn: true, isDryRun: true, on: pool)
            #expect(dry.summary.contains("5 who had opted out would be opted in again"), "\(dry.summary)")
            let report = try await Self.run(rows, allowsOptIn: true, on: pool)
            #expect(report.summary.contains("5 who had opted out were opted in again"), "\(report.summary)")
            #expect(try await Self.consents(Array(Self.phones.prefix(8)), on: pool).allSatisfy { $0 == "in" })
        }
    }

    @Test func aFileThatOptsOutIsKept() async throws {
        try await Self.with { pool in
            let first = try await Self.run(Self.file("no,2026-01-01"), on: pool)
            // Four of them were opted out already, but learn the time.
            #expect(first.result.inserted == 3 && first.result.updated == 5, "\(first.summary)")
            let second = try await Self.run(Self.file("no,2026-01-01"), on: pool)
            #expect(second.result.unchanged == 8, "\(second.summary)")
            #expect(try await Self.consents(Array(Self.phones.prefix(8)), on: pool).allSatisfy { $0 == "out" })
            let found = try await ConsentRepository(pool: pool).list(tenant: "acme", limit: 50)
            #expect(found.total == 8 && Set(found.suppressions.map(\.source)) == ["import", "message"])
            // The import is repeated, and the opt-out is recorded once.
            let history = try await ConsentRepository(pool: pool).history(of: Self.phones[0], tenant: "acme").changes
            #expect(history.count == 1)
            let again = try await Self.run(Self.file("yes", header: "contactId,optedIn"), on: pool)
            #expect(again.result.consent.optedOut == 8 && again.result.unchanged == 8)
        }
    }

    @Test func aSpellingThatWhatsAppRewritesIsTheSamePerson() async throws {
        try await TestDatabase.with(template: .migrated) { pool in
            try await Self.stop("553187654321", on: pool)
            let report = try await Self.run("contactId,optedIn\n5531987654321,yes\n+525512345678,yes\n", on: pool)
            #expect(report.result.consent == .init(optedOut: 1))
            #expect(try await Self.consents(["5531987654321", "525512345678"], on: pool) == ["out", "in"])
        }
    }
}
