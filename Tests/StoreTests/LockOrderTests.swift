import Foundation
import Postgres
import Spec
import Synchronization
import TestSupport
import Testing

@testable import Store

/// Chunks, messages, runs, campaigns and wallets are locked in this order, so that Postgres never has to end a deadlock.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct LockOrderTests {
    @Test(.timeLimit(.minutes(3)), arguments: [false, true])
    func eventsDeliveryAndCommandsNeverDeadlock(isPaid: Bool) async throws {
        try await TestDatabase.withConfiguration(template: .migrated) { postgres in
            try await Self.withFixture(on: postgres.settingInSessions(StablePlans.settings), connections: 16) {
                fixture in
                try await Bustle.run(on: fixture, isPaid: isPaid)
            }
            try await Self.withFixture(on: postgres, connections: 1) { fixture in
                // A connection tells its deadlocks at its end.
                try await eventually("the other connections have ended") {
                    try await fixture.value(
                        """
                        SELECT NOT EXISTS (
                            SELECT FROM pg_stat_activity WHERE datname = current_database()
                                AND pid <> pg_backend_pid() AND backend_type = 'client backend'
                        )
                        """
                    )
                }
                let deadlocks: Int = try await fixture.value(
                    "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
                )
                #expect(deadlocks == 0)
                for run: UUID in try await fixture.column("SELECT id FROM campaign_runs") {
                    let counters = try await fixture.counters(of: run)
                    let recounted = try await fixture.pool.withConnection { connection in
                        try await RunRepository(pool: fixture.pool).recount(run, on: connection)
                    }
                    #expect(counters.counted == recounted)
                    try await fixture.expectMinutesEqualCounters(run)
                }
            }
        }
    }

    private static func withFixture(
        on postgres: PostgresConfiguration,
        connections: Int,
        _ body: (Fixture) async throws -> Void
    ) async throws {
        let pool = PostgresPool(
            configuration: postgres,
            maxConnections: connections,
            acquireTimeout: .seconds(60),
            logger: TestDatabase.logger
        )
        let result: Result<Void, any Error>
        do { result = .success(try await body(Fixture(pool: pool))) } catch { result = .failure(error) }
        await pool.shutdown(within: .seconds(10))
        try result.get()
    }
}

/// Events that come in, while daemons deliver their messages, and people and guards stop and change campaigns.
private final class Bustle: Sendable {
    private static let batches = 25

    private let fixture: Fixture
    /// A campaign that a program sends.
    private let module: UUID
    private let isOver = Mutex(false)

    private init(_ fixture: Fixture, module: UUID) {
        (self.fixture, self.module) = (fixture, module)
    }

    private var messages: MessageRepository { MessageRepository(pool: fixture.pool) }
    private var runs: RunRepository { RunRepository(pool: fixture.pool) }

    static func run(on fixture: Fixture, isPaid: Bool) async throws {
        try await fixture.addContacts(40, inWindow: 20, at: Date())
        for name in ["first", "second"] { try await fixture.addTriggered(name) }
        let module = try await fixture.addCampaign("module", type: "module_initiated")
        try await fixture.setRetention(
            #"{"messages":"31d","events":"1d","contacts":"90d","consents":"90d"}"#
        )
        try await fixture.pool.execute(
            "UPDATE senders SET \"unconfirmedPolicy\" = 'retry', \"onQuotaExhausted\" = 'wait'"
        )
        if isPaid {
            _ = try await WalletRepository(pool: fixture.pool).topUp(1_000_000, tenant: "acme", reference: "1")
        }
        let bustle = Bustle(fixture, module: module)
        try await bustle.run(isPaid: isPaid)
        let deleted: Int = try await fixture.value("SELECT sum(\"deletedCount\")::int FROM campaign_runs")
        #expect(deleted > 0, "old messages should be deleted meanwhile")
        let sent: Int = try await fixture.value("SELECT sum(sent + delivered + read)::int FROM campaign_runs")
        #expect(sent > 0, "messages should be sent meanwhile")
    }

    private func run(isPaid: Bool) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 1...2 { group.addTask { try await self.untilOver { _ in try await self.deliver() } } }
            group.addTask { try await self.untilOver { _ in try await self.report() } }
            group.addTask { try await self.untilOver { _ in try await self.recover() } }
            group.addTask { try await self.untilOver { _ in try await self.pauseAndResume() } }
            group.addTask { try await self.untilOver { _ in try await self.waitForQuota() } }
            group.addTask { try await self.untilOver { try await self.cancel(round: $0) } }
            group.addTask { try await self.untilOver { try await self.change(round: $0, isPaid: isPaid) } }
            group.addTask { try await self.untilOver { try await self.launch(round: $0) } }
            group.addTask { try await self.untilOver { _ in try await self.answer() } }
            group.addTask { try await self.untilOver { _ in try await self.retain() } }
            group.addTask {
                defer { self.isOver.withLock { $0 = true } }
                try await withThrowingTaskGroup(of: Void.self) { events in
                    for _ in 1...2 { events.addTask { try await self.fire(.event("payment.overdue")) } }
                    events.addTask { try await self.fire(.campaign(self.module)) }
                    try await events.waitForAll()
                }
            }
            try await group.waitForAll()
        }
    }

    private func untilOver(_ body: (_ round: Int) async throws -> Void) async throws {
        var round = 0
        while !isOver.withLock({ $0 }) {
            round += 1
            do {
                try await body(round)
            } catch is LaunchError {
                // Refused; another round may find the campaign in another state.
            } catch is CampaignError {
                // The same.
            }
        }
    }

    private func fire(_ source: TriggerSource) async throws {
        for _ in 1...Self.batches {
            let requests = (1...5).map { _ in TriggerRequest(contactID: Fixture.phone(.random(in: 1...40))) }
            _ = try await TriggerRepository(pool: fixture.pool).fire(requests, of: source, tenant: "acme", now: Date())
        }
    }

    private func ids(_ status: MessageStatus) async throws -> [UUID] {
        try await fixture.column(
            "SELECT id FROM campaign_messages WHERE status = \(message: status) ORDER BY random() LIMIT 8"
        )
    }

    /// Feeds all runs, and sends messages of several of them in one batch.
    private func deliver() async throws {
        let chunks = ChunkRepository(pool: fixture.pool)
        for run in try await runs.running() {
            if let claim = try await chunks.claim(run: run.id, limit: 3) { try await chunks.finish(claim) }
        }
        let lease = Int64.random(in: 1...1_000_000)
        let claimed = try await messages.begin(try await ids(.queued), lease: lease)
        let outcomes = claimed.map { message in
            let result: MessageOutcome.Result =
                switch Int.random(in: 0..<8) {
                case 0...3: .sent(waMessageID: "w\(message.id)")
                case 4, 5: .unconfirmed(MessageOutcome.Failure(code: "answer_lost", message: "lost"))
                default: .failed(MessageOutcome.Failure(code: "132000", message: "no", consequence: .counted))
                }
            return MessageOutcome(messageID: message.id, lease: lease, result: result)
        }
        for alike in try await messages.record(Array(outcomes.dropFirst())) { _ = try await runs.pause(alike) }
        // The daemon of the first one has died.
        _ = try await messages.settle(
            outcomes.prefix(1).map { ExpiredLease(messageID: $0.messageID, lease: lease, mayBeWritten: .random()) }
        )
    }

    private func report() async throws {
        let statuses = try await ids(.sent).map { id in
            let rank: DeliveryStatus.Rank = Bool.random() ? .failed : .delivered
            let failure = MessageOutcome.Failure(code: "131000", message: "no", consequence: .counted)
            return DeliveryStatus(
                waMessageID: "w\(id)",
                messageID: Bool.random() ? id : nil,
                rank: rank,
                at: Date(),
                failure: rank == .failed ? failure : nil
            )
        }
        for alike in try await messages.report(statuses).alike { _ = try await runs.pause(alike) }
    }

    private func recover() async throws {
        _ = try await messages.retryUnconfirmed(after: .zero)
        _ = try await runs.completeFinished(unconfirmedTimeout: .zero)
        _ = try await runs.cancelRest(batch: 50)
    }

    private func pauseAndResume() async throws {
        _ = try await runs.pauseGuarded()
        for run in try await some(.running) { _ = try await runs.pause(run, reason: "by hand") }
        for run in try await some(.paused) { _ = try await runs.resume(run) }
    }

    private func some(_ status: RunStatus) async throws -> [UUID] {
        try await fixture.column(
            "SELECT id FROM campaign_runs WHERE status = \(run: status) ORDER BY random() LIMIT 3"
        )
    }

    private func waitForQuota() async throws {
        _ = try await runs.waitForQuota(try await ids(.queued), for: .zero)
        _ = try await runs.resumeWhereQuotaReturned()
    }

    /// Cancels a campaign whose first event has just come.
    private func cancel(round: Int) async throws {
        let campaign = try await fixture.addTriggered("cancelled-\(round)")
        let request = TriggerRequest(contactID: Fixture.phone(round % 40 + 1))
        _ = try await fixture.fire([request])
        _ = try await CampaignRepository(pool: fixture.pool).cancel(
            campaign,
            tenant: "acme",
            reason: "by hand",
            by: .daemon
        )
    }

    /// Changes a campaign, so that its standing run is replaced, and the price of messages, which replaces all.
    private func change(round: Int, isPaid: Bool) async throws {
        let message = #"{"type":"template","round":\#(round)}"#
        try await fixture.pool.execute(
            "UPDATE campaigns SET \"messageTemplate\" = \(PostgresJSON(text: message)) WHERE name = 'first'"
        )
        if isPaid, round % 5 == 0 {
            _ = try await WalletRepository(pool: fixture.pool).setPrice(round % 2 + 1, tenant: "acme")
        }
        _ = try await fixture.fire([TriggerRequest(contactID: Fixture.phone(round % 40 + 1))])
    }

    /// People answer messages of several runs, some by opting out, and agree again.
    private func answer() async throws {
        var report = InboundReport()
        for id in try await ids(.sent) {
            let person = InboundReport.Person(Fixture.phone(.random(in: 1...40)), repliesTo: "w\(id)")
            let text = ["hello", "STOP", "START"].randomElement() ?? ""
            report.messages.append(
                .init(id: UUID().uuidString, phoneNumberID: "1", person: person, at: Date(), texts: [text])
            )
        }
        try await InboundRepository(pool: fixture.pool).apply(report)
    }

    /// Makes some messages and contacts old, and deletes what is past the retention.
    private func retain() async throws {
        for status in [MessageStatus.sent, .failed, .delivered] {
            for id in try await ids(status) {
                try await fixture.pool.execute(
                    """
                    UPDATE campaign_messages SET "createdAt" = now() - interval '90 days',
                        "sentAt" = "sentAt" - interval '90 days', "failedAt" = "failedAt" - interval '90 days'
                    WHERE id = \(id) AND "createdAt" > now() - interval '1 day'
                    """
                )
            }
        }
        try await fixture.pool.execute(
            """
            WITH young AS (
                SELECT id FROM campaign_runs WHERE "isTriggered" AND "createdAt" > now() - interval '1 day'
                ORDER BY id FOR NO KEY UPDATE
            )
            UPDATE campaign_runs r SET "createdAt" = now() - interval '90 days' FROM young WHERE r.id = young.id
            """
        )
        let number = Int.random(in: 41...99)
        try await fixture.pool.execute(
            """
            INSERT INTO contacts ("tenantId", "contactId", "createdAt", "updatedAt", "optedIn")
            VALUES ('acme', \(Fixture.phone(number)), now() - interval '1 year', now() - interval '1 year', \(number % 2 == 0))
            ON CONFLICT DO NOTHING
            """
        )
        let retention = RetentionRepository(pool: fixture.pool, size: 20)
        for order in try await retention.orders() { _ = try await retention.delete(order) }
        try await fixture.pool.execute("UPDATE retention_progress SET \"doneUntil\" = '-infinity'")
        try await ContactErasure(pool: fixture.pool, key: nil).sweep(hours: 1)
    }

    private func launch(round: Int) async throws {
        let name = "launched-\(round)"
        try await fixture.addCampaign(name)
        let run = try await fixture.launch(name, at: Date())
        if round % 2 == 0 { _ = try await runs.cancel(run, reason: "by hand") }
    }
}
