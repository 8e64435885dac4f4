import Foundation
import Postgres
import TestBed
import TestSupport
import Testing

/// `campaignd contacts duplicates` and `merge`.
@Suite(.serialized, .enabled(if: TestEnvironment.hasPostgres))
struct DuplicatesCommandTests {
    @Test(.timeLimit(.minutes(2)))
    func contactsOfOnePersonAreListedAndJoined() async throws {
        try await Stage.with(contacts: 2, rate: 80) { stage in
            let none = try await stage.contacts("duplicates")
            #expect(none.output == "no person of tenant test has several contacts\n", "\(none.errors)")
            try await stage.pool.execute(
                """
                INSERT INTO contacts ("tenantId", "contactId", name, "createdAt")
                VALUES ('test', '5511987654321', \("Ana\u{1B}[31m"), '2026-01-01'), ('test', '551187654321', NULL, '2026-01-02')
                """
            )
            let list = try await stage.contacts("duplicates").output
            #expect(
                list == """
                    551187654321
                      5511987654321  0 messages, never wrote, opted in  Ana\u{FFFD}[31m
                      551187654321  0 messages, never wrote, opted in
                    1 person; join two contacts with: campaignd contacts merge 551187654321 --into 5511987654321 --tenant test

                    """
            )
            let asked = try await stage.contacts("merge", "551187654321", "--into", "5511987654321")
            #expect(asked.exitCode == 1, "without an answer nothing happens")
            let merged = try await stage.contacts("merge", "551187654321", "--into", "5511987654321", "--yes")
            #expect(merged.output == "merged 551187654321 into 5511987654321, with 0 messages\n", "\(merged.errors)")
            #expect(try await stage.contacts("duplicates").output == none.output)
            let unknown = try await stage.contacts("merge", "1", "--into", "5511987654321", "--yes")
            #expect(unknown.exitCode == 1 && unknown.errors.contains("tenant `test` has no contact `1`"))
        }
    }
}
