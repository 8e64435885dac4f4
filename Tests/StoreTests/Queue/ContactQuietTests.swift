import Foundation
import Postgres
import TestSupport
import Testing

@testable import Store

/// Quiet hours on the clock of each contact.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct ContactQuietTests {
    /// Numbers of Kenya, Japan and California; the last two have the zone of their metadata, or else of their number.
    private static let contacts = [
        "254700000001": "{}", "819000000001": "{}", "12130000001": "{}",
        "254700000002": #"{"timeZone": "Asia/Tokyo"}"#, "819000000002": #"{"timeZone": "Mars/Base"}"#,
    ]
    private static let inTokyo: Set = ["819000000001", "254700000002", "819000000002"]

    /// Sets quiet hours around the present in a zone, or hours that end before it.
    private static func setQuiet(
        in zone: String,
        action: String = "wait",
        around hours: ClosedRange<Int> = -1...1,
        _ fixture: Fixture
    ) async throws {
        try await fixture.pool.execute("DELETE FROM tenants")
        try await fixture.pool.execute(
            """
            INSERT INTO tenants ("tenantId", name, "timeZone", "quietHours") VALUES ('acme', 'acme', 'Africa/Nairobi',
                jsonb_build_object('action', \(action)::text, 'clock', 'contact',
                    'from', to_char(now() AT TIME ZONE \(zone) + \(hours.lowerBound) * interval '1 hour', 'HH24:MI'),
                    'to', to_char(now() AT TIME ZONE \(zone) + \(hours.upperBound) * interval '1 hour', 'HH24:MI')))
            """
        )
    }

    private static func add(_ fixture: Fixture) async throws {
        try await fixture.pool.execute(
            """
            INSERT INTO contacts ("tenantId", "contactId", metadata)
            SELECT 'acme', n, m::jsonb FROM unnest(\(Array(contacts.keys))::text[], \(Array(contacts.values))::text[]) AS c(n, m)
            """
        )
    }

    private static func feed(_ run: UUID, _ fixture: Fixture, hasZones: Bool = true) async throws -> [UUID] {
        let chunks = ChunkRepository(pool: fixture.pool)
        var fed: [UUID] = []
        while let claim = try await chunks.claim(run: run, hasZones: hasZones, limit: 100) {
            fed += claim.messages.map(\.id)
            try await chunks.finish(claim)
        }
        return fed
    }

    /// A run of which all messages are in the lane, though it is quiet in Tokyo.
    private static func queued(_ fixture: Fixture, action: String = "wait") async throws -> UUID {
        try await fixture.addCampaign()
        try await add(fixture)
        let run = try await fixture.launch(at: Date())
        #expect(try await feed(run, fixture).count == contacts.count)
        try await setQuiet(in: "Asia/Tokyo", action: action, fixture)
        return run
    }

    private static func begin(
        _ run: UUID,
        _ fixture: Fixture,
        hasContactClocks: Bool = true
    ) async throws -> [String: ClaimedMessage] {
        let claim = SendClaim(try await fixture.ids(of: run), lease: 1, hasContactClocks: hasContactClocks)
        var begun: [String: ClaimedMessage] = [:]
        for message in try await MessageRepository(pool: fixture.pool).begin([claim]) {
            begun[message.recipientPhone] = message
        }
        return begun
    }

    private static func pass(_ hours: Int, _ fixture: Fixture) async throws {
        try await fixture.pool.execute("UPDATE quiet_messages SET \"dueAt\" = \"dueAt\" - \(hours) * interval '1 hour'")
        try await fixture.pool.execute(
            "UPDATE campaign_messages SET \"nextAttemptAt\" = \"nextAttemptAt\" - \(hours) * interval '1 hour'"
        )
    }

    @Test func aMessageThatIsClaimedDuringThemWaitsInPostgres() async throws {
        try await Fixture.with { fixture in
            let run = try await Self.queued(fixture)
            let begun = try await Self.begin(run, fixture)
            #expect(begun.count == Self.contacts.count)
            for (phone, message) in begun {
                #expect(message.status == (Self.inTokyo.contains(phone) ? .pending : .sending), "\(phone)")
            }
            let alarms = try await fixture.pool.query(
                """
                SELECT q."dueAt" = m."nextAttemptAt", extract(epoch FROM q."dueAt" - now())::float8 FROM quiet_messages q
                JOIN campaign_messages m ON m.id = q."messageId" WHERE m.status = 'pending' AND q."runId" = \(run)
                """
            )
            #expect(alarms.count == 3)
            for alarm in alarms {
                #expect(try alarm.decode(0))
                #expect((3_500.0...3_600).contains(try alarm.decode(1, as: Double.self)))
            }
            let counters = try await fixture.counters(of: run)
            #expect(counters.counted == counters.rows && counters.counted[.pending] == 3)
            // Nothing feeds them before: neither the loss of Redis nor a resumed run.
            try await fixture.pool.execute("UPDATE campaign_chunks SET status = 'waiting'")
            #expect(try await Self.feed(run, fixture).isEmpty)
            #expect(try await MessageRepository(pool: fixture.pool).feedQuiet() == [:])
        }
    }

    @Test func theyAreFedOnceWhenItEnds() async throws {
        try await Fixture.with { fixture in
            let run = try await Self.queued(fixture)
            _ = try await Self.begin(run, fixture)
            try await Self.pass(1, fixture)
            let messages = MessageRepository(pool: fixture.pool)
            let fed = try await withThrowingTaskGroup { group in
                for _ in 1...4 { group.addTask { try await messages.feedQuiet().values.reduce(0, +) } }
                return try await group.reduce(0, +)
            }
            #expect(fed == 3)
            #expect(try await Self.feed(run, fixture).count == 3)
            try await Self.setQuiet(in: "Asia/Tokyo", around: 1...2, fixture)
            #expect(try await Self.begin(run, fixture).values.allSatisfy { $0.status == .sending })
            let left: Int = try await fixture.value("SELECT count(*) FROM quiet_messages")
            #expect(left == 0)
            let counters = try await fixture.counters(of: run)
            #expect(counters.counted == counters.rows && counters.counted[.sending] == 5)
        }
    }

    /// The chunk of a standing run may be gone, and an alarm may ring for a message that was cancelled.
    @Test func alarmsOutliveChunksAndMessages() async throws {
        try await Fixture.with { fixture in
            let run = try await Self.queued(fixture)
            _ = try await Self.begin(run, fixture)
            try await fixture.pool.execute("DELETE FROM campaign_chunks")
            try await fixture.pool.execute(
                """
                UPDATE campaign_messages SET status = 'cancelled' WHERE id = (SELECT min("messageId"::text)::uuid FROM quiet_messages)
                """
            )
            try await Self.pass(1, fixture)
            #expect(try await MessageRepository(pool: fixture.pool).feedQuiet() == [run: 3])
            #expect(try await Self.feed(run, fixture).count == 2)
        }
    }

    @Test func messagesAreSkippedIfTheTenantSaysSo() async throws {
        try await Fixture.with { fixture in
            let run = try await Self.queued(fixture, action: "skip")
            for (phone, message) in try await Self.begin(run, fixture) {
                #expect(message.status == (Self.inTokyo.contains(phone) ? .cancelled : .sending), "\(phone)")
            }
            let codes: [String?] = try await fixture.column(
                "SELECT \"errorCode\" FROM campaign_messages WHERE status = 'cancelled'"
            )
            #expect(codes == ["quiet_hours", "quiet_hours", "quiet_hours"])
        }
    }

    /// A lane that has not read the tenant yet asks again a second later, and neither sends nor skips anything.
    @Test(arguments: ["wait", "skip"])
    func aLaneThatDoesNotKnowOfClocksPutsItsMessagesOff(action: String) async throws {
        try await Fixture.with { fixture in
            let run = try await Self.queued(fixture, action: action)
            let begun = try await Self.begin(run, fixture, hasContactClocks: false)
            #expect(begun.values.allSatisfy { $0.status == .queued && $0.delay > .zero && $0.delay <= .seconds(1) })
            #expect(try await Self.begin(run, fixture).values.contains { $0.status == .sending })
        }
    }

    @Test func aPausedRunKeepsItsMessagesWithoutAlarms() async throws {
        try await Fixture.with { fixture in
            let run = try await Self.queued(fixture)
            let runs = RunRepository(pool: fixture.pool)
            #expect(try await runs.pause(run, reason: "wait", by: .command("jane")))
            #expect(try await Self.begin(run, fixture).values.allSatisfy { $0.status == .pending })
            let alarms: Int = try await fixture.value("SELECT count(*) FROM quiet_messages")
            #expect(alarms == 0)
            #expect(try await runs.resume(run, by: .command("jane")))
            #expect(try await Self.feed(run, fixture).count == Self.contacts.count)
        }
    }

    @Test func aLaunchHoldsTheChunksOfThoseForWhomItIsQuiet() async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign()
            try await Self.add(fixture)
            try await Self.setQuiet(in: "Asia/Tokyo", fixture)
            try await DaemonRepository(pool: fixture.pool).beat(UUID(), version: "1", lanes: [])
            let run = try await fixture.launch(at: Date())
            let record = try #require(try await RunRepository(pool: fixture.pool).find(run))
            #expect(record.hasZones && record.localTime == nil)
            let fed = try await Self.feed(run, fixture)
            #expect(fed.count == 2)
            let begun = try await MessageRepository(pool: fixture.pool)
                .begin([SendClaim(fed, lease: 1, hasContactClocks: true)])
            #expect(begun.allSatisfy { $0.status == .sending })
            try await MessageRepository(pool: fixture.pool).record(
                fed.map { MessageOutcome(messageID: $0, lease: 1, result: .sent(waMessageID: "wamid.\($0)")) }
            )
            let after = try #require(try await RunRepository(pool: fixture.pool).find(run))
            let outlook = try #require(try await OutlookRepository(pool: fixture.pool).outlook(of: after))
            #expect(outlook.waiting.reason == .quietHours)
            #expect(outlook.waiting.detail == "quiet hours on the clocks of those who are left")
            let until = try #require(outlook.waiting.until)
            #expect((3_500.0...3_600).contains(until.timeIntervalSinceNow))
            let end = try #require(outlook.estimatedCompletionAt)
            #expect(end >= until && end.timeIntervalSince(until) < 60)
            #expect(abs(try #require(record.estimatedCompletionAt).timeIntervalSince(end)) < 60, "the launch knew it")
            try await Self.setQuiet(in: "Asia/Tokyo", around: 1...2, fixture)
            #expect(try await Self.feed(run, fixture).count == 3, "a rule that changes holds at once")
        }
    }

    /// A chunk that was in the lane is fed again after a loss of Redis: it may have messages that are queued.
    @Test func aChunkThatWasFedIsFedAgainInQuietHours() async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign()
            try await Self.add(fixture)
            try await Self.setQuiet(in: "Asia/Tokyo", around: 1...2, fixture)
            let run = try await fixture.launch(at: Date())
            #expect(try await Self.feed(run, fixture).count == Self.contacts.count)
            try await Self.setQuiet(in: "Asia/Tokyo", fixture)
            try await fixture.pool.execute("UPDATE campaign_chunks SET status = 'waiting'")
            #expect(try await Self.feed(run, fixture).count == Self.contacts.count)
        }
    }

    @Test(
        arguments: [
            // The nights in which the clocks of California are put forward and back, and a day in summer.
            ("America/Los_Angeles", "2026-03-08 08:30", "2026-03-08 15:00"),
            ("America/Los_Angeles", "2026-11-01 07:30", "2026-11-01 16:00"),
            ("America/Los_Angeles", "2026-06-01 05:00", "2026-06-01 15:00"),
            ("America/Los_Angeles", "2026-06-01 15:00", nil),
            ("Asia/Tokyo", "2026-06-01 13:00", "2026-06-01 23:00"), ("Africa/Nairobi", "2026-06-01 13:00", nil),
            ("PST", "2026-06-01 13:00", nil), ("XYZ5", "2026-06-01 13:00", nil), ("../etc", "2026-06-01 13:00", nil),
            // Postgres takes these for zones. Plans and launches do not: the number tells the zone.
            ("america/los_angeles", "2026-06-01 05:00", nil), ("posix/America/Los_Angeles", "2026-06-01 05:00", nil),
        ] as [(String, String, String?)]
    )
    func endOnTheClockOfTheContact(zone: String, at: String, expected: String?) async throws {
        try await Fixture.with { fixture in
            let rows = try await fixture.pool.query(
                """
                SELECT to_char(contact_quiet_until(
                    '{"from": "21:00", "to": "08:00"}', jsonb_build_object('timeZone', \(zone)::text), '254700000001', 'Asia/Tokyo',
                    \(at)::timestamp AT TIME ZONE 'UTC'
                ) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')
                """
            )
            #expect(try rows[0].decode(0, as: String?.self) == expected)
        }
    }
}
