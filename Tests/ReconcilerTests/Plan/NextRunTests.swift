import Foundation
import JSON
import Postgres
import Spec
import Store
import TestSupport
import Testing

@testable import Reconciler

/// The next fire times of schedules, after they are applied.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct NextRunTests {
    /// `ReconcilerFixture.now` is Thursday, 9 October 2025, 08:53:20 UTC.
    private static let monday = "2025-10-13T06:00:00Z"
    private static let once = "2026-12-01T06:00:00Z"

    private static func date(_ text: String) throws -> Date { try Date(text, strategy: .iso8601) }

    private static func next(_ fixture: ReconcilerFixture, _ name: String = "weekly") async throws -> String? {
        let rows = try await fixture.pool.query(
            "SELECT \"nextRunAt\" FROM campaign_schedules WHERE name = \(name) ORDER BY \"createdAt\" DESC LIMIT 1"
        )
        return try rows[0].decode(0, as: Date?.self)?.formatted(.iso8601)
    }

    private static func reach(_ fixture: ReconcilerFixture, _ old: String = "", _ new: String = "") async throws {
        try await fixture.reach(old.isEmpty ? Samples.everything : Samples.everything.replacing(old, with: new))
    }

    @Test func isSetWhenAScheduleIsCreated() async throws {
        try await ReconcilerFixture.with { fixture in
            try await Self.reach(fixture)
            #expect(try await Self.next(fixture) == Self.monday)
            #expect(try await Self.next(fixture, "once") == Self.once)
        }
    }

    struct Edit: CustomTestStringConvertible {
        let old: String
        let new: String
        /// `keep` means that the daemon's value stays.
        let next: String?
        var testDescription: String { "\(old) → \(new)" }
    }

    static let edits = [
        Edit(old: "maxRuns: 12\n", new: "maxRuns: 12\noverlap: queue\n", next: "keep"),
        Edit(old: "maxRuns: 12\n", new: "maxRuns: 12\nmisfire: skip\n", next: "keep"),
        Edit(old: "maxRuns: 12\n", new: "maxRuns: 12\nprotect: true\n", next: "keep"),
        Edit(old: "campaign: digest\ncron", new: "campaign: news\ncron", next: "keep"),
        Edit(old: "maxRuns: 12\n", new: "maxRuns: 20\n", next: "keep"),
        Edit(old: "maxRuns: 12\n", new: "maxRuns: 3\n", next: nil),
        Edit(old: "0 9 * * MON", new: "30 9 * * FRI", next: "2025-10-10T06:30:00Z"),
        Edit(old: "timeZone: Africa/Nairobi\nfrom", new: "timeZone: UTC\nfrom", next: "2025-10-13T09:00:00Z"),
        Edit(old: "from: 2025-01-01", new: "from: 2025-11-01", next: "2025-11-03T06:00:00Z"),
        Edit(old: "until: 2031-01-01", new: "until: 2025-10-12", next: nil),
        Edit(old: "maxRuns: 12\n", new: "maxRuns: 12\nisActive: false\n", next: nil),
    ]

    @Test(arguments: edits)
    func staysUnlessTheTimesChange(_ edit: Edit) async throws {
        try await ReconcilerFixture.with { fixture in
            let news = "\n---\n" + Samples.digest.replacing("name: digest", with: "name: news")
            let text = Samples.everything + news
            try await fixture.reach(text)
            // The daemon has fired three times, and a fourth time is due.
            try await fixture.pool.execute(
                """
                UPDATE campaign_schedules SET "runCount" = 3, "lastRunAt" = now(),
                    "nextRunAt" = \(try Self.date("2025-10-09T08:00:00Z")) WHERE name = 'weekly'
                """
            )
            try await fixture.reach(text.replacing(edit.old, with: edit.new))
            let expected = edit.next == "keep" ? "2025-10-09T08:00:00Z" : edit.next
            #expect(try await Self.next(fixture) == expected)
            let kept = try await fixture.count(
                "SELECT \"runCount\" FROM campaign_schedules WHERE name = 'weekly' AND \"lastRunAt\" IS NOT NULL"
            )
            #expect(kept == 3)
        }
    }

    @Test func comesBackWithMoreRunsAndWithActivation() async throws {
        try await ReconcilerFixture.with { fixture in
            try await Self.reach(fixture)
            try await fixture.pool.execute(
                "UPDATE campaign_schedules SET \"runCount\" = 12, \"nextRunAt\" = NULL WHERE name = 'weekly'"
            )
            try await Self.reach(fixture, "maxRuns: 12\n", "maxRuns: 12\noverlap: queue\n")
            #expect(try await Self.next(fixture) == nil)
            try await Self.reach(fixture, "maxRuns: 12\n", "maxRuns: 13\n")
            #expect(try await Self.next(fixture) == Self.monday)
            try await Self.reach(fixture, "maxRuns: 12\n", "maxRuns: 13\nisActive: false\n")
            #expect(try await Self.next(fixture) == nil)
            try await Self.reach(fixture, "maxRuns: 12\n", "maxRuns: 13\n")
            #expect(try await Self.next(fixture) == Self.monday)
        }
    }

    @Test(
        arguments: [
            ("2025-10-09T10:50", nil), ("2025-10-09T11:30", "2025-10-09T08:30:00Z"),
            ("2025-10-10", "2025-10-09T21:00:00Z"),
        ] as [(String, String?)]
    )
    func aSingleTimeThatHasJustPassedIsLeftToItsMisfireRule(at: String, next: String?) async throws {
        try await ReconcilerFixture.with { fixture in
            // 08:53 in UTC is 11:53 in Nairobi; the misfire window is an hour.
            try await Self.reach(fixture, "at: 2026-12-01T09:00", "at: \(at)")
            #expect(try await Self.next(fixture, "once") == next)
        }
    }

    @Test func aSingleTimeThatHasFiredDoesNotFireAgain() async throws {
        try await ReconcilerFixture.with { fixture in
            let text = Samples.everything.replacing("at: 2026-12-01T09:00", with: "at: 2025-10-09T11:30")
            try await fixture.reach(text)
            try await fixture.pool.execute(
                "UPDATE campaign_schedules SET \"runCount\" = 1, \"nextRunAt\" = NULL WHERE name = 'once'"
            )
            try await fixture.reach(text.replacing("name: once", with: "name: once\noverlap: queue"))
            #expect(try await Self.next(fixture, "once") == nil)
        }
    }

    @Test func plansShowTheNextFiveTimesBeforeAndAfter() async throws {
        try await ReconcilerFixture.with { fixture in
            try await Self.reach(fixture)
            let plan = try await fixture.plan(Samples.everything.replacing("0 9 * * MON", with: "0 9 * * TUE"))
            let times = try #require(plan.changes.first?.fireTimes)
            #expect(times.before.count == 5 && times.after.count == 5)
            #expect(times.before.first?.formatted(.iso8601) == Self.monday)
            #expect(times.after.first?.formatted(.iso8601) == "2025-10-14T06:00:00Z")
            // Earlier runs count towards `maxRuns`.
            try await fixture.pool.execute("UPDATE campaign_schedules SET \"runCount\" = 10")
            let last = try await fixture.plan(Samples.everything.replacing("maxRuns: 12", with: "maxRuns: 13"))
            let left = try #require(last.changes.first?.fireTimes)
            #expect(left.before.count == 2 && left.after.count == 3)
            let deleted = try await fixture.plan(Samples.all)
            let gone = deleted.changes.filter { $0.identity.kind == .schedule }.compactMap(\.fireTimes)
            #expect(gone.count == 2 && gone.allSatisfy { $0.after.isEmpty && !$0.before.isEmpty })
        }
    }

    /// The schedule of Nairobi is shown on the tenant's clock; both zones' clocks are watched, and Berlin's change.
    @Test func timesAreOnTheClockOfTheTenantWithUTCBesideThem() async throws {
        try await ReconcilerFixture.with { fixture in
            let berlin = Samples.everything.replacing(
                "name: acme\ntimeZone: Africa/Nairobi",
                with: "name: acme\ntimeZone: Europe/Berlin"
            )
            try await fixture.reach(berlin)
            let plan = try await fixture.plan(berlin.replacing("0 9 * * MON", with: "0 1 * * TUE"))
            let text = PlanTextRenderer().text(plan)
            #expect(
                text.contains(
                    "+ fires 2025-10-14 00:00 (2025-10-13 22:00Z), 2025-10-21 00:00 (2025-10-20 22:00Z), "
                        + "2025-10-27 23:00 (22:00Z), 2025-11-03 23:00 (22:00Z), 2025-11-10 23:00 (22:00Z) in Europe/Berlin\n"
                ),
                "\(text)"
            )
            let change =
                "clocks in Europe/Berlin change from UTC+2 to UTC+1 on 2025-10-26, before the last of these times"
            #expect(plan.changes.first?.notes == [change])
            #expect(PlanMarkdownRenderer().text(plan).contains("clocks in Europe/Berlin change from UTC+2 to UTC+1"))
            let json = plan.json["changes"]?[0]?["fireTimes"]
            #expect(json?["timeZone"] == "Europe/Berlin" && json?["localAfter"]?[0] == "2025-10-14T00:00")
            #expect(json?["after"]?[0] == "2025-10-13T22:00:00Z")
        }
    }

    @Test func clocksThatDoNotChangeMeanwhileAreNoNote() async throws {
        try await ReconcilerFixture.with { fixture in
            try await Self.reach(fixture)
            let plan = try await fixture.plan(Samples.everything.replacing("0 9 * * MON", with: "0 9 * * TUE"))
            #expect(plan.changes.first?.notes == [])
            #expect(PlanTextRenderer().text(plan).contains("+ fires 2025-10-14 09:00 (06:00Z), "))
        }
    }

    /// A time that the scheduler will skip is not promised.
    @Test func timesThatStartNothingAreTold() async throws {
        try await ReconcilerFixture.with { fixture in
            let local = Samples.everything.replacing("maxRuns: 12\n", with: "maxRuns: 12\nlocalTime: true\n")
            let edited = local.replacing("0 9 * * MON", with: "0 12 * * THU")
            try await fixture.reach(local)
            #expect(try await fixture.plan(edited).accountRemarks.isEmpty)
            // Since 09:00 in Nairobi the message goes to Tokyo, Nairobi and Los Angeles.
            try await fixture.pool.execute(
                """
                WITH run AS (
                    INSERT INTO campaign_runs (id, "campaignId", "tenantId", "revisionId", "senderId", status, "isFreeText",
                        "windowCutoff", "launchPhase", "recipientCount", pending, "scheduleId", "scheduledFor", "localTime")
                    SELECT gen_random_uuid(), c.id, c."tenantId", v.id, c."senderId", 'running', false, now(), 'done', 9, 9,
                        s.id, '2025-10-09T06:00Z', '09:00'
                    FROM campaign_schedules s JOIN campaigns c ON c.id = s."campaignId"
                    JOIN campaign_revisions v ON v."campaignId" = c.id WHERE s.name = 'weekly' RETURNING id
                )
                INSERT INTO run_zones ("runId", zone, "tenantId", "sendAt", contacts)
                SELECT id, 'America/Los_Angeles', 'acme', '2025-10-09T16:00Z', 3 FROM run
                """
            )
            let remarks = try await fixture.plan(edited).accountRemarks
            let start = "acme/Schedule/weekly: the run for 09:00 is sent by the clocks of the contacts until "
            #expect(remarks.count == 1 && remarks[0].hasPrefix(start), "\(remarks)")
            let weeksLater = local.replacing("from: 2025-01-01", with: "from: 2025-11-01")
            #expect(try await fixture.plan(weeksLater).accountRemarks.isEmpty)
            try await fixture.pool.execute("UPDATE campaigns SET status = 'cancelled' WHERE name = 'digest'")
            #expect(
                try await fixture.plan(edited).accountRemarks
                    == ["acme/Schedule/weekly starts nothing: campaign `digest` is cancelled, and stays so"]
            )
        }
    }
}
