import Foundation
import Postgres
import TestSupport
import Testing

@testable import Store

/// Times of schedules whose template WhatsApp has not approved.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct WaitingStartTests {
    private static let nine = Date(timeIntervalSince1970: 1_780_304_400)
    private static let message = #"{"type":"template","template":{"name":"hello","language":{"code":"en"}}}"#

    /// Runs a test with a schedule at nine each day that waits, and a template in review.
    private static func with(
        maxRuns: Int? = nil,
        overlap: String = "skip",
        waits: Bool = true,
        _ body: (Fixture, ScheduleRepository) async throws -> Void
    ) async throws {
        try await Fixture.with(connections: 8) { fixture in
            let campaign = try await fixture.addCampaign(type: "scheduled", message: message)
            try await fixture.addContacts(3, at: nine)
            let statements: [PostgresQuery] = [
                """
                INSERT INTO accounts ("tenantId", name, "wabaId", "accessToken", "managedBy")
                VALUES ('acme', 'main', '77', 'env:TOKEN', 'spec')
                """,
                "UPDATE senders SET \"accountId\" = (SELECT id FROM accounts), \"businessAccountId\" = '77'",
                """
                INSERT INTO account_sweeps ("accountId", "businessAccountId", "sweptFrom", "sweptAt")
                SELECT id, "wabaId", now(), now() FROM accounts
                """,
                """
                INSERT INTO campaign_schedules (
                    "campaignId", "tenantId", "cronExpression", "nextRunAt", "maxRuns", overlap, "startWhenApproved"
                )
                VALUES (\(campaign), 'acme', '0 9 * * *', \(nine), \(maxRuns), \(overlap), \(waits))
                """,
            ]
            for statement in statements { try await fixture.pool.execute(statement) }
            try await see("PENDING", fixture)
            try await body(fixture, ScheduleRepository(pool: fixture.pool))
        }
    }

    private static func see(_ status: String, _ fixture: Fixture) async throws {
        try await fixture.pool.execute(
            """
            INSERT INTO whatsapp_templates ("businessAccountId", name, language, status, "statusAt", "readAt")
            VALUES ('77', 'hello', 'en', \(status), now(), now())
            ON CONFLICT ("businessAccountId", name, language) DO UPDATE SET status = excluded.status
            """
        )
    }

    /// Looks at all that waits, as a daemon does.
    @discardableResult
    private static func settle(_ schedules: ScheduleRepository, at now: Date = nine + 60) async throws -> [Firing] {
        var firings: [Firing] = []
        for start in try await schedules.waitingStarts() {
            if let firing = try await schedules.settle(start, now: now) { firings.append(firing) }
        }
        return firings
    }

    /// The occurrences: `outcome reason`, and whether they have a run.
    private static func occurrences(_ fixture: Fixture) async throws -> [String] {
        try await fixture.column(
            """
            SELECT outcome || CASE WHEN "runId" IS NULL THEN ' ' ELSE ' run ' END || coalesce(reason, '')
            FROM schedule_occurrences ORDER BY "scheduledFor"
            """
        )
    }

    private static func runs(_ fixture: Fixture) async throws -> Int {
        try await fixture.value("SELECT count(*) FROM campaign_runs")
    }

    private static func status(_ fixture: Fixture) async throws -> CampaignStatus {
        try await fixture.value("SELECT status FROM campaigns WHERE name = 'promo'")
    }

    @Test func itStartsWhenTheTemplateIsApproved() async throws {
        try await Self.with(maxRuns: 1) { fixture, schedules in
            let firing = try #require(try await schedules.fireNext(now: Self.nine))
            guard case .waits(let reason) = firing.outcome else {
                Issue.record("it should wait: \(firing)")
                return
            }
            #expect(
                reason.hasPrefix(
                    "waits for WhatsApp until 2026-06-01T10:00:00Z: campaign `promo` sends template `hello (en)`"
                )
            )
            #expect(try await Self.occurrences(fixture).map { $0.prefix(20) } == ["waiting waits for Wh"])
            #expect(try await Self.status(fixture) == .scheduled)
            // The start that waits is the last one, and is not over yet.
            #expect(try await fixture.value("SELECT \"runCount\" FROM campaign_schedules") == 0)
            #expect(try await Self.settle(schedules).isEmpty)
            #expect(try await Self.runs(fixture) == 0)

            try await Self.see("APPROVED", fixture)
            let started = try await Self.settle(schedules)
            #expect(started.count == 1 && started[0].scheduledFor == Self.nine && started[0].lag == nil)
            #expect(try await Self.occurrences(fixture) == ["started run "])
            #expect(try await Self.status(fixture) == .running)
            let row = try await fixture.pool.query(
                """
                SELECT "runCount", "nextRunAt", (SELECT "scheduledFor" FROM campaign_runs),
                    (SELECT count(*) FROM schedule_occurrences WHERE "waitsUntil" IS NOT NULL OR "waitsFor" IS NOT NULL)
                FROM campaign_schedules
                """
            )[0]
            #expect(try row.decode(0, as: Int.self) == 1)
            #expect(try row.decode(1, as: Date?.self) == nil)
            #expect(try row.decode(2, as: Date.self) == Self.nine)
            #expect(try row.decode(3, as: Int.self) == 0)
            #expect(try await Self.settle(schedules).isEmpty)
        }
    }

    @Test func manyDaemonsStartItOnce() async throws {
        try await Self.with { fixture, schedules in
            _ = try await schedules.fireNext(now: Self.nine)
            try await Self.see("APPROVED", fixture)
            let waiting = try await schedules.waitingStarts()
            let started = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<6 {
                    group.addTask {
                        var count = 0
                        for start in waiting where try await schedules.settle(start, now: Self.nine + 60) != nil {
                            count += 1
                        }
                        return count
                    }
                }
                return try await group.reduce(0, +)
            }
            #expect(started == 1)
            #expect(try await Self.runs(fixture) == 1)
        }
    }

    @Test func withoutTheFieldItIsSkipped() async throws {
        try await Self.with(waits: false) { fixture, schedules in
            _ = try await schedules.fireNext(now: Self.nine)
            #expect(try await Self.occurrences(fixture)[0].hasPrefix("skipped campaign `promo` sends template"))
            #expect(try await schedules.waitingStarts().isEmpty)
        }
    }

    /// The field of the campaign opens a paused run; that of the schedule opens none before the approval.
    @Test func theFieldOfTheScheduleCountsBeforeThatOfTheCampaign() async throws {
        try await Self.with { fixture, schedules in
            try await fixture.pool.execute("UPDATE campaigns SET \"startWhenApproved\" = true")
            _ = try await schedules.fireNext(now: Self.nine)
            #expect(try await Self.runs(fixture) == 0)
            try await Self.see("APPROVED", fixture)
            #expect(try await Self.settle(schedules).count == 1)
        }
    }

    @Test func theNextTimeEndsTheWait() async throws {
        try await Self.with { fixture, schedules in
            _ = try await schedules.fireNext(now: Self.nine)
            // The wait of the last time would be over as well, which no daemon has seen.
            _ = try await schedules.fireNext(now: Self.nine + 86_400)
            let occurrences = try await Self.occurrences(fixture)
            #expect(occurrences.count == 2)
            #expect(
                occurrences[0]
                    == "skipped WhatsApp had not approved the template when the next time of the schedule came"
            )
            #expect(occurrences[1].hasPrefix("waiting "))
            try await Self.see("APPROVED", fixture)
            #expect(
                try await Self.settle(schedules, at: Self.nine + 86_500).map(\.scheduledFor) == [Self.nine + 86_400]
            )
        }
    }

    private static let changes: [(statement: String, reason: String)] = [
        (
            #"UPDATE campaign_schedules SET "archivedAt" = now(), "isActive" = false, "nextRunAt" = NULL"#,
            "the schedule was deleted"
        ),
        (#"UPDATE campaign_schedules SET "isActive" = false, "nextRunAt" = NULL"#, "the schedule was switched off"),
        (#"UPDATE campaign_schedules SET "cronExpression" = '0 10 * * *'"#, "the schedule was edited"),
        (#"UPDATE campaign_schedules SET "startWhenApproved" = false"#, "the schedule was edited"),
        (#"UPDATE campaigns SET "archivedAt" = now()"#, "the campaign was deleted"),
        (#"UPDATE campaigns SET "audienceFilter" = '{"logic":"OR","conditions":[]}'"#, "the campaign was edited"),
        (
            #"UPDATE campaigns SET "messageTemplate" = jsonb_set("messageTemplate", '{template,components}', '[]')"#,
            "the campaign was edited"
        ),
        (#"UPDATE campaigns SET status = 'cancelled'"#, "the campaign was cancelled"),
    ]

    @Test(arguments: changes.indices)
    func aChangeEndsTheWait(index: Int) async throws {
        let change = Self.changes[index]
        try await Self.with { fixture, schedules in
            _ = try await schedules.fireNext(now: Self.nine)
            // What daemons do themselves is no edit.
            try await fixture.pool.execute("UPDATE campaign_schedules SET \"updatedAt\" = now(), \"wakeAt\" = NULL")
            #expect(try await Self.settle(schedules).isEmpty)
            try await fixture.pool.execute(PostgresQuery(sql: change.statement))
            try await Self.see("APPROVED", fixture)
            #expect(try await Self.settle(schedules).count == 1)
            let reason = "skipped \(change.reason) while it waited for WhatsApp to approve the template"
            #expect(try await Self.occurrences(fixture) == [reason])
            #expect(try await Self.runs(fixture) == 0)
        }
    }

    @Test func anotherNameAtWhatsAppIsNoEdit() async throws {
        try await Self.with { fixture, schedules in
            _ = try await schedules.fireNext(now: Self.nine)
            try await fixture.pool.execute(
                """
                UPDATE campaigns SET "messageTemplate" = jsonb_set("messageTemplate", '{template,name}', '"hello_v2"')
                """
            )
            #expect(try await Self.settle(schedules).isEmpty)
            #expect(try await Self.occurrences(fixture)[0].contains("hello_v2"))
        }
    }

    @Test func itWaitsForTheMisfireWindow() async throws {
        try await Self.with { fixture, schedules in
            _ = try await schedules.fireNext(now: Self.nine)
            #expect(try await Self.settle(schedules, at: Self.nine + 3_600).isEmpty)
            let ended = try await Self.settle(schedules, at: Self.nine + 3_601)
            #expect(ended.count == 1)
            #expect(
                try await Self.occurrences(fixture)[0].hasPrefix(
                    "skipped WhatsApp had not approved the template in time: campaign `promo` sends"
                )
            )
            #expect(try await Self.status(fixture) == .scheduled, "it fires again tomorrow")
        }
    }

    /// A campaign without a further time is `scheduled` while its last one waits, and a draft again afterwards.
    @Test func theStatusOfTheCampaignFollows() async throws {
        try await Self.with { fixture, schedules in
            try await fixture.pool.execute(
                """
                UPDATE campaign_schedules SET "cronExpression" = NULL, at = '2026-06-01T09:00', "nextRunAt" = \(Self.nine)
                """
            )
            _ = try await schedules.fireNext(now: Self.nine)
            #expect(try await fixture.value("SELECT \"nextRunAt\" IS NULL FROM campaign_schedules") == true)
            #expect(try await Self.status(fixture) == .scheduled)
            try await Self.settle(schedules, at: Self.nine + 3_601)
            #expect(try await Self.status(fixture) == .draft)
        }
    }

    @Test func aStartThatCannotBeMadeFailsAndIsTold() async throws {
        try await Self.with { fixture, schedules in
            try await fixture.pool.execute(
                """
                INSERT INTO tenants ("tenantId", name, notify)
                VALUES ('acme', 'acme', '{"url":"env:HOOK","secret":"env:SECRET","on":["failed"]}')
                """
            )
            _ = try await schedules.fireNext(now: Self.nine)
            // A wallet without tokens.
            try await fixture.pool.execute("INSERT INTO wallets (\"tenantId\") VALUES ('acme')")
            try await Self.see("APPROVED", fixture)
            try await Self.settle(schedules)
            #expect(try await Self.occurrences(fixture)[0].hasPrefix("failed insufficient balance"))
            let told: [String] = try await fixture.column("SELECT event ->> 'what' FROM notifications")
            #expect(told == ["startFailed"])
        }
    }
}
