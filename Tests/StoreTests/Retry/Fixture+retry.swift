import Foundation
import Postgres
import TestSupport
import Testing

@testable import Store

extension Fixture {
    var retries: RetryRepository { RetryRepository(pool: pool) }
    var runs: RunRepository { RunRepository(pool: pool) }

    static let lost = MessageOutcome.Failure(code: "answer_lost", message: "no answer")

    /// Sends all messages of a run, and completes it.
    ///
    /// - Parameters:
    ///   - run: The run.
    ///   - codes: The codes of the messages that fail, by position from 0; all others are accepted.
    ///   - lost: The positions of the messages whose answer is lost.
    ///   - isCompleted: False leaves the run open.
    /// - Returns: The ids of its messages.
    /// - Throws: An error of the database.
    @discardableResult
    func send(
        _ run: UUID,
        failing codes: [Int: String] = [:],
        losing lost: Set<Int> = [],
        isCompleted: Bool = true
    ) async throws -> [UUID] {
        try await pool.execute("UPDATE campaign_chunks SET \"notBefore\" = now() - interval '1 second'")
        let chunks = ChunkRepository(pool: pool)
        while let claim = try await chunks.claim(run: run, limit: 100) { try await chunks.finish(claim) }
        let ids = try await ids(of: run)
        let messages = MessageRepository(pool: pool)
        let begun = Set(try await messages.begin(ids, lease: 1).map(\.id))
        try await messages.record(
            ids.enumerated().filter { begun.contains($0.element) }.map { number, id in
                let result: MessageOutcome.Result =
                    if let code = codes[number] {
                        .failed(.init(code: code, message: "code \(code)", httpStatus: 400))
                    } else if lost.contains(number) {
                        .unconfirmed(Self.lost)
                    } else {
                        .sent(waMessageID: "wamid." + id.uuidString)
                    }
                return MessageOutcome(messageID: id, lease: 1, result: result)
            }
        )
        if isCompleted {
            let completed = try await runs.completeFinished(unconfirmedTimeout: .zero)
            #expect(completed.contains { $0.run == run && $0.isCompleted && $0.corrected == nil })
        }
        return ids
    }

    /// A campaign whose first run is completed.
    func sentCampaign(
        contacts: Int,
        failing codes: [Int: String] = [:],
        losing lost: Set<Int> = []
    ) async throws -> (run: UUID, ids: [UUID]) {
        try await addCampaign()
        try await addContacts(contacts, inWindow: contacts / 2, at: Date())
        let run = try await launch(at: Date())
        return (run, try await send(run, failing: codes, losing: lost))
    }

    func retry(_ codes: [String] = []) async throws -> RetryRepository.Retry {
        try await retries.open(.name("promo"), tenant: "acme", codes: codes, by: .command("ana"))
    }

    /// Stores the policy of the tenant.
    func setPolicy(_ json: String) async throws {
        try await pool.execute("DELETE FROM tenants")
        try await pool.execute(
            "INSERT INTO tenants (\"tenantId\", name, policy) VALUES ('acme', 'acme', \(PostgresJSON(text: json)))"
        )
    }

    /// Waits until a connection to the database waits for a lock.
    func waitsForALock() async throws {
        try await eventually("a connection waits for a lock") {
            try await value(
                """
                SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
                """,
                as: Int.self
            ) > 0
        }
    }

    /// Makes all unconfirmed messages look as if they had been so for twenty minutes.
    func ageDoubts() async throws {
        try await pool.execute(
            """
            UPDATE campaign_messages SET "unconfirmedAt" = now() - interval '20 minutes' WHERE status = 'unconfirmed'
            """
        )
    }

    func campaignID(_ name: String = "promo") async throws -> UUID {
        try await value("SELECT id FROM campaigns WHERE name = \(name)")
    }

    func campaignStatus(_ name: String = "promo") async throws -> CampaignStatus {
        try await value("SELECT status FROM campaigns WHERE name = \(name)")
    }

    /// The counters of all runs of the campaign, each recipient once.
    func analytics() async throws -> RunCounters {
        let campaign = try await campaignID()
        return try #require(
            try await AnalyticsRepository(pool: pool).totals(campaign: campaign, tenant: "acme")?.counters
        )
    }

    func expectCountersEqualRows(_ run: UUID, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let counters = try await counters(of: run)
        #expect(counters.counted == counters.rows, sourceLocation: sourceLocation)
        try await expectMinutesEqualCounters(run, sourceLocation: sourceLocation)
    }

    /// The recipients of messages, by their phone numbers.
    func phones(_ condition: PostgresQuery) async throws -> Set<String> {
        Set(
            try await column(
                "SELECT \"recipientPhone\" FROM campaign_messages m WHERE \(fragment: condition)",
                as: String.self
            )
        )
    }
}
