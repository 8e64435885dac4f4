import Foundation
import Postgres
import Spec
import TestSupport
import Testing

@testable import Store

/// Imports, webhooks and another system write the consent of the same people at once.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct ConsentRaceTests {
    private static let people = 1...200

    /// A file with some of the people, each opted in or out.
    private static func file() -> AsyncStream<ContactImportBatch> {
        AsyncStream { continuation in
            var batch = ContactImportBatch(firstNumber: 1)
            for number in people.shuffled().prefix(150) {
                batch.beginRow()
                batch.append(Fixture.phone(number).utf8)
                batch.append((Bool.random() ? "true" : "false").utf8)
                batch.endRow()
            }
            continuation.yield(batch)
            continuation.finish()
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func nobodyWhoIsOutLastGetsMessages() async throws {
        try await Fixture.with(connections: 8) { fixture in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 1...2 {
                    group.addTask {
                        for _ in 1...12 {
                            _ = try await ContactImportRepository(pool: fixture.pool, batchSize: 40).run(
                                tenant: "acme",
                                columns: [.contactId, .optedIn],
                                batches: Self.file()
                            )
                        }
                    }
                    group.addTask {
                        for _ in 1...60 {
                            for number in Self.people.shuffled().prefix(5) {
                                let statement = ConsentStatement(
                                    tenantID: "acme",
                                    ids: [Fixture.phone(number)],
                                    Bool.random() ? .all : .marketing,
                                    isOptedIn: Bool.random(),
                                    source: .message
                                )
                                try await fixture.consents.record([statement])
                            }
                        }
                    }
                }
                group.addTask {
                    for _ in 1...60 {
                        // In an order of its own, so that it may run into deadlocks.
                        try await fixture.pool.transaction(retries: 50) { connection in
                            try await connection.execute("UPDATE contacts SET \"optedIn\" = true WHERE random() < 0.1")
                        }
                    }
                }
                try await group.waitForAll()
            }
            // A contact who was added while a statement was written is found later.
            try await fixture.consents.suppressMissed(within: .seconds(600), portion: 30)
            let wrong = try await fixture.column(
                """
                SELECT c."contactId" FROM contacts c JOIN suppressions s ON s.key = c."contactId"
                WHERE s.level IS NOT NULL AND least(c."suppressedLevel", s.level) IS DISTINCT FROM c."suppressedLevel"
                """,
                as: String.self
            )
            #expect(wrong == [])
            let out: Int = try await fixture.value("SELECT count(*) FROM suppressions WHERE level IS NOT NULL")
            #expect(out > 20)
        }
    }
}
