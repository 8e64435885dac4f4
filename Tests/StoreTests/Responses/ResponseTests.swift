import Foundation
import Postgres
import TestSupport
import Testing

@testable import Store

/// People who answer a message of a run count once for it and for each kind of response.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct ResponseTests {
    /// An answer of a contact to a message, or a message that answers none.
    private static func message(
        _ number: Int,
        to answered: UUID? = nil,
        _ text: String = "hello",
        isButton: Bool = false,
        at time: Date = Date()
    ) -> InboundReport {
        var report = InboundReport()
        let person = InboundReport.Person(Fixture.phone(number), repliesTo: answered.map { "wamid." + $0.uuidString })
        report.messages = [
            .init(
                id: UUID().uuidString,
                phoneNumberID: "1",
                person: person,
                at: time,
                texts: [text],
                isButton: isButton
            )
        ]
        return report
    }

    private static func expect(
        _ fixture: Fixture,
        _ run: UUID,
        replied: Int = 0,
        tapped: Int = 0,
        optedOut: Int = 0,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let responses = try #require(try await fixture.runs.find(run), sourceLocation: sourceLocation).responses
        let counts = ResponseKind.allCases.map { responses[$0] }
        #expect(counts == [replied, tapped, optedOut], sourceLocation: sourceLocation)
    }

    @Test func eachPersonCountsOncePerRunAndKind() async throws {
        try await Fixture.with { fixture in
            let (run, ids) = try await fixture.sentCampaign(contacts: 6)
            let inbound = InboundRepository(pool: fixture.pool)
            let contacts: [Int] = try await fixture.column(
                """
                SELECT right(c."contactId", 1)::int FROM campaign_messages m JOIN contacts c ON c.id = m."contactId"
                ORDER BY m.position
                """
            )
            let first = Self.message(contacts[0], to: ids[0])
            // The webhook comes twice, and the person writes twice.
            for report in [first, first, Self.message(contacts[0], to: ids[0])] { try await inbound.apply(report) }
            try await Self.expect(fixture, run, replied: 1)
            try await inbound.apply(Self.message(contacts[1], to: ids[1], "Yes", isButton: true))
            try await inbound.apply(Self.message(contacts[0], to: ids[0], "Yes", isButton: true))
            try await Self.expect(fixture, run, replied: 2, tapped: 2)
            try await inbound.apply(Self.message(contacts[2], to: ids[2], "STOP"))
            try await inbound.apply(Self.message(contacts[3]))
            try await inbound.apply(Self.message(contacts[4], to: UUID()))
            try await Self.expect(fixture, run, replied: 3, tapped: 2, optedOut: 1)
            let log = MessageLogRepository(pool: fixture.pool)
            let campaign = try await fixture.campaignID()
            let page = try await log.page(.init(campaign: campaign, tenant: "acme"), page: 1, limit: 10)
            let kinds = page.messages.map { message in ResponseKind.allCases.filter { message.responses[$0] != nil } }
            #expect(kinds == [[.replied, .tapped], [.replied, .tapped], [.replied, .optedOut], [], [], []])
            let totals = try await AnalyticsRepository(pool: fixture.pool).totals(campaign: campaign, tenant: "acme")
            #expect(totals?.responses == RunResponses([.replied: 3, .tapped: 2, .optedOut: 1]))
        }
    }

    /// A plain STOP names no message: it counts for the last one that arrived within 72 hours.
    @Test func anOptOutCountsForTheLastMessage() async throws {
        try await Fixture.with { fixture in
            let (former, _) = try await fixture.sentCampaign(contacts: 4)
            try await fixture.pool.execute("UPDATE campaign_messages SET \"sentAt\" = now() - interval '71 hours'")
            try await fixture.addCampaign("second")
            let last = try await fixture.launch("second", at: Date())
            try await fixture.send(last, failing: [3: "1"])
            let failed: Int = try await fixture.value(
                """
                SELECT right("contactId", 1)::int FROM contacts WHERE id =
                    (SELECT "contactId" FROM campaign_messages WHERE "runId" = \(last) AND status = 'failed')
                """
            )
            let others = (1...4).filter { $0 != failed }
            let inbound = InboundRepository(pool: fixture.pool)
            let stop = Self.message(others[0], "STOP")
            for _ in 1...2 { try await inbound.apply(stop) }
            try await Self.expect(fixture, last, optedOut: 1)
            // The second message did not arrive.
            try await inbound.apply(Self.message(failed, "STOP"))
            try await Self.expect(fixture, former, optedOut: 1)
            // The setting of WhatsApp counts alike, and agreeing does not.
            for (number, isOptedIn) in [(others[1], false), (others[2], true)] {
                var report = InboundReport()
                report.preferences = [
                    .init(phoneNumberID: "1", from: Fixture.phone(number), isOptedIn: isOptedIn, at: Date())
                ]
                try await inbound.apply(report)
            }
            try await Self.expect(fixture, last, optedOut: 2)
            // After 72 hours it has other reasons.
            try await inbound.apply(Self.message(others[2], "STOP", at: Date(timeIntervalSinceNow: 73 * 3600)))
            try await Self.expect(fixture, last, optedOut: 2)
            try await Self.expect(fixture, former, optedOut: 1)
        }
    }

    /// WhatsApp refuses a message with 131050 because the person has stopped marketing messages, after an earlier one.
    @Test func aRefusalCountsForTheMessageBefore() async throws {
        try await Fixture.with { fixture in
            let (former, _) = try await fixture.sentCampaign(contacts: 2)
            try await fixture.addCampaign("second")
            let last = try await fixture.launch("second", at: Date())
            let ids = try await fixture.send(last)
            let failure = MessageOutcome.Failure(code: "131050", message: "stopped", consequence: .optOut)
            for _ in 1...2 {
                _ = try await MessageRepository(pool: fixture.pool).report([
                    DeliveryStatus(
                        waMessageID: "wamid." + ids[0].uuidString,
                        messageID: ids[0],
                        rank: .failed,
                        at: Date(),
                        failure: failure
                    )
                ])
            }
            try await Self.expect(fixture, former, optedOut: 1)
            try await Self.expect(fixture, last)
        }
    }

    @Test func aPersonCountsOnceInAStandingRun() async throws {
        try await Fixture.with { fixture in
            try await fixture.addTriggered()
            try await fixture.addContacts(1, inWindow: 1, at: Date())
            for _ in 1...3 { _ = try await fixture.fire([.init(contactID: Fixture.phone(1))]) }
            let run: UUID = try await fixture.value("SELECT id FROM campaign_runs")
            let ids = try await fixture.send(run, isCompleted: false)
            let inbound = InboundRepository(pool: fixture.pool)
            for id in ids { try await inbound.apply(Self.message(1, to: id)) }
            try await Self.expect(fixture, run, replied: 1)
            // Retention deletes the answered message; the person stays counted, and is not counted again.
            try await fixture.setRetention(#"{"messages":"60d"}"#)
            try await fixture.age(100, "position = 1")
            try await fixture.retain(.messages)
            #expect(try await fixture.count("campaign_messages") == 2)
            for id in ids { try await inbound.apply(Self.message(1, to: id)) }
            try await Self.expect(fixture, run, replied: 1)
            try await fixture.age(100)
            try await fixture.retain(.messages)
            #expect(try await fixture.count("run_responses") == 0)
            try await inbound.apply(Self.message(1, to: ids[0]))
            try await Self.expect(fixture, run, replied: 1)
        }
    }

    /// An answer may come before the id of the message is known, when the answer of WhatsApp was lost.
    @Test func anAnswerMayComeBeforeTheStatus() async throws {
        try await Fixture.with { fixture in
            let (run, ids) = try await fixture.sentCampaign(contacts: 2, losing: [0])
            let messages = MessageRepository(pool: fixture.pool)
            let inbound = InboundRepository(pool: fixture.pool)
            let answer = Self.message(1, to: ids[0], "Yes", isButton: true)
            for _ in 1...2 { try await inbound.apply(answer) }
            #expect(try await messages.applyParked() == 0)
            try await Self.expect(fixture, run)
            _ = try await messages.apply([fixture.report(ids[0], .delivered)])
            try await messages.applyParked()
            try await Self.expect(fixture, run, replied: 1, tapped: 1)
            #expect(try await fixture.count("webhook_inbox") == 0)
            try await inbound.apply(answer)
            try await Self.expect(fixture, run, replied: 1, tapped: 1)
        }
    }

    @Test func ofManyAtOnceOneCounts() async throws {
        try await Fixture.with(connections: 8) { fixture in
            let (run, ids) = try await fixture.sentCampaign(contacts: 8)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 1...6 {
                    group.addTask {
                        for (number, id) in ids.enumerated().shuffled() {
                            try await InboundRepository(pool: fixture.pool)
                                .apply(Self.message(number + 1, to: id, "Yes", isButton: true))
                        }
                    }
                }
                try await group.waitForAll()
            }
            try await Self.expect(fixture, run, replied: 8, tapped: 8)
        }
    }

    /// A crash after the message was counted: the webhook comes again, and the response is counted then.
    @Test func aCrashLosesNoResponse() async throws {
        try await Fixture.with { fixture in
            let (run, ids) = try await fixture.sentCampaign(contacts: 2)
            let answer = Self.message(1, to: ids[0], "STOP")
            try await fixture.failing("false", on: "run_responses") {
                try await InboundRepository(pool: fixture.pool).apply(answer)
            }
            #expect(try await fixture.count("inbound_messages") == 1)
            try await Self.expect(fixture, run)
            try await InboundRepository(pool: fixture.pool).apply(answer)
            try await Self.expect(fixture, run, replied: 1, optedOut: 1)
        }
    }
}
