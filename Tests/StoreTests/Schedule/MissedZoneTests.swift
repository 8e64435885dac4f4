import Foundation
import Postgres
import TestSupport
import Testing

@testable import Store

/// Schedules by the clock of each contact whose daemons were down, or whose times were edited, while a run was sent.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct MissedZoneTests {
    /// 09:00 in Nairobi, on 1 June 2026.
    private static let nine = Date(timeIntervalSince1970: 1_780_293_600)
    private static let hour: TimeInterval = 3_600
    /// Contacts in Nairobi, six hours west of Tokyo, one hour east of Berlin, and ten hours east of Los Angeles.
    private static let contacts = ["254700000001", "254700000002", "819000000001", "4917000000001", "12130000001"]
    private static let first = nine - 6 * hour

    private static func prepare(
        _ fixture: Fixture,
        misfire: String = "runOnce",
        overlap: String = "skip"
    ) async throws -> ScheduleRepository {
        let campaign = try await fixture.addCampaign(type: "scheduled")
        try await fixture.pool.execute(
            "INSERT INTO contacts (\"tenantId\", \"contactId\") SELECT 'acme', unnest(\(contacts)::text[])"
        )
        try await fixture.pool.execute(
            """
            INSERT INTO campaign_schedules (
                "campaignId", "tenantId", "cronExpression", "timeZone", "nextRunAt", misfire, "misfireWindow", overlap, "localTime"
            ) VALUES (\(campaign), 'acme', '0 9 * * *', 'Africa/Nairobi', \(nine), \(misfire), '1h', \(overlap), true)
            """
        )
        return ScheduleRepository(pool: fixture.pool)
    }

    private static func start(_ schedules: ScheduleRepository, at now: Date = first) async throws -> UUID {
        let firing = try await schedules.fireNext(now: now)
        guard case .started(let run) = firing?.outcome else {
            throw NotInTime(description: "not started: \(String(describing: firing))")
        }
        return run
    }

    private static func write(_ run: UUID, _ fixture: Fixture) async throws {
        let launches = LaunchRepository(pool: fixture.pool)
        while try await launches.writeBatch(of: run, size: 2).run.status == .launching {}
    }

    private static func missed(_ run: UUID, _ fixture: Fixture) async throws -> Set<String> {
        Set(
            try await fixture.column(
                """
                SELECT "recipientPhone" FROM campaign_messages
                WHERE "runId" = \(run) AND status = 'cancelled' AND "errorCode" = 'local_time_passed'
                """,
                as: String.self
            )
        )
    }

    /// No daemon ran between the time in Tokyo and two hours after the time in Nairobi, and one after that in Berlin.
    @Test(arguments: [("runOnce", ["254700000001", "254700000002"]), ("skip", Array(contacts[0...1]) + [contacts[3]])])
    func zonesWhoseTimeWasMissedGetNothing(misfire: String, expected: [String]) async throws {
        try await Fixture.with { fixture in
            let schedules = try await Self.prepare(fixture, misfire: misfire)
            let run = try await Self.start(schedules)
            try await Self.write(run, fixture)
            let chunks = ChunkRepository(pool: fixture.pool)
            #expect(try await chunks.settleZones(now: Self.nine - 1) == [], "nothing is due but Tokyo, which has begun")
            let timely = try #require(try await chunks.claim(run: run, hasZones: true, limit: 100))
            #expect(timely.messages.count == 1, "no daemon feeds a zone that was missed before it is settled")

            let now = Self.nine + 2 * Self.hour
            let missed = try await withThrowingTaskGroup { group in
                for _ in 1...3 { group.addTask { try await chunks.settleZones(now: now) } }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(missed.map(\.runID) == [run])
            #expect(try await Self.missed(run, fixture) == Set(expected))
            let counters = try await fixture.counters(of: run)
            #expect(counters.counted == counters.rows && counters.counted[.cancelled] == expected.count)
            let failures = try await RunRepository(pool: fixture.pool).failures(of: run)
            #expect(failures.map(\.code) == ["local_time_passed"])
            let occurrence = try #require(try await schedules.overview(tenant: "acme", count: 1).first?.last.first)
            #expect(occurrence.outcome == "started" && occurrence.runID == run)
            #expect(occurrence.reason?.contains("Africa/Nairobi 2") == true)
            #expect(occurrence.reason?.contains("Europe/Berlin 1") == (misfire == "skip"))
            #expect(try await chunks.settleZones(now: now) == [])
        }
    }

    @Test func aZoneThatHasBegunGoesOnHoweverLongItTakes() async throws {
        try await Fixture.with { fixture in
            let run = try await Self.start(try await Self.prepare(fixture))
            try await Self.write(run, fixture)
            let chunks = ChunkRepository(pool: fixture.pool)
            #expect(try await chunks.settleZones(now: Self.nine + Self.hour) == [], "made up for within the window")
            // A person paused the run, or the lane was full, for two more hours.
            #expect(try await chunks.settleZones(now: Self.nine + 2 * Self.hour) == [])
            #expect(try await Self.missed(run, fixture).isEmpty)
        }
    }

    /// The daemon dies while it writes the messages.
    @Test func aLaunchThatGoesOnLateLeavesMissedZonesOut() async throws {
        try await Fixture.with { fixture in
            let run = try await Self.start(try await Self.prepare(fixture))
            _ = try await LaunchRepository(pool: fixture.pool).writeBatch(of: run, size: 1)
            _ = try await ChunkRepository(pool: fixture.pool).settleZones(now: Self.nine + 2 * Self.hour)
            try await Self.write(run, fixture)
            #expect(try await Self.missed(run, fixture) == ["254700000001", "254700000002"])
            let counters = try await fixture.counters(of: run)
            #expect(counters.counted == counters.rows)
        }
    }

    private static func edit(_ fixture: Fixture) async throws {
        try await fixture.pool.execute(
            "UPDATE campaign_schedules SET \"cronExpression\" = '0 10 * * *', \"nextRunAt\" = \(nine + hour)"
        )
    }

    @Test func anEditedTimeDoesNotSendTwiceToTheLastZone() async throws {
        try await Fixture.with { fixture in
            let schedules = try await Self.prepare(fixture, overlap: "queue")
            let run = try await Self.start(schedules)
            try await Self.write(run, fixture)
            try await Self.edit(fixture)
            #expect(try await schedules.fireNext(now: Self.nine) == nil, "it waits for the run")
            try await fixture.pool.execute("DELETE FROM campaign_messages")
            try await fixture.pool.execute("UPDATE campaign_runs SET pending = 0")
            _ = try await RunRepository(pool: fixture.pool).completeFinished(unconfirmedTimeout: .zero)
            // The time came in Los Angeles ten hours after Nairobi, and the new one comes there an hour later.
            let firing = try #require(try await schedules.fireNext(now: Self.nine + 10 * Self.hour))
            guard case .skipped(let reason) = firing.outcome else {
                Issue.record("\(firing.outcome)")
                return
            }
            #expect(reason.contains("2026-06-01T09:00"))
            let next: Date = try await fixture.value("SELECT \"nextRunAt\" FROM campaign_schedules")
            #expect(next == Self.nine + 25 * Self.hour)
            _ = try await Self.start(schedules, at: next - 6 * Self.hour)
        }
    }

    @Test func anEditedTimeCountsAtOnceAfterTheRunWasCancelled() async throws {
        try await Fixture.with { fixture in
            let schedules = try await Self.prepare(fixture, overlap: "queue")
            let run = try await Self.start(schedules)
            try await Self.write(run, fixture)
            try await fixture.pool.execute("UPDATE campaign_runs SET status = 'cancelled'")
            try await fixture.pool.execute("UPDATE campaigns SET status = 'scheduled'")
            try await Self.edit(fixture)
            _ = try await Self.start(schedules, at: Self.nine)
        }
    }

    @Test func aStartIsRecordedThoughItsTimeWasSkippedBefore() async throws {
        try await Fixture.with { fixture in
            let schedules = try await Self.prepare(fixture)
            try await fixture.pool.execute(
                """
                INSERT INTO schedule_occurrences ("scheduleId", "scheduledFor", "tenantId", outcome, reason)
                SELECT id, \(Self.nine), 'acme', 'skipped', 'the campaign is draft' FROM campaign_schedules
                """
            )
            let run = try await Self.start(schedules)
            let row = try await fixture.pool.query("SELECT outcome, reason, \"runId\" FROM schedule_occurrences")[0]
            #expect(try row.decode(0, as: String.self) == "started")
            #expect(try row.decode(1, as: String?.self) == nil && row.decode(2, as: UUID?.self) == run)
        }
    }
}
