import Foundation
import Postgres
import Redis
import Store
import TestSupport
import Testing
import WhatsAppSimulator

@testable import Runtime

/// Quiet hours on the clock of each contact, through daemons that die and a Redis that forgets.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct ContactQuietDeliveryTests {
    /// The numbers are of São Paulo, twelve hours west of Tokyo.
    private static func move(_ digits: [String], _ fixture: DeliveryFixture) async throws {
        try await fixture.pool.execute(
            """
            UPDATE contacts SET metadata = metadata || '{"timeZone": "Asia/Tokyo"}' WHERE right("contactId", 1) = ANY(\(digits)::text[])
            """
        )
    }

    private static func setQuiet(_ fixture: DeliveryFixture, from start: Int, to end: Int) async throws {
        try await fixture.pool.execute("DELETE FROM tenants")
        try await fixture.pool.execute(
            """
            INSERT INTO tenants ("tenantId", name, "timeZone", "quietHours") VALUES ('acme', 'acme', 'America/Sao_Paulo',
                jsonb_build_object('action', 'wait', 'clock', 'contact',
                    'from', to_char(now() AT TIME ZONE 'Asia/Tokyo' + \(start) * interval '1 hour', 'HH24:MI'),
                    'to', to_char(now() AT TIME ZONE 'Asia/Tokyo' + \(end) * interval '1 hour', 'HH24:MI')))
            """
        )
    }

    private static func accepted(_ run: UUID, _ fixture: DeliveryFixture) async throws -> Int {
        try await fixture.run(run).counters.accepted
    }

    @Test(.timeLimit(.minutes(3)))
    func messagesWaitThroughCrashesAndComeOnce() async throws {
        try await DeliveryFixture.with(contacts: 10) { fixture in
            try await Self.move(["1", "2", "3"], fixture)
            try await Self.setQuiet(fixture, from: -1, to: 1)
            let run = try await fixture.launch()
            // One moves after the launch: its message is in the chunk of those who are awake.
            try await Self.move(["4"], fixture)
            try await fixture.withDelivery(ending: .killed) {
                try await eventually(within: .seconds(30), "those who are awake have it, one waits by its alarm") {
                    let alarms = try await fixture.pool.query("SELECT 1 FROM quiet_messages").count
                    return try await Self.accepted(run, fixture) == 6 && alarms == 1
                }
                let record = try await fixture.run(run)
                #expect(record.counters[.pending] == 4 && record.status == .running)
                try await DaemonRepository(pool: fixture.pool).beat(UUID(), version: "1", lanes: [])
                let outlook = try #require(try await OutlookRepository(pool: fixture.pool).outlook(of: record))
                #expect(outlook.waiting.reason == .quietHours)
            }
            try await TestRedis.deleteKeys(of: fixture.group, on: fixture.redis)
            try await fixture.withDelivery {
                #expect(try await Self.accepted(run, fixture) == 6)
                try await Self.setQuiet(fixture, from: 1, to: 2)
                try await fixture.pool.execute("UPDATE quiet_messages SET \"dueAt\" = now()")
                try await fixture.pool.execute(
                    "UPDATE campaign_messages SET \"nextAttemptAt\" = now() WHERE \"nextAttemptAt\" IS NOT NULL"
                )
                try await fixture.completes(run, within: .seconds(60))
            }
            try await fixture.expectDelivered(run, contacts: 10)
            #expect(fixture.simulator.summary().recipientsAcceptedMoreThanOnce == 0)
        }
    }
}
