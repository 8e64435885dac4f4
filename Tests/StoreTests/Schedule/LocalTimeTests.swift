import Calendar
import Foundation
import Postgres
import Spec
import TestSupport
import Testing

@testable import Store

/// Schedules whose time is that of the clock of each contact.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct LocalTimeTests {
    /// 09:00 in Nairobi, on 1 June 2026.
    private static let nine = Date(timeIntervalSince1970: 1_780_293_600)
    private static let hour: TimeInterval = 3_600
    private static let contacts = [
        "254700000001": "{}", "254700000002": "{}", "5511900000001": "{}", "5568900000001": "{}",
        "4917000000001": #"{"timeZone": "Asia/Tokyo"}"#, "4917000000002": #"{"timeZone": "Mars/Base"}"#,
    ]
    /// The instants of 09:00 on 1 June for these contacts, in hours from Nairobi's.
    private static let hours = [
        "254700000001": 0.0, "254700000002": 0, "5511900000001": 6, "5568900000001": 8, "4917000000001": -6,
        "4917000000002": 1,
    ]

    private static func add(_ contacts: [String: String], to fixture: Fixture) async throws {
        try await fixture.pool.execute(
            """
            INSERT INTO contacts ("tenantId", "contactId", metadata)
            SELECT 'acme', n, m::jsonb FROM unnest(\(Array(contacts.keys))::text[], \(Array(contacts.values))::text[]) AS c(n, m)
            """
        )
    }

    private static func schedule(
        _ campaign: UUID,
        _ fixture: Fixture,
        cron: String = "0 9 * * *",
        zone: String = "Africa/Nairobi",
        next: Date = nine,
        misfire: String = "runOnce",
        window: String = "1h",
        overlap: String = "skip",
        dst: String? = nil
    ) async throws -> UUID {
        try await fixture.value(
            """
            INSERT INTO campaign_schedules (
                "campaignId", "tenantId", "cronExpression", "timeZone", "nextRunAt", misfire, "misfireWindow", overlap, dst, "localTime"
            ) VALUES (
                \(campaign), 'acme', \(cron), \(zone), \(next), \(misfire), \(window), \(overlap), \(dst)::jsonb, true
            ) RETURNING id
            """
        )
    }

    private static func started(_ firing: Firing?) throws -> UUID {
        guard case .started(let run) = firing?.outcome else {
            throw NotInTime(description: "not started: \(String(describing: firing))")
        }
        return run
    }

    private static func write(_ run: UUID, _ fixture: Fixture, size: Int = 1_000) async throws {
        let launches = LaunchRepository(pool: fixture.pool)
        while try await launches.writeBatch(of: run, size: size).run.status == .launching {}
    }

    private static func lookAt(_ fixture: Fixture) async throws -> Date? {
        try await fixture.value("SELECT \"wakeAt\" FROM campaign_schedules")
    }

    /// Returns when each contact's message may be fed at the earliest, in hours from Nairobi's time.
    private static func hours(_ run: UUID, _ fixture: Fixture) async throws -> [String: Double] {
        let rows = try await fixture.pool.query(
            """
            SELECT c."contactId", k."zoneTime", k."notBefore" >= k."zoneTime" FROM campaign_messages m
            JOIN contacts c ON c.id = m."contactId"
            JOIN campaign_chunks k ON k."runId" = m."runId"
                AND m.position >= k."startPosition" AND m.position < k."endPosition"
            WHERE m."runId" = \(run)
            """
        )
        var hours: [String: Double] = [:]
        for row in rows {
            hours[try row.decode(0)] = try row.decode(1, as: Date.self).timeIntervalSince(nine) / hour
            #expect(try row.decode(2), "no chunk is fed before the time of its zone")
        }
        return hours
    }

    @Test func itStartsWhereTheTimeComesFirstAndHoldsTheOthers() async throws {
        try await Fixture.with { fixture in
            let campaign = try await fixture.addCampaign(type: "scheduled")
            try await Self.add(Self.contacts, to: fixture)
            let schedule = try await Self.schedule(campaign, fixture)
            let schedules = ScheduleRepository(pool: fixture.pool)
            #expect(try await Self.lookAt(fixture) == Self.nine - 27 * Self.hour)
            let first = Self.nine - 6 * Self.hour
            #expect(try await schedules.fireNext(now: Self.nine - 27 * Self.hour) == nil)
            #expect(try await Self.lookAt(fixture) == Self.nine - 11 * Self.hour, "it comes nowhere on earth before")
            #expect(try await schedules.fireNext(now: first - Self.hour + 7) == nil)
            #expect(try await Self.lookAt(fixture) == first - Self.hour / 2, "it looks again each half hour")
            #expect(try await schedules.fireNext(now: first - 60) == nil)
            #expect(try await Self.lookAt(fixture) == first)
            #expect(try await schedules.fireNext(now: first - 1) == nil)

            let firing = try #require(try await schedules.fireNext(now: first))
            let run = try Self.started(firing)
            #expect(firing.scheduledFor == Self.nine && firing.lag == 0)
            #expect(try await schedules.fireNext(now: first) == nil, "one run for each time")
            try await Self.write(run, fixture, size: 2)
            #expect(try await Self.hours(run, fixture) == Self.hours)
            let counters = try await fixture.counters(of: run)
            #expect(counters.counted == counters.rows && counters.counted[.pending] == 6)
            let row = try await fixture.pool.query(
                """
                SELECT r."localTime", r."scheduledFor", s."nextRunAt", s."runCount", r."estimatedCompletionAt"
                FROM campaign_runs r JOIN campaign_schedules s ON s.id = \(schedule)
                """
            )[0]
            #expect(try row.decode(0, as: String.self) == "2026-06-01T09:00")
            #expect(try row.decode(1, as: Date.self) == Self.nine)
            #expect(try row.decode(2, as: Date.self) == Self.nine + 24 * Self.hour)
            #expect(try row.decode(3, as: Int.self) == 1)
            #expect(try row.decode(4, as: Date.self) >= Self.nine + 8 * Self.hour)
            #expect(try await Self.lookAt(fixture) == Self.nine - 3 * Self.hour)
        }
    }

    /// A contact in Tokyo, who is imported after the first look, has the time as well.
    @Test func peopleWhoComeAfterALookHaveTheirTime() async throws {
        try await Fixture.with { fixture in
            let campaign = try await fixture.addCampaign(type: "scheduled")
            try await Self.add(["254700000001": "{}"], to: fixture)
            _ = try await Self.schedule(campaign, fixture)
            let schedules = ScheduleRepository(pool: fixture.pool)
            #expect(try await schedules.fireNext(now: Self.nine - 27 * Self.hour) == nil)
            var now = try #require(try await Self.lookAt(fixture))
            #expect(try await schedules.fireNext(now: now) == nil)
            try await Self.add(["819000000001": "{}", "919000000001": "{}"], to: fixture)
            var firing: Firing?
            while firing == nil, now < Self.nine {
                now = try #require(try await Self.lookAt(fixture))
                firing = try await schedules.fireNext(now: now)
            }
            let run = try Self.started(firing)
            #expect(now == Self.nine - 6 * Self.hour, "09:00 in Tokyo")
            try await Self.write(run, fixture)
            #expect(
                try await Self.hours(run, fixture)
                    == ["254700000001": 0, "819000000001": -6, "919000000001": -2.5]
            )
        }
    }

    /// A look counts the audience, which may take long, while the run of the day before sends and its campaign is paused.
    @Test(.timeLimit(.minutes(1))) func aLookWaitsForNobodyAndHoldsNobodyUp() async throws {
        try await Fixture.with { fixture in
            let campaign = try await fixture.addCampaign(type: "scheduled")
            try await Self.add(Self.contacts, to: fixture)
            _ = try await Self.schedule(campaign, fixture)
            let schedules = ScheduleRepository(pool: fixture.pool)
            let first = Self.nine - 6 * Self.hour
            _ = try Self.started(try await schedules.fireNext(now: first))
            try await fixture.pool.transaction { connection in
                try await connection.execute("SELECT 1 FROM campaign_runs FOR UPDATE")
                try await connection.execute("SELECT 1 FROM campaigns FOR UPDATE")
                let next = first + 24 * Self.hour
                #expect(try await schedules.fireNext(now: next - 60) == nil)
                #expect(try await Self.lookAt(fixture) == next)
                let listed = try await schedules.overview(tenant: "acme", count: 1)
                #expect(listed.first?.zones?.contacts.values.reduce(0, +) == Self.contacts.count)
            }
        }
    }

    /// An edit sets the next time of a schedule anew, though its run has started already, before that time.
    @Test(arguments: ["skip", "queue", "cancelRunning"], [true, false])
    func aTimeThatHasStartedDoesNotStartAgain(overlap: String, isLocal: Bool) async throws {
        try await Fixture.with { fixture in
            let campaign = try await fixture.addCampaign(type: "scheduled")
            try await Self.add(Self.contacts, to: fixture)
            _ = try await Self.schedule(campaign, fixture, overlap: overlap)
            let schedules = ScheduleRepository(pool: fixture.pool)
            let run = try Self.started(try await schedules.fireNext(now: Self.nine - 6 * Self.hour))
            try await Self.write(run, fixture)
            try await fixture.pool.execute(
                "UPDATE campaign_schedules SET \"nextRunAt\" = \(Self.nine), \"localTime\" = \(isLocal)"
            )
            if overlap == "queue" {
                #expect(try await schedules.fireNext(now: Self.nine) == nil)
                try await fixture.pool.execute("DELETE FROM campaign_messages")
                try await fixture.pool.execute("UPDATE campaign_runs SET pending = 0")
                _ = try await RunRepository(pool: fixture.pool).completeFinished(unconfirmedTimeout: .zero)
            }
            #expect(try await schedules.fireNext(now: Self.nine) == nil)
            let next: Date = try await fixture.value("SELECT \"nextRunAt\" FROM campaign_schedules")
            #expect(next == Self.nine + 24 * Self.hour)
            let runs: [String] = try await fixture.column("SELECT status::text FROM campaign_runs")
            #expect(runs == [overlap == "queue" ? "completed" : "running"])
            let outcomes: [String] = try await fixture.column("SELECT outcome::text FROM schedule_occurrences")
            #expect(outcomes == ["started"])
        }
    }

    /// A daemon that dies between any two batches leaves the rest to another one.
    @Test(arguments: [1, 3, 1_000])
    func batchesOfAnySizeHoldEachContactUntilItsTime(size: Int) async throws {
        try await Fixture.with { fixture in
            let campaign = try await fixture.addCampaign(type: "scheduled")
            try await Self.add(Self.contacts, to: fixture)
            try await fixture.pool.execute(
                "UPDATE contacts SET \"lastSeen\" = \(Self.nine - 7 * Self.hour) WHERE \"contactId\" LIKE '%1'"
            )
            _ = try await Self.schedule(campaign, fixture)
            let now = Self.nine - 6 * Self.hour
            let run = try Self.started(try await ScheduleRepository(pool: fixture.pool).fireNext(now: now))
            try await withThrowingTaskGroup { group in
                for _ in 1...3 { group.addTask { try await Self.write(run, fixture, size: size) } }
                try await group.waitForAll()
            }
            #expect(try await Self.hours(run, fixture) == Self.hours)
            let mixed: Int = try await fixture.value(
                "SELECT count(*) FROM campaign_messages m WHERE m.\"isBusinessInitiated\" = (m.position <= 4)"
            )
            #expect(mixed == 0, "contacts in their window come first")
        }
    }

    @Test func contactsWhoseTimeHasPassedGetItLateOrNotAtAll() async throws {
        try await Fixture.with { fixture in
            let campaign = try await fixture.addCampaign(type: "scheduled")
            try await Self.add(Self.contacts, to: fixture)
            _ = try await Self.schedule(campaign, fixture, window: "90m")
            // No daemon ran until one hour after the time in Nairobi.
            let now = Self.nine + Self.hour
            let run = try Self.started(try await ScheduleRepository(pool: fixture.pool).fireNext(now: now))
            try await Self.write(run, fixture, size: 4)
            var expected = Self.hours
            expected["4917000000001"] = nil
            #expect(try await Self.hours(run, fixture) == expected)
            let skipped = try await fixture.pool.query(
                """
                SELECT c."contactId", m.status::text, m."errorCode" FROM campaign_messages m
                JOIN contacts c ON c.id = m."contactId" WHERE m."errorCode" IS NOT NULL
                """
            )
            #expect(skipped.count == 1)
            #expect(try skipped[0].decode(0, as: String.self) == "4917000000001")
            #expect(try skipped[0].decode(1, as: String.self) == "cancelled")
            #expect(try skipped[0].decode(2, as: String.self) == "local_time_passed")
            let counters = try await fixture.counters(of: run)
            #expect(counters.counted == counters.rows && counters.counted[.cancelled] == 1)
            let failures = try await RunRepository(pool: fixture.pool).failures(of: run)
            #expect(failures.map(\.code) == ["local_time_passed"], "the report tells it")
        }
    }

    @Test func aTimeThatHasPassedEverywhereIsSkipped() async throws {
        try await Fixture.with { fixture in
            let campaign = try await fixture.addCampaign(type: "scheduled")
            try await Self.add(Self.contacts, to: fixture)
            _ = try await Self.schedule(campaign, fixture)
            let schedules = ScheduleRepository(pool: fixture.pool)
            // The last zone has its time eight hours after Nairobi.
            let firing = try #require(try await schedules.fireNext(now: Self.nine + 10 * Self.hour))
            guard case .skipped(let reason) = firing.outcome else {
                Issue.record("\(firing.outcome)")
                return
            }
            #expect(reason.contains("missed"))
            let next: Date = try await fixture.value("SELECT \"nextRunAt\" FROM campaign_schedules")
            #expect(next == Self.nine + 24 * Self.hour)
            _ = try Self.started(try await schedules.fireNext(now: next - 6 * Self.hour))
        }
    }

    @Test(arguments: [String?.none, #"{"gap": "skip"}"#])
    func clocksThatArePutForward(dst: String?) async throws {
        try await Fixture.with { fixture in
            let campaign = try await fixture.addCampaign(type: "scheduled")
            try await Self.add(["254700000001": "{}", "4917000000001": "{}"], to: fixture)
            // On 29 March 2026 the clocks of Berlin go from 02:00 to 03:00, at 01:00 UTC.
            let next = try Date("2026-03-28T23:30:00Z", strategy: .iso8601)
            _ = try await Self.schedule(campaign, fixture, cron: "30 2 * * *", next: next, dst: dst)
            let run = try Self.started(try await ScheduleRepository(pool: fixture.pool).fireNext(now: next))
            try await Self.write(run, fixture)
            let berlin = try await fixture.pool.query(
                "SELECT \"sendAt\", \"skipCode\" FROM run_zones WHERE zone = 'Europe/Berlin'"
            )[0]
            #expect(try berlin.decode(0, as: Date.self) == next + 1.5 * Self.hour)
            #expect(try berlin.decode(1, as: String?.self) == (dst == nil ? nil : "local_time_missing"))
            let counters = try await fixture.counters(of: run)
            #expect(counters.counted == counters.rows)
            #expect(counters.counted[.cancelled] == (dst == nil ? 0 : 1))
        }
    }

    /// A run whose contacts in Kenya are due now, and those in Brazil in six hours.
    private static func withHeldRun(_ body: (Fixture, UUID) async throws -> Void) async throws {
        try await Fixture.with { fixture in
            let campaign = try await fixture.addCampaign(type: "scheduled")
            let near = Self.contacts.filter { $0.key.hasPrefix("254") || $0.key.hasPrefix("5511") }
            try await Self.add(near, to: fixture)
            let due = Date(timeIntervalSince1970: (Date().timeIntervalSince1970 / 60).rounded(.down) * 60)
            _ = try await Self.schedule(campaign, fixture, cron: "* * * * *", next: due, overlap: "queue")
            let run = try Self.started(try await ScheduleRepository(pool: fixture.pool).fireNext())
            try await Self.write(run, fixture)
            try await body(fixture, run)
        }
    }

    private static func feed(_ run: UUID, _ fixture: Fixture) async throws -> Int {
        let chunks = ChunkRepository(pool: fixture.pool)
        guard let claim = try await chunks.claim(run: run, limit: 100) else { return 0 }
        try await chunks.finish(claim)
        return claim.messages.count
    }

    private static func pass(_ hours: Int, _ fixture: Fixture) async throws {
        try await fixture.pool.execute(
            """
            UPDATE campaign_chunks SET "notBefore" = "notBefore" - \(hours) * interval '1 hour',
                "zoneTime" = "zoneTime" - \(hours) * interval '1 hour'
            """
        )
    }

    @Test func heldMessagesStayThroughAPauseAndALossOfRedis() async throws {
        try await Self.withHeldRun { fixture, run in
            #expect(try await Self.feed(run, fixture) == 2, "those in Kenya")
            #expect(try await Self.feed(run, fixture) == 0)
            let runs = RunRepository(pool: fixture.pool)
            #expect(try await runs.pause(run, reason: "a typo", by: .command("jane")))
            #expect(try await runs.resume(run, by: .command("jane")))
            #expect(try await Self.feed(run, fixture) == 2, "these two are fed again, and no others")
            let group: String = try await fixture.value("SELECT \"quotaGroup\" FROM senders")
            _ = try await LaneRepository(pool: fixture.pool).open()
            let epoch: Int = try await fixture.value("SELECT epoch FROM queue_epochs")
            _ = try await LaneRepository(pool: fixture.pool).rebuild(group: group, from: epoch) { _, _ in }
            #expect(try await Self.feed(run, fixture) == 2)
            let completions = try await runs.completeFinished(unconfirmedTimeout: .zero)
            #expect(completions.isEmpty, "the run waits for them")
            try await Self.pass(6, fixture)
            #expect(try await Self.feed(run, fixture) == 1, "the one in Brazil")
        }
    }

    @Test func aCancelledRunCancelsThemToo() async throws {
        try await Self.withHeldRun { fixture, run in
            #expect(try await RunRepository(pool: fixture.pool).cancel(run, reason: "enough", by: .command("jane")))
            while try await RunRepository(pool: fixture.pool).cancelRest() != nil {}
            let counters = try await fixture.counters(of: run)
            #expect(counters.counted == counters.rows && counters.counted[.cancelled] == 3)
        }
    }

    @Test func itSaysThatItWaitsForTheNextZone() async throws {
        try await Self.withHeldRun { fixture, run in
            try await DaemonRepository(pool: fixture.pool).beat(UUID(), version: "1", lanes: [])
            func outlook() async throws -> RunOutlook {
                let record = try #require(try await RunRepository(pool: fixture.pool).find(run))
                return try #require(try await OutlookRepository(pool: fixture.pool).outlook(of: record))
            }
            #expect(try await outlook().waiting.isMoving)
            let ids = try await fixture.ids(of: run)
            #expect(try await Self.feed(run, fixture) == 2)
            _ = try await MessageRepository(pool: fixture.pool).begin(ids, lease: 1)
            try await MessageRepository(pool: fixture.pool).record(
                ids.prefix(2).map { MessageOutcome(messageID: $0, lease: 1, result: .sent(waMessageID: "wamid.\($0)")) }
            )
            let waiting = try await outlook()
            let brazil: Date = try await fixture.value("SELECT max(\"zoneTime\") FROM campaign_chunks")
            #expect(waiting.waiting.reason == .localTime && waiting.waiting.until == brazil)
            let end = try #require(waiting.estimatedCompletionAt)
            #expect((0...2).contains(end.timeIntervalSince(brazil)))
        }
    }

    /// A run that waits for hours keeps no other one of its sender from being fed and estimated.
    @Test func othersAreNotHeldUp() async throws {
        try await Self.withHeldRun { fixture, run in
            #expect(try await Self.feed(run, fixture) == 2)
            try await fixture.pool.execute(
                """
                INSERT INTO campaigns ("tenantId", name, type, "senderId", "messageTemplate", "audienceFilter")
                SELECT "tenantId", 'other', 'manual', "senderId", "messageTemplate", "audienceFilter" FROM campaigns
                """
            )
            let other = try await fixture.launch("other", at: Date())
            #expect(try await Self.feed(other, fixture) == 3)
            let record = try #require(try await RunRepository(pool: fixture.pool).find(other))
            let outlook = try #require(try await OutlookRepository(pool: fixture.pool).outlook(of: record))
            let end = try #require(outlook.estimatedCompletionAt)
            #expect(end.timeIntervalSinceNow < 60)
        }
    }

    @Test func aZoneIsTheContactsOwnOrOfItsNumberOrOfTheTenant() async throws {
        try await Fixture.with { fixture in
            let campaign = try await fixture.addCampaign(type: "scheduled")
            try await fixture.pool.execute(
                "INSERT INTO tenants (\"tenantId\", name, \"timeZone\") VALUES ('acme', 'acme', 'Europe/Lisbon')"
            )
            let expected = [
                "254700000001": "Africa/Nairobi", "+254700000002": "Africa/Nairobi",
                "5568900000001": "America/Rio_Branco",
                "5216641234567": "America/Tijuana", "526641234567": "America/Tijuana",
                "5215512345678": "America/Mexico_City",
                "5511900000001": "America/Sao_Paulo", "12125550100": "America/New_York",
                "13105550100": "America/Los_Angeles", "79160000000": "Europe/Moscow", "77010000000": "Asia/Almaty",
                "61400000000": "Australia/Sydney", "KE.40512998877": "Africa/Nairobi", "BR.1": "America/Sao_Paulo",
                "8005550100": "Europe/Lisbon", "pastor-7": "Europe/Lisbon",
            ]
            for (number, zone) in expected {
                try await fixture.pool.execute("DELETE FROM contacts")
                try await Self.add([number: "{}"], to: fixture)
                let zones = try await fixture.pool.withConnection { connection in
                    try await AudienceZones.read(
                        tenant: "acme",
                        where: "c.\"tenantId\" = 'acme'",
                        else: .utc,
                        on: connection
                    )
                }
                #expect(zones.sorted.map(\.zone.identifier) == [zone], "\(number)")
            }
            let odd = [
                #"{"timeZone": 5}"#, #"{"timeZone": "../etc/passwd"}"#, #"{"timeZone": null}"#, #"{"timeZone": ""}"#,
            ]
            for metadata in odd {
                try await fixture.pool.execute("UPDATE contacts SET metadata = \(PostgresJSON(text: metadata))")
                let zones = try await fixture.pool.withConnection { connection in
                    try await AudienceZones.read(
                        tenant: "acme",
                        where: "c.\"contactId\" IS NOT NULL",
                        else: .utc,
                        on: connection
                    )
                }
                #expect(zones.sorted.count == 1 && zones.fallback.identifier == "Europe/Lisbon")
            }
            _ = campaign
        }
    }

    /// Every zone in the table is one that this program knows, and every calling code has one.
    @Test func theTableOfNumbersIsWhole() async throws {
        try await Fixture.with { fixture in
            let names: [String] = try await fixture.column("SELECT DISTINCT zone FROM number_zones ORDER BY 1")
            #expect(names.count > 200 && names.filter { IANAZone($0) == nil } == [])
            for country in CallingCode.countries {
                let code = try #require(CallingCode.of(country: country))
                let zone: String? = try await fixture.value("SELECT zone_of_number(\("\(code.code)0"))")
                #expect(zone != nil, "\(country)")
                let own: String? = try await fixture.value("SELECT zone_of_number(\(country + ".1"))")
                #expect(own != nil, "\(country)")
            }
        }
    }
}
