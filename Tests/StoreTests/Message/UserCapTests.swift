import Foundation
import JSON
import Postgres
import Spec
import TestSupport
import Testing

@testable import Store

/// Messages that WhatsApp's cap for a person stops: they wait, are tried again, and fail at last.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct UserCapTests {
    private static let cap = MessageOutcome.Failure(
        code: "131049",
        message: "healthy ecosystem",
        httpStatus: 400,
        scope: .recipient,
        consequence: .userCap
    )

    private struct Stage {
        let fixture: Fixture
        let run: UUID
        let ids: [UUID]
        var messages: MessageRepository { MessageRepository(pool: fixture.pool) }
        var runs: RunRepository { RunRepository(pool: fixture.pool) }

        func claim(_ ids: [UUID], lease: Int64) async throws {
            #expect(try await messages.begin(ids, lease: lease).count { $0.status == .sending } == ids.count)
        }

        func record(_ id: UUID, lease: Int64, _ result: MessageOutcome.Result) async throws {
            try await messages.record([MessageOutcome(messageID: id, lease: lease, result: result)])
        }

        func report(
            _ id: UUID,
            _ rank: DeliveryStatus.Rank,
            wamid: String,
            at date: Date = Date(),
            failure: MessageOutcome.Failure? = nil
        ) async throws {
            let status = DeliveryStatus(waMessageID: wamid, messageID: id, rank: rank, at: date, failure: failure)
            #expect(try await messages.report([status]).unknown.isEmpty)
        }

        /// Moves Postgres's clock, as far as capped messages are concerned.
        func pass(_ hours: Double) async throws {
            try await fixture.pool.execute(
                """
                UPDATE campaign_messages SET "cappedSince" = "cappedSince" - \(hours) * interval '1 hour',
                    "cappedAt" = "cappedAt" - \(hours) * interval '1 hour',
                    "nextAttemptAt" = "nextAttemptAt" - \(hours) * interval '1 hour'
                WHERE "cappedSince" IS NOT NULL
                """
            )
            try await fixture.pool.execute(
                "UPDATE capped_messages SET \"dueAt\" = \"dueAt\" - \(hours) * interval '1 hour'"
            )
        }

        /// Feeds what is due, and returns what comes into the lane.
        func feed() async throws -> [UUID] {
            let chunks = ChunkRepository(pool: fixture.pool)
            var fed: [UUID] = []
            while let claim = try await chunks.claim(run: run, limit: 10) {
                fed += claim.messages.map(\.id)
                try await chunks.finish(claim)
            }
            return fed
        }

        /// Waits for a time, and puts the messages that are due then into the lane.
        func retry(after hours: Double, _ expected: [UUID], sourceLocation: SourceLocation = #_sourceLocation)
            async throws
        {
            try await pass(hours)
            #expect(
                try await messages.feedCapped() == (expected.isEmpty ? [:] : [run: expected.count]),
                sourceLocation: sourceLocation
            )
            #expect(Set(try await feed()).isSuperset(of: expected), sourceLocation: sourceLocation)
        }

        func expect(
            _ id: UUID,
            _ status: MessageStatus,
            capped: Int,
            attempts: Int? = nil,
            sourceLocation: SourceLocation = #_sourceLocation
        ) async throws {
            #expect(try await fixture.status(of: id) == status, sourceLocation: sourceLocation)
            let counters = try await fixture.counters(of: run)
            #expect(counters.counted == counters.rows, sourceLocation: sourceLocation)
            #expect(counters.counted.capped == capped, sourceLocation: sourceLocation)
            try await fixture.expectMinutesEqualCounters(run, sourceLocation: sourceLocation)
            guard let attempts else { return }
            let stored: Int = try await fixture.value("SELECT attempts FROM campaign_messages WHERE id = \(id)")
            #expect(stored == attempts, sourceLocation: sourceLocation)
        }
    }

    /// A run whose messages are queued, of a campaign with a rule; `nil` leaves it to the tenant.
    private func withStage(
        _ count: Int = 3,
        rule: String? = #"{"action":"retry","every":"1d","until":"3d"}"#,
        tenant: String? = nil,
        message: String = #"{"type":"template"}"#,
        _ body: (Stage) async throws -> Void
    ) async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign(message: message)
            try await fixture.addContacts(count, inWindow: count, at: Date())
            if let rule { try await fixture.pool.execute("UPDATE campaigns SET \"onUserCap\" = \(rule)::text::jsonb") }
            if let tenant {
                try await fixture.pool.execute(
                    "INSERT INTO tenants (\"tenantId\", name, \"onUserCap\") VALUES ('acme', 'acme', \(tenant)::text::jsonb)"
                )
            }
            let run = try await fixture.launch(at: Date())
            try await fixture.pool.execute("UPDATE campaign_chunks SET \"notBefore\" = now() - interval '1 second'")
            let stage = Stage(fixture: fixture, run: run, ids: try await fixture.ids(of: run))
            #expect(try await stage.feed().count == count)
            try await body(stage)
        }
    }

    @Test func threeRefusalsAndThenItIsAccepted() async throws {
        try await withStage { stage in
            let id = stage.ids[0]
            for round in 1...3 {
                try await stage.claim([id], lease: Int64(round))
                try await stage.record(id, lease: Int64(round), .failed(Self.cap))
                try await stage.expect(id, .pending, capped: 1, attempts: 0)
                // Its chunk may be fed for other reasons: it stays.
                try await stage.fixture.pool.execute("UPDATE campaign_chunks SET status = 'waiting'")
                #expect(try await stage.feed().contains(id) == false)
                try await stage.retry(after: 23.9, [])
                try await stage.expect(id, .pending, capped: 1)
                try await stage.retry(after: 0.2, [id])
                try await stage.expect(id, .queued, capped: 0, attempts: 0)
            }
            try await stage.claim([id], lease: 9)
            try await stage.record(id, lease: 9, .sent(waMessageID: "w"))
            try await stage.expect(id, .sent, capped: 0, attempts: 1)
            let log: [String] = try await stage.fixture.column(
                "SELECT \"errorCode\" FROM message_failures WHERE \"messageId\" = \(id)"
            )
            #expect(log == ["131049", "131049", "131049"])
            let rest: Int = try await stage.fixture.value("SELECT count(*) FROM capped_messages")
            #expect(rest == 0)
        }
    }

    @Test func itFailsOnceTheTimeIsUp() async throws {
        try await withStage(rule: #"{"action":"retry","every":"24h","until":"24h"}"#) { stage in
            let id = stage.ids[0]
            try await stage.claim([id], lease: 1)
            try await stage.record(id, lease: 1, .failed(Self.cap))
            try await stage.retry(after: 25, [id])
            try await stage.claim([id], lease: 2)
            try await stage.record(id, lease: 2, .failed(Self.cap))
            try await stage.expect(id, .failed, capped: 0, attempts: 1)
            let code: String = try await stage.fixture.value(
                "SELECT \"errorCode\" FROM campaign_messages WHERE id = \(id)"
            )
            #expect(code == "131049")
        }
    }

    /// The campaign's word counts before the tenant's, and without either the message fails.
    @Test(
        arguments: [
            (nil, nil, false), (nil, #"{"action":"retry","every":"1h","until":"2h"}"#, true), (nil, #""fail""#, false),
            (#""fail""#, #"{"action":"retry","every":"1h","until":"2h"}"#, false),
            (#"{"action":"retry","every":"1h","until":"2h"}"#, #""fail""#, true),
        ] as [(String?, String?, Bool)]
    )
    func theCampaignDecidesAndElseTheTenant(rule: String?, tenant: String?, waits: Bool) async throws {
        try await withStage(rule: rule, tenant: tenant) { stage in
            let ids = stage.ids
            try await stage.claim(ids, lease: 1)
            try await stage.messages.record([
                MessageOutcome(messageID: ids[0], lease: 1, result: .failed(Self.cap)),
                MessageOutcome(messageID: ids[1], lease: 1, result: .sent(waMessageID: "w1")),
                MessageOutcome(
                    messageID: ids[2],
                    lease: 1,
                    result: .failed(.init(code: "131026", message: "no", scope: .recipient))
                ),
            ])
            try await stage.expect(ids[0], waits ? .pending : .failed, capped: waits ? 1 : 0, attempts: waits ? 0 : 1)
            try await stage.expect(ids[1], .sent, capped: waits ? 1 : 0)
            try await stage.expect(ids[2], .failed, capped: waits ? 1 : 0)
            try await stage.report(ids[1], .failed, wamid: "w1", failure: Self.cap)
            try await stage.expect(ids[1], waits ? .pending : .failed, capped: waits ? 2 : 0, attempts: waits ? 0 : 1)
        }
    }

    /// WhatsApp accepts it first, and reports the cap later.
    @Test func aReportOfTheCapMakesAnAcceptedMessageWait() async throws {
        try await withStage { stage in
            let id = stage.ids[0]
            try await stage.claim([id], lease: 1)
            try await stage.record(id, lease: 1, .sent(waMessageID: "w1"))
            let failedAt = Date() - 1
            try await stage.report(id, .failed, wamid: "w1", at: failedAt, failure: Self.cap)
            try await stage.expect(id, .pending, capped: 1, attempts: 0)
            // WhatsApp repeats its reports, in any order.
            try await stage.report(id, .failed, wamid: "w1", at: failedAt, failure: Self.cap)
            try await stage.report(id, .sent, wamid: "w1", at: failedAt - 2)
            try await stage.expect(id, .pending, capped: 1, attempts: 0)
            try await stage.retry(after: 24.5, [id])
            try await stage.report(id, .failed, wamid: "w1", at: failedAt - 24.5 * 3600, failure: Self.cap)
            try await stage.expect(id, .queued, capped: 0)
            try await stage.claim([id], lease: 2)
            try await stage.report(id, .failed, wamid: "w1", at: failedAt - 24.5 * 3600, failure: Self.cap)
            try await stage.expect(id, .sending, capped: 0)
            try await stage.record(id, lease: 2, .sent(waMessageID: "w2"))
            try await stage.report(id, .failed, wamid: "w1", at: failedAt - 24.5 * 3600, failure: Self.cap)
            try await stage.expect(id, .sent, capped: 0, attempts: 1)
            let row = try await stage.fixture.pool.query(
                """
                SELECT "waMessageId", "lostAnswers"::int, "sentAt" > now() - interval '1 minute' FROM campaign_messages
                WHERE id = \(id)
                """
            )[0]
            #expect(try row.decode(0, as: String.self) == "w2")
            #expect(try row.decode(1, as: Int.self) == 1, "the first request may have arrived")
            #expect(try row.decode(2, as: Bool.self))
            // The second one is refused as well, and the time goes on.
            try await stage.report(id, .failed, wamid: "w2", failure: Self.cap)
            try await stage.expect(id, .pending, capped: 1, attempts: 0)
        }
    }

    /// A late report about the first request is believed, whatever the message does then.
    @Test(arguments: [MessageStatus.pending, .queued, .sending, .sent])
    func anArrivalOfTheFirstRequestIsNotLost(state: MessageStatus) async throws {
        try await withStage { stage in
            let id = stage.ids[0]
            try await stage.claim([id], lease: 1)
            try await stage.record(id, lease: 1, .sent(waMessageID: "w1"))
            try await stage.report(id, .failed, wamid: "w1", at: Date() - 1, failure: Self.cap)
            if state != .pending { try await stage.retry(after: 25, [id]) }
            if state == .sending || state == .sent { try await stage.claim([id], lease: 2) }
            if state == .sent { try await stage.record(id, lease: 2, .sent(waMessageID: "w2")) }
            try await stage.expect(id, state, capped: state == .pending ? 1 : 0)
            try await stage.report(id, .delivered, wamid: "w1")
            try await stage.expect(id, .delivered, capped: 0)
            if state == .sending { try await stage.record(id, lease: 2, .sent(waMessageID: "w2")) }
            try await stage.expect(id, .delivered, capped: 0)
            // The alarm finds nothing to do.
            try await stage.retry(after: 25, [])
            try await stage.expect(id, .delivered, capped: 0)
        }
    }

    /// The answer to the repetition is lost, and then WhatsApp repeats what it said about the first request.
    @Test func aFormerReportSettlesNoLostAnswer() async throws {
        try await withStage { stage in
            let id = stage.ids[0]
            try await stage.claim([id], lease: 1)
            try await stage.record(id, lease: 1, .sent(waMessageID: "w1"))
            let failedAt = Date() - 1
            try await stage.report(id, .failed, wamid: "w1", at: failedAt, failure: Self.cap)
            try await stage.retry(after: 25, [id])
            try await stage.claim([id], lease: 2)
            try await stage.record(id, lease: 2, .unconfirmed(.init(code: "answer_lost", message: "no answer")))
            try await stage.report(id, .failed, wamid: "w1", at: failedAt - 25 * 3600, failure: Self.cap)
            try await stage.expect(id, .unconfirmed, capped: 0)
            let row = try await stage.fixture.pool.query(
                "SELECT \"unconfirmedAt\" IS NOT NULL, \"errorCode\" FROM campaign_messages WHERE id = \(id)"
            )[0]
            #expect(try row.decode(0, as: Bool.self))
            #expect(try row.decode(1, as: String.self) == "answer_lost")
        }
    }

    @Test func aReportThatOvertakesTheAnswerCountsOnce() async throws {
        try await withStage { stage in
            let id = stage.ids[0]
            try await stage.claim([id], lease: 1)
            try await stage.report(id, .failed, wamid: "w1", failure: Self.cap)
            try await stage.expect(id, .pending, capped: 1, attempts: 0)
            try await stage.record(id, lease: 1, .sent(waMessageID: "w1"))
            try await stage.expect(id, .pending, capped: 1, attempts: 0)
            try await stage.retry(after: 25, [id])
        }
    }

    @Test func cancellingPausingAndResumingReachWaitingMessages() async throws {
        try await withStage { stage in
            try await stage.claim(stage.ids, lease: 1)
            for id in stage.ids { try await stage.record(id, lease: 1, .failed(Self.cap)) }
            try await stage.expect(stage.ids[0], .pending, capped: 3)
            #expect(try await stage.runs.completeFinished(unconfirmedTimeout: .zero).isEmpty)
            #expect(try await stage.runs.pause(stage.run, reason: "no"))
            #expect(try await stage.runs.resume(stage.run))
            #expect(try await stage.feed() == [], "they are not due")
            #expect(try await stage.runs.pause(stage.run, reason: "no"))
            try await stage.pass(25)
            #expect(try await stage.messages.feedCapped() == [stage.run: 3])
            #expect(try await stage.runs.resume(stage.run))
            #expect(try await stage.feed().count == 3)
            try await stage.claim([stage.ids[0]], lease: 2)
            try await stage.record(stage.ids[0], lease: 2, .failed(Self.cap))
            try await stage.expect(stage.ids[0], .pending, capped: 1)
            #expect(try await stage.runs.cancel(stage.run, reason: "enough"))
            while try await stage.runs.cancelRest() != nil {}
            try await stage.expect(stage.ids[0], .cancelled, capped: 0)
            try await stage.retry(after: 25, [])
            try await stage.expect(stage.ids[0], .cancelled, capped: 0)
        }
    }

    @Test func daemonsMayFeedAtOnce() async throws {
        try await withStage(40) { stage in
            try await stage.claim(stage.ids, lease: 1)
            try await stage.messages.record(
                stage.ids.map { MessageOutcome(messageID: $0, lease: 1, result: .failed(Self.cap)) }
            )
            try await stage.pass(25)
            let fed = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 1...4 { group.addTask { try await stage.messages.feedCapped().values.reduce(0, +) } }
                return try await group.reduce(0, +)
            }
            #expect(fed == 40)
            #expect(try await stage.feed().count == 40)
            try await stage.expect(stage.ids[0], .queued, capped: 0)
        }
    }

    /// A run that tries capped messages again waits a while for reports before it is complete.
    @Test func aRunWaitsForReportsOfTheCap() async throws {
        try await withStage(1) { stage in
            try await stage.claim(stage.ids, lease: 1)
            try await stage.record(stage.ids[0], lease: 1, .sent(waMessageID: "w"))
            #expect(try await stage.runs.completeFinished(unconfirmedTimeout: .seconds(900)).isEmpty)
            try await stage.report(stage.ids[0], .failed, wamid: "w", failure: Self.cap)
            try await stage.retry(after: 25, stage.ids)
            try await stage.claim(stage.ids, lease: 2)
            try await stage.record(stage.ids[0], lease: 2, .sent(waMessageID: "w2"))
            try await stage.fixture.pool.execute(
                "UPDATE campaign_messages SET \"sentAt\" = now() - interval '901 seconds'"
            )
            #expect(
                try await stage.runs.completeFinished(unconfirmedTimeout: .seconds(900)).map(\.isCompleted) == [true]
            )
            // It comes too late to be tried again.
            try await stage.report(stage.ids[0], .failed, wamid: "w2", failure: Self.cap)
            try await stage.expect(stage.ids[0], .failed, capped: 0)
        }
    }

    @Test func theOutlookNamesTheCapAndItsEnd() async throws {
        try await withStage { stage in
            try await DaemonRepository(pool: stage.fixture.pool).beat(UUID(), version: "1", lanes: [])
            let outlooks = OutlookRepository(pool: stage.fixture.pool)
            func outlook() async throws -> RunOutlook {
                let run = try #require(try await stage.runs.find(stage.run))
                return try #require(try await outlooks.outlook(of: run))
            }
            try await stage.claim(stage.ids, lease: 1)
            try await stage.record(stage.ids[0], lease: 1, .failed(Self.cap))
            #expect(try await outlook().waiting.isMoving)
            for id in stage.ids.dropFirst() { try await stage.record(id, lease: 1, .failed(Self.cap)) }
            let waiting = try await outlook()
            #expect(waiting.waiting.reason == .userCap)
            let until = try #require(waiting.waiting.until)
            #expect(abs(until.timeIntervalSinceNow - 86_400) < 60)
            let end = try #require(waiting.estimatedCompletionAt)
            #expect(end >= until && abs(end.timeIntervalSinceNow - 86_400) < 120)
            let analytics = AnalyticsRepository(pool: stage.fixture.pool)
            let campaign: UUID = try await stage.fixture.value("SELECT id FROM campaigns")
            let counters = try #require(try await analytics.totals(campaign: campaign, tenant: "acme")).counters
            #expect(counters.capped == 3 && counters[.failed] == 0 && counters[.pending] == 3)
        }
    }

    /// The contact's 24 h window has closed meanwhile, and free text is not for those outside of it.
    @Test func otherRulesHoldAtTheNextAttempt() async throws {
        try await withStage(message: #"{"type":"text"}"#) { stage in
            try await stage.claim(stage.ids, lease: 1)
            for id in stage.ids { try await stage.record(id, lease: 1, .failed(Self.cap)) }
            try await stage.retry(after: 25, stage.ids)
            try await stage.fixture.pool.execute("UPDATE contacts SET \"lastSeen\" = now() - interval '25 hours'")
            try await stage.fixture.pool.execute(
                """
                UPDATE contacts SET "optedIn" = false
                WHERE id = (SELECT "contactId" FROM campaign_messages WHERE id = \(stage.ids[0]))
                """
            )
            let claimed = try await stage.messages.begin(stage.ids, lease: 2)
            let failed = claimed.count { $0.status == .failed }
            #expect(failed == 2)
            try await stage.expect(stage.ids[0], .cancelled, capped: 0)
            let codes: [String] = try await stage.fixture.column(
                "SELECT \"errorCode\" FROM campaign_messages ORDER BY id"
            )
            #expect(codes == ["opted_out", "window_closed", "window_closed"])
        }
    }

    /// A prepaid message that was accepted and capped gives its token back, and takes it again.
    @Test func tokensFollowTheMessage() async throws {
        try await Fixture.with { fixture in
            try await fixture.fund(100, price: 2)
            try await fixture.addCampaign()
            try await fixture.addContacts(2, inWindow: 2, at: Date())
            try await fixture.pool.execute(
                "UPDATE campaigns SET \"onUserCap\" = '{\"action\":\"retry\",\"every\":\"1d\",\"until\":\"3d\"}'"
            )
            let run = try await fixture.launch(at: Date())
            try await fixture.pool.execute("UPDATE campaign_chunks SET \"notBefore\" = now() - interval '1 second'")
            let stage = Stage(fixture: fixture, run: run, ids: try await fixture.ids(of: run))
            _ = try await stage.feed()
            func used() async throws -> Int { try await fixture.value("SELECT used FROM wallet_holds") }
            try await stage.claim(stage.ids, lease: 1)
            for id in stage.ids { try await stage.record(id, lease: 1, .sent(waMessageID: "w\(id)")) }
            #expect(try await used() == 4)
            try await stage.report(stage.ids[0], .failed, wamid: "w\(stage.ids[0])", failure: Self.cap)
            #expect(try await used() == 2)
            try await stage.retry(after: 25, [stage.ids[0]])
            try await stage.claim([stage.ids[0]], lease: 2)
            try await stage.record(stage.ids[0], lease: 2, .sent(waMessageID: "w2"))
            #expect(try await used() == 4)
            let findings = try await WalletRepository(pool: fixture.pool).audit(tenant: "acme")?.findings ?? []
            #expect(findings == [])
        }
    }
}
