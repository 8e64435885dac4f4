import Foundation
import Postgres
import Spec
import Store
import TestSupport
import Testing

@testable import Reconciler

/// Tenants, schedules and triggers, field by field.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct KindTests {
    static let edits = [
        WalkTests.Edit("timeZone: Africa/Nairobi\nquiet", "timeZone: Europe/Paris\nquiet", "~ Tenant/acme timeZone"),
        WalkTests.Edit("to: \"08:00\"", "to: \"07:30\"", "~ Tenant/acme quietHours.to"),
        WalkTests.Edit("quietHours: { from: \"21:00\", to: \"08:00\" }\n", "", "~ Tenant/acme quietHours"),
        WalkTests.Edit("messages: 3", "messages: 4", "~ Tenant/acme frequencyCap.messages"),
        WalkTests.Edit("within: 7d", "within: 1d", "~ Tenant/acme frequencyCap.within"),
        WalkTests.Edit("language: en }", "language: de }", "~ Tenant/acme defaults.language"),
        WalkTests.Edit("maxRecipients: 1000", "maxRecipients: 900", "~ Tenant/acme policy.maxRecipients"),
        WalkTests.Edit("optOutWords: [wacha]", "optOutWords: [wacha, basi]", "~ Tenant/acme optOutWords"),
        WalkTests.Edit("[wacha]", "[wacha]\ntemplateText: strict", "~ Tenant/acme templateText"),
        WalkTests.Edit(
            "[wacha]",
            "[wacha]\nnotify: { url: env:A, secret: env:B, on: [quota] }",
            "~ Tenant/acme notify"
        ),
        WalkTests.Edit("[wacha]", "[wacha]\nwebhook: { forward: env:INBOX }", "~ Tenant/acme webhook"),
        WalkTests.Edit("[wacha]", "[wacha]\nonUserCap: retry", "~ Tenant/acme onUserCap"),
        WalkTests.Edit("[wacha]", "[wacha]\nretention: { messages: 400d }", "~ Tenant/acme retention"),
        WalkTests.Edit("[wacha]", "[wacha]\ntestRecipients: [\"+254700000017\"]", "~ Tenant/acme testRecipients"),
        WalkTests.Edit("name: digest\n", "name: digest\nonUserCap: fail\n", "~ Campaign/digest onUserCap"),
        WalkTests.Edit("name: digest\n", "name: digest\ntemplateText: strict\n", "~ Campaign/digest templateText"),
        WalkTests.Edit("name: acme\n", "name: acme\nprotect: true\n", "~ Tenant/acme protect"),
        WalkTests.Edit("0 9 * * MON", "0 9 * * TUE", "~ Schedule/weekly cron"),
        WalkTests.Edit("timeZone: Africa/Nairobi\nfrom", "timeZone: Europe/Paris\nfrom", "~ Schedule/weekly timeZone"),
        WalkTests.Edit("from: 2025-01-01\n", "", "~ Schedule/weekly from"),
        WalkTests.Edit("until: 2031-01-01", "until: 2031-02-01", "~ Schedule/weekly until"),
        WalkTests.Edit("maxRuns: 12\n", "", "~ Schedule/weekly maxRuns"),
        WalkTests.Edit("maxRuns: 12\n", "maxRuns: 12\nmisfire: runAll\n", "~ Schedule/weekly misfire"),
        WalkTests.Edit("maxRuns: 12\n", "maxRuns: 12\nmisfireWindow: 30m\n", "~ Schedule/weekly misfireWindow"),
        WalkTests.Edit("maxRuns: 12\n", "maxRuns: 12\noverlap: queue\n", "~ Schedule/weekly overlap"),
        WalkTests.Edit("maxRuns: 12\n", "maxRuns: 12\nlocalTime: true\n", "~ Schedule/weekly localTime"),
        WalkTests.Edit(
            "maxRuns: 12\n",
            "maxRuns: 12\nstartWhenApproved: true\n",
            "~ Schedule/weekly startWhenApproved"
        ),
        WalkTests.Edit("dst: { gap: skip }", "dst: { gap: skip, fold: both }", "~ Schedule/weekly dst.fold"),
        WalkTests.Edit("maxRuns: 12\n", "maxRuns: 12\nisActive: false\n", "~ Schedule/weekly isActive"),
        WalkTests.Edit("maxRuns: 12\n", "maxRuns: 12\nprotect: true\n", "~ Schedule/weekly protect"),
        WalkTests.Edit("at: 2026-12-01T09:00", "at: 2026-12-01T09:00:30", "~ Schedule/once at"),
        WalkTests.Edit("event: payment.overdue", "event: payment.received", "~ Trigger/on-overdue event"),
        WalkTests.Edit("event: payment.overdue", "event: x.y\ncustom: true", "~ Trigger/on-overdue custom event"),
        WalkTests.Edit("plan: premium", "plan: basic", "~ Trigger/on-overdue match.plan"),
        WalkTests.Edit("match: { plan: premium, level: 2 }\n", "", "~ Trigger/on-overdue match"),
        WalkTests.Edit("cooldown: 24h", "cooldown: 2d", "~ Trigger/on-overdue cooldown"),
        WalkTests.Edit("cooldown: 24h", "isActive: false", "~ Trigger/on-overdue cooldown isActive"),
    ]

    @Test func showsAndAppliesAChangeOfEachField() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.reach(Samples.everything)
            for edit in Self.edits {
                let text = Samples.everything.replacing(edit.old, with: edit.new, maxReplacements: 1)
                let there = try await fixture.reach(text)
                #expect(ReconcilerFixture.lines(there) == edit.lines, "\(edit.testDescription)")
                let back = ReconcilerFixture.lines(try await fixture.reach(Samples.everything))
                #expect(back == edit.lines, "back: \(edit.testDescription)")
                #expect(try await Self.campaignsAgree(fixture), "\(edit.testDescription)")
            }
        }
    }

    /// True if each campaign has the event of its active trigger, and campaigns without one have no event.
    private static func campaignsAgree(_ fixture: ReconcilerFixture) async throws -> Bool {
        try await fixture.count(
            """
            SELECT count(*) FROM campaigns c LEFT JOIN campaign_triggers t
                ON t."campaignId" = c.id AND t."isActive" AND t."archivedAt" IS NULL
            WHERE (c."triggerType", c."triggerConfig") IS DISTINCT FROM (t.event, t.match)
            """
        ) == 0
    }

    static let drifts: [(sql: String, line: String)] = [
        ("UPDATE tenants SET \"templateText\" = 'strict'", "~ Tenant/acme templateText"),
        ("UPDATE campaigns SET \"templateText\" = 'mend' WHERE name = 'digest'", "~ Campaign/digest templateText"),
        ("UPDATE tenants SET notify = '{\"url\": \"env:X\"}'", "~ Tenant/acme notify"),
        ("UPDATE tenants SET \"testRecipients\" = '[\"+254700000017\"]'", "~ Tenant/acme testRecipients"),
        ("UPDATE tenants SET retention = '{\"messages\": \"31d\"}'", "~ Tenant/acme retention"),
        ("UPDATE tenants SET webhook = '{\"forward\": \"env:X\"}'", "~ Tenant/acme webhook"),
        ("UPDATE tenants SET \"onUserCap\" = '\"fail\"'", "~ Tenant/acme onUserCap"),
        (
            "UPDATE campaigns SET \"onUserCap\" = '{\"action\": \"retry\", \"every\": \"1d\", \"until\": \"2d\"}' "
                + "WHERE name = 'digest'",
            "~ Campaign/digest onUserCap"
        ),
        ("UPDATE tenants SET policy = NULL", "~ Tenant/acme policy"),
        ("UPDATE tenants SET \"optOutWords\" = '[\"x\"]'", "~ Tenant/acme optOutWords optOutWords"),
        (
            "UPDATE campaign_schedules SET \"cronExpression\" = '* * * * *' WHERE name = 'weekly'",
            "~ Schedule/weekly cron"
        ),
        ("UPDATE campaign_schedules SET \"cronExpression\" = '!' WHERE name = 'weekly'", "~ Schedule/weekly cron"),
        ("UPDATE campaign_schedules SET \"isActive\" = false WHERE name = 'weekly'", "~ Schedule/weekly isActive"),
        (
            "UPDATE campaign_schedules SET \"campaignId\" = (SELECT id FROM campaigns WHERE name = 'raw') WHERE name = 'once'",
            "~ Schedule/once campaign"
        ),
        ("UPDATE campaign_triggers SET event = 'x'", "~ Trigger/on-overdue campaignSays event"),
        ("UPDATE campaign_triggers SET cooldown = NULL", "~ Trigger/on-overdue cooldown"),
        ("UPDATE campaigns SET \"triggerType\" = NULL WHERE name = 'overdue'", "~ Trigger/on-overdue campaignSays"),
        ("UPDATE campaigns SET \"triggerConfig\" = '{}' WHERE name = 'overdue'", "~ Trigger/on-overdue campaignSays"),
    ]

    @Test func revertsEditsByHand() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.reach(Samples.everything)
            let desired = try ReconcilerFixture.desired(Samples.everything)
            for drift in Self.drifts {
                try await fixture.pool.execute(PostgresQuery(sql: drift.sql))
                let plan = try await fixture.plan(desired)
                #expect(ReconcilerFixture.lines(plan) == [drift.line], "\(drift.sql)")
                #expect(plan.changes.allSatisfy { $0.differences.allSatisfy(\.isDrift) }, "\(drift.sql)")
                try await fixture.apply(plan, desired)
                #expect(ReconcilerFixture.lines(try await fixture.plan(desired)) == [], "\(drift.sql)")
                #expect(try await Self.campaignsAgree(fixture), "\(drift.sql)")
            }
        }
    }

    // MARK: Triggers

    private static func trigger(_ name: String, _ campaign: Int, extra: String = "") -> String {
        """
        kind: Trigger
        name: \(name)
        campaign: on-\(campaign)
        event: payment.overdue
        match: { by: \(name) }
        """ + extra
    }

    private static let hooks = (1...3).map { number in
        Samples.overdue.replacing("name: overdue", with: "name: on-\(number)")
    }

    private static func hooked(_ triggers: String...) -> String {
        ([Samples.sender] + hooks + triggers).joined(separator: "\n---\n")
    }

    @Test func triggersMaySwapCampaigns() async throws {
        try await ReconcilerFixture.with { fixture in
            let states = [
                Self.hooked(Self.trigger("a", 1), Self.trigger("b", 2)),
                Self.hooked(Self.trigger("a", 2), Self.trigger("b", 1)),
                Self.hooked(Self.trigger("a", 3), Self.trigger("b", 2)),
                Self.hooked(Self.trigger("c", 3), Self.trigger("d", 2)),
                Self.hooked(Self.trigger("c", 3, extra: "\nisActive: false"), Self.trigger("d", 1)),
                Self.hooked(Self.trigger("c", 3), Self.trigger("e", 2, extra: "\nrenamedFrom: d")),
                Self.hooked(),
            ]
            for (number, state) in states.enumerated() {
                try await fixture.reach(state)
                #expect(try await Self.campaignsAgree(fixture), "state \(number)")
            }
            let active = try await fixture.count("SELECT count(*) FROM campaign_triggers WHERE \"isActive\"")
            #expect(active == 0)
        }
    }

    @Test func aScheduleByTheClockOfContactsCountsThemByZone() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.pool.execute(
                """
                INSERT INTO contacts ("tenantId", "contactId", tags)
                SELECT 'acme', n, '{vip}' FROM unnest('{254700000001,254700000002,5511900000001}'::text[]) AS c(n)
                """
            )
            let local = Samples.everything.replacing("maxRuns: 12\n", with: "maxRuns: 12\nlocalTime: true\n")
            let plan = try await fixture.plan(local)
            let schedules = plan.changes.filter { $0.identity.kind == .schedule }
            let weekly = try #require(schedules.first { $0.identity.name == "weekly" })
            let note = try #require(weekly.notes.first { $0.hasPrefix("sends by the clock") })
            #expect(note.hasSuffix("in 2 zones: Africa/Nairobi 2, America/Sao_Paulo 1"), "\(note)")
            #expect(schedules.filter { $0.zones != nil }.count == 1)
        }
    }

    @Test func archivingACampaignStopsItsUnmanagedSchedulesAndTriggers() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.reach(Samples.everything)
            try await fixture.pool.execute(
                """
                INSERT INTO campaign_schedules ("tenantId", "campaignId", "cronExpression", "nextRunAt")
                SELECT 'acme', id, '0 9 * * *', now() FROM campaigns WHERE name IN ('digest', 'hello')
                """
            )
            try await fixture.pool.execute(
                """
                INSERT INTO campaign_triggers ("tenantId", "campaignId", event)
                SELECT 'acme', id, 'x' FROM campaigns WHERE name IN ('digest', 'hello')
                """
            )
            let parts = Samples.everythingParts.filter { ![Samples.digest, Samples.weekly, Samples.once].contains($0) }
            let plan = try await fixture.reach(parts.joined(separator: "\n---\n"))
            #expect(ReconcilerFixture.lines(plan) == ["- Schedule/once", "- Schedule/weekly", "- Campaign/digest"])
            for table in ["campaign_schedules", "campaign_triggers"] {
                let left = try await fixture.pool.query(
                    """
                    SELECT c.name FROM \(identifier: table) s JOIN campaigns c ON c.id = s."campaignId"
                    WHERE s."isActive" ORDER BY 1
                    """
                )
                let names = try left.map { try $0.decode(0, as: String.self) }
                #expect(names == (table == "campaign_triggers" ? ["hello", "overdue"] : ["hello"]))
            }
            let due = try await fixture.count(
                "SELECT count(*) FROM campaign_schedules WHERE NOT \"isActive\" AND \"nextRunAt\" IS NOT NULL"
            )
            #expect(due == 0)
        }
    }
}
