import Foundation
import JSON
import Postgres
import Spec
import TestSupport
import Testing

@testable import Store

@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct TriggerFiringTests {
    private static func refusals(_ answers: [TriggerOutcome]) -> [TriggerRefusal?] {
        answers.map { $0.refused.first?.reason }
    }

    private static func expectConsistent(_ fixture: Fixture, messages: Int) async throws {
        let runs: [UUID] = try await fixture.column("SELECT id FROM campaign_runs")
        var total = 0
        for run in runs {
            let counters = try await fixture.counters(of: run)
            #expect(counters.counted == counters.rows)
            total += counters.rows.total
        }
        #expect(total == messages)
        let uncovered: Int = try await fixture.value(
            """
            SELECT count(*) FROM campaign_messages m WHERE NOT EXISTS (
                SELECT FROM campaign_chunks c WHERE c."runId" = m."runId"
                    AND m.position >= c."startPosition" AND m.position < c."endPosition"
            )
            """
        )
        #expect(uncovered == 0)
    }

    @Test func anEventBecomesAMessageOfTheStandingRun() async throws {
        try await Fixture.with { fixture in
            let campaign = try await fixture.addTriggered()
            try await fixture.addContacts(3, inWindow: 1, at: Date())
            let first = try await fixture.fire(
                [TriggerRequest(contactID: Fixture.phone(1), context: ["amount": 12])]
            )
            let second = try await fixture.fire([TriggerRequest(contactID: Fixture.phone(2))])
            #expect(first[0].matched.map(\.campaignId) == [campaign])
            #expect(second[0].matched.count == 1 && second[0].refused.isEmpty)
            let rows = try await fixture.pool.query(
                """
                SELECT m.id, m."recipientPhone", m."isBusinessInitiated", m.context ->> 'amount', r.status::text, c.status::text
                FROM campaign_messages m JOIN campaign_runs r ON r.id = m."runId" JOIN campaigns c ON c.id = r."campaignId"
                ORDER BY m.position
                """
            )
            #expect(rows.count == 2)
            #expect(try rows[0].decode(0, as: UUID.self) == first[0].matched[0].messageId)
            #expect(try rows[0].decode(1, as: String.self) == Fixture.phone(1))
            #expect(try rows[0].decode(2, as: Bool.self) == false)
            #expect(try rows[1].decode(2, as: Bool.self) == true)
            #expect(try rows[0].decode(3, as: String?.self) == "12")
            #expect(try rows[0].decode(4, as: String.self) == "running")
            #expect(try rows[0].decode(5, as: String.self) == "running")
            let actions: [String] = try await fixture.column("SELECT action || ' by ' || who FROM run_actions")
            #expect(actions == ["send by trigger"])
            try await Self.expectConsistent(fixture, messages: 2)
        }
    }

    @Test func contactsAndCampaignsThatCannotBeReadKeepNoOtherWaiting() async throws {
        try await Fixture.with { fixture in
            try await fixture.addTriggered()
            try await fixture.addTriggered("broken", filter: #"{"logic":"OR"}"#)
            try await fixture.addContacts(3, inWindow: 3, at: Date())
            try await fixture.pool.execute("ALTER TABLE contacts ALTER COLUMN \"optedIn\" DROP NOT NULL")
            try await fixture.pool.execute(
                "UPDATE contacts SET \"optedIn\" = NULL WHERE \"contactId\" = \(Fixture.phone(2))"
            )
            let answers = try await fixture.fire((1...3).map { TriggerRequest(contactID: Fixture.phone($0)) })
            #expect(answers.map { $0.matched.map(\.campaign) } == [["overdue"], [], ["overdue"]])
            #expect(answers[1].refused.map(\.reason).contains(.notOptedIn))
            #expect(answers.allSatisfy { $0.refused.map(\.reason).contains(.campaignIncomplete) })
        }
    }

    @Test func itsChunkIsClaimed() async throws {
        try await Fixture.with { fixture in
            try await fixture.addTriggered()
            try await fixture.addContacts(3, at: Date())
            let answers = try await fixture.fire((1...3).map { TriggerRequest(contactID: Fixture.phone($0)) })
            let message = try #require(answers[0].matched.first?.messageId)
            let run = MessageID.run(of: message)
            let claim = try #require(
                try await ChunkRepository(pool: fixture.pool).claim(run: run, limit: 100, room: 100)
            )
            #expect(claim.messages.map(\.id) == answers.flatMap(\.matched).map(\.messageId))
            // No run is completed: this one stays open for later events.
            #expect(
                try await RunRepository(pool: fixture.pool).completeFinished(unconfirmedTimeout: .seconds(1)).isEmpty
            )
        }
    }

    @Test func claimsStopWhenTheRoomIsFull() async throws {
        try await Fixture.with { fixture in
            try await fixture.addTriggered()
            try await fixture.addContacts(9, at: Date())
            var run: UUID?
            for start in [1, 4, 7] {
                let answers = try await fixture.fire(
                    (start..<start + 3).map { TriggerRequest(contactID: Fixture.phone($0)) }
                )
                run = answers[0].matched.first.map { MessageID.run(of: $0.messageId) }
            }
            let chunks = ChunkRepository(pool: fixture.pool)
            let standing = try #require(run)
            #expect(try await chunks.claim(run: standing, limit: 100, room: 4)?.messages.count == 6)
            #expect(try await chunks.claim(run: standing, limit: 100, room: 4)?.messages.count == 3)
        }
    }

    @Test func aNumberIsFoundWithAndWithoutItsPlus() async throws {
        try await Fixture.with { fixture in
            try await fixture.addTriggered(cooldown: "1h")
            try await fixture.addContacts(2, at: Date())
            try await fixture.pool.execute(
                "UPDATE contacts SET \"contactId\" = '+' || \"contactId\" WHERE name = 'Contact 2'"
            )
            let spellings = ["+" + Fixture.phone(1), Fixture.phone(1), Fixture.phone(2), "+" + Fixture.phone(2)]
            let answers = try await fixture.fire(spellings.map { TriggerRequest(contactID: $0) })
            #expect(Self.refusals(answers) == [nil, .cooldown, nil, .cooldown])
        }
    }

    @Test func repeatingAnEventRepeatsItsAnswer() async throws {
        try await Fixture.with { fixture in
            try await fixture.addTriggered()
            try await fixture.addContacts(2, at: Date())
            let request = TriggerRequest(
                contactID: Fixture.phone(1),
                context: ["n": .number(1.5), "k": ["a": 1]],
                eventID: "order-1"
            )
            let first = try await fixture.fire([request, request])
            #expect(first[0] == first[1] && first[0].matched.count == 1)
            #expect(try await fixture.fire([request]) == [first[0]])
            let reused = try await fixture.fire(
                [TriggerRequest(contactID: Fixture.phone(2), context: request.context, eventID: "order-1")]
            )
            #expect(Self.refusals(reused) == [.eventIDReused])
            try await Self.expectConsistent(fixture, messages: 1)
        }
    }

    @Test func theSameEventAtTheSameTimeIsOneMessage() async throws {
        try await Fixture.with(connections: 8) { fixture in
            try await fixture.addTriggered(cooldown: "1h")
            try await fixture.addContacts(20, at: Date())
            let requests = (1...20).map { TriggerRequest(contactID: Fixture.phone($0), eventID: "event-\($0)") }
            let answers = try await withThrowingTaskGroup(of: [TriggerOutcome].self) { group in
                for _ in 0..<6 { group.addTask { try await fixture.fire(requests) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(answers).count == 1)
            try await Self.expectConsistent(fixture, messages: 20)
        }
    }

    /// Daemons of the version before add messages without waiting for batches of this one.
    @Test func eventsAreDecidedAgainIfTheirRunHasMovedOn() async throws {
        try await Fixture.with { fixture in
            try await fixture.addContacts(2, at: Date())
            try await fixture.addTriggered()
            let first = try await fixture.fire([TriggerRequest(contactID: Fixture.phone(1))])
            let run: UUID = try await fixture.value("SELECT id FROM campaign_runs")
            let second = try await fixture.pool.withConnection { connection in
                try await connection.simpleScript("BEGIN")
                try await connection.execute("UPDATE campaign_runs SET \"nextPosition\" = \"nextPosition\" + 1")
                async let answers = fixture.fire([TriggerRequest(contactID: Fixture.phone(2), eventID: "again")])
                try await eventually("the batch waits for the run") {
                    try await fixture.value(
                        """
                        SELECT EXISTS (
                            SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
                        )
                        """
                    )
                }
                try await connection.simpleScript("COMMIT")
                return try await answers
            }
            #expect(first[0].matched.map(\.messageId) == [MessageID.make(run: run, position: 1)])
            #expect(second[0].matched.map(\.messageId) == [MessageID.make(run: run, position: 3)])
            let counters = try await fixture.counters(of: run)
            #expect(counters.counted == counters.rows)
            #expect(try await fixture.value("SELECT count(*)::int FROM trigger_events", as: Int.self) == 2)
        }
    }

    @Test func runThatEndedMeanwhileTakesNoMessages() async throws {
        try await Fixture.with { fixture in
            try await fixture.addContacts(2, at: Date())
            try await fixture.addTriggered()
            _ = try await fixture.fire([TriggerRequest(contactID: Fixture.phone(1))])
            let answers = try await fixture.pool.withConnection { connection in
                try await connection.simpleScript("BEGIN")
                try await connection.execute("UPDATE campaign_runs SET status = 'cancelled'")
                try await connection.execute("UPDATE campaigns SET status = 'running' WHERE status <> 'running'")
                try await connection.execute("UPDATE campaigns SET status = 'cancelled'")
                async let answers = fixture.fire([TriggerRequest(contactID: Fixture.phone(2))])
                try await eventually("the batch waits") {
                    try await fixture.value(
                        """
                        SELECT EXISTS (
                            SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
                        )
                        """
                    )
                }
                try await connection.simpleScript("COMMIT")
                return try await answers
            }
            #expect(answers[0].matched.isEmpty)
            #expect(try await fixture.value("SELECT count(*)::int FROM campaign_messages", as: Int.self) == 1)
        }
    }

    @Test func saysWhyThereIsNoMessage() async throws {
        try await Fixture.with { fixture in
            try await fixture.addTriggered(
                filter: #"{"logic":"AND","conditions":[{"field":"name","operator":"neq","value":"Contact 3"}]}"#
            )
            try await fixture.addContacts(4, at: Date())
            try await fixture.pool.execute("UPDATE contacts SET \"optedIn\" = false WHERE name = 'Contact 1'")
            try await fixture.pool.execute("UPDATE contacts SET \"deactivatedAt\" = now() WHERE name = 'Contact 2'")
            let requests =
                (1...4).map { TriggerRequest(contactID: Fixture.phone($0)) } + [TriggerRequest(contactID: "1")]
            let answers = try await fixture.fire(requests)
            #expect(Self.refusals(answers) == [.notOptedIn, .deactivated, .notInAudience, nil, .noContact])
            try await fixture.addContacts(1, tenant: "other", at: Date())
            try await Self.expectConsistent(fixture, messages: 1)
        }
    }

    @Test func freeTextNeedsAnOpenWindow() async throws {
        try await Fixture.with { fixture in
            try await fixture.addTriggered(message: #"{"type":"text","text":{"body":"hi"}}"#)
            try await fixture.addContacts(2, inWindow: 1, at: Date())
            let answers = try await fixture.fire((1...2).map { TriggerRequest(contactID: Fixture.phone($0)) })
            #expect(Self.refusals(answers) == [nil, .windowClosed])
        }
    }

    @Test func theCooldownHoldsForEachContact() async throws {
        try await Fixture.with { fixture in
            try await fixture.addTriggered(cooldown: "1h")
            try await fixture.addContacts(2, at: Date())
            let one = TriggerRequest(contactID: Fixture.phone(1))
            #expect(Self.refusals(try await fixture.fire([one, one])) == [nil, .cooldown])
            #expect(
                Self.refusals(try await fixture.fire([one, TriggerRequest(contactID: Fixture.phone(2))]))
                    == [.cooldown, nil]
            )
            try await fixture.pool.execute("UPDATE campaign_messages SET \"createdAt\" = now() - interval '61 minutes'")
            #expect(Self.refusals(try await fixture.fire([one])) == [nil])
            try await fixture.pool.execute("UPDATE campaign_messages SET status = 'failed'")
            #expect(Self.refusals(try await fixture.fire([one])) == [nil])
        }
    }

    @Test func onlyMatchingEventsCount() async throws {
        try await Fixture.with { fixture in
            try await fixture.addTriggered("premium", match: #"{"plan":"premium","level":2}"#)
            try await fixture.addTriggered("all")
            try await fixture.addContacts(1, at: Date())
            #expect(
                try await fixture.campaigns(taking: ["plan": "premium", "level": .number(2), "more": true]) == [
                    "all", "premium",
                ]
            )
            #expect(try await fixture.campaigns(taking: ["plan": "premium"]) == ["all"])
            #expect(try await fixture.campaigns(taking: ["plan": "basic", "level": 2]) == ["all"])
            #expect(try await fixture.campaigns(taking: nil) == ["all"])
            #expect(try await fixture.campaigns(taking: nil, event: "payment.received").isEmpty)
        }
    }

    @Test func pausedCampaignsSayNo() async throws {
        try await Fixture.with { fixture in
            try await fixture.addTriggered()
            try await fixture.addContacts(1, at: Date())
            let request = TriggerRequest(contactID: Fixture.phone(1))
            let message = try #require(try await fixture.fire([request])[0].matched.first?.messageId)
            let runs = RunRepository(pool: fixture.pool)
            try await runs.pause(MessageID.run(of: message), reason: "by hand")
            #expect(Self.refusals(try await fixture.fire([request])) == [.campaignPaused])
            try await runs.resume(MessageID.run(of: message))
            #expect(Self.refusals(try await fixture.fire([request])) == [nil])
        }
    }

    @Test func changedContentGetsARunOfItsOwn() async throws {
        try await Fixture.with { fixture in
            try await fixture.addTriggered()
            try await fixture.addContacts(1, at: Date())
            let request = TriggerRequest(contactID: Fixture.phone(1))
            let before = try #require(try await fixture.fire([request])[0].matched.first?.messageId)
            try await fixture.pool.execute(
                "UPDATE campaigns SET \"messageTemplate\" = '{\"type\":\"template\",\"n\":2}'"
            )
            let after = try #require(try await fixture.fire([request])[0].matched.first?.messageId)
            #expect(MessageID.run(of: before) != MessageID.run(of: after))
            let revisions: [Int] = try await fixture.column(
                """
                SELECT v.number FROM campaign_messages m JOIN campaign_runs r ON r.id = m."runId"
                JOIN campaign_revisions v ON v.id = r."revisionId" ORDER BY m.id
                """
            )
            #expect(revisions == [1, 2])
            // Both runs pause and resume together.
            let both = RunRepository(pool: fixture.pool)
            let statuses: PostgresQuery = "SELECT DISTINCT status::text FROM campaign_runs"
            try await both.pause(MessageID.run(of: after), reason: "by hand")
            #expect(try await fixture.column(statuses) == ["paused"])
            try await both.resume(MessageID.run(of: after))
            #expect(try await fixture.column(statuses) == ["running"])
            // The former run ends with its messages, and the campaign goes on.
            try await fixture.pool.execute("UPDATE campaign_messages SET status = 'sent' WHERE id = \(before)")
            try await fixture.pool.execute(
                "UPDATE campaign_runs SET pending = 0, sent = 1 WHERE id = \(MessageID.run(of: before))"
            )
            let runs = RunRepository(pool: fixture.pool)
            #expect(try await runs.completeFinished(unconfirmedTimeout: .seconds(1)).count == 1)
            #expect(try await fixture.value("SELECT status::text FROM campaigns") == "running")
            try await Self.expectConsistent(fixture, messages: 2)
        }
    }

    @Test func aCampaignWithoutASenderIsIncomplete() async throws {
        try await Fixture.with { fixture in
            try await fixture.addTriggered()
            try await fixture.addContacts(1, at: Date())
            try await fixture.pool.execute("UPDATE campaigns SET \"senderId\" = NULL")
            let answers = try await fixture.fire([TriggerRequest(contactID: Fixture.phone(1))])
            #expect(Self.refusals(answers) == [.campaignIncomplete])
        }
    }
}
