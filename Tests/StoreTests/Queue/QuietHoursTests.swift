import Foundation
import Postgres
import TestSupport
import Testing

@testable import Store

/// Times at which the rules of a tenant delay a message.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct QuietHoursTests {
    @Test(
        arguments: [
            ("21:00", "08:00", "2026-06-01 20:59", nil), ("21:00", "08:00", "2026-06-01 21:00", "2026-06-02 08:00"),
            ("21:00", "08:00", "2026-06-02 07:59", "2026-06-02 08:00"), ("21:00", "08:00", "2026-06-02 08:00", nil),
            ("12:00", "14:00", "2026-06-01 13:00", "2026-06-01 14:00"), ("12:00", "14:00", "2026-06-01 11:00", nil),
            // The night in which the clocks go forward.
            ("21:00", "08:00", "2026-03-28 23:00", "2026-03-29 08:00"),
        ] as [(String, String, String, String?)]
    )
    func endInTheZoneOfTheTenant(from: String, to: String, local: String, expected: String?) async throws {
        try await Fixture.with { fixture in
            let hours = PostgresJSON(text: #"{"from":"\#(from)","to":"\#(to)","action":"wait"}"#)
            let rows = try await fixture.pool.query(
                """
                SELECT to_char(quiet_until(\(hours)::jsonb, 'Europe/Berlin',
                    \(local)::timestamp AT TIME ZONE 'Europe/Berlin') AT TIME ZONE 'Europe/Berlin', 'YYYY-MM-DD HH24:MI')
                """
            )
            let until = try rows[0].decode(0, as: String?.self)
            #expect(until == expected)
        }
    }

    @Test(arguments: [("wait", MessageStatus.queued), ("skip", .cancelled)])
    func keepMessagesBackOrSkipThem(action: String, expected: MessageStatus) async throws {
        try await Fixture.with { fixture in
            let run = try await fixture.queuedRun(contacts: 2)
            try await fixture.pool.execute(
                """
                INSERT INTO tenants ("tenantId", name, "timeZone", "quietHours") VALUES ('acme', 'acme', 'UTC',
                    jsonb_build_object('action', \(action)::text,
                        'from', to_char(now() AT TIME ZONE 'UTC' - interval '1 hour', 'HH24:MI'),
                        'to', to_char(now() AT TIME ZONE 'UTC' + interval '1 hour', 'HH24:MI')))
                """
            )
            let ids = try await fixture.ids(of: run)
            let begun = try await MessageRepository(pool: fixture.pool).begin(ids, lease: 1)
            #expect(begun.map(\.status) == [expected, expected])
            for message in begun where expected == .queued {
                #expect(message.delay > .seconds(58 * 60) && message.delay <= .seconds(60 * 60))
            }
            let rows = try await fixture.pool.query("SELECT max(\"errorCode\") FROM campaign_messages")
            let code = try rows[0].decode(0, as: String?.self)
            #expect(code == (expected == .cancelled ? "quiet_hours" : nil))
        }
    }

    @Test(arguments: [("wait", MessageStatus.queued), ("skip", .cancelled)])
    func aContactGetsNoMoreThanTheCapAllows(action: String, expected: MessageStatus) async throws {
        try await Fixture.with { fixture in
            let run = try await fixture.queuedRun(contacts: 3)
            let cap = PostgresJSON(text: #"{"messages":1,"within":"1d","action":"\#(action)"}"#)
            try await fixture.pool.execute(
                "INSERT INTO tenants (\"tenantId\", name, \"frequencyCap\") VALUES ('acme', 'acme', \(cap)::jsonb)"
            )
            let messages = MessageRepository(pool: fixture.pool)
            let ids = try await fixture.ids(of: run)
            // An earlier run has reached the first contact an hour ago, and the second two days ago.
            for (index, age) in [(0, "1 hour"), (1, "2 days")] {
                try await fixture.pool.execute(
                    """
                    INSERT INTO campaign_messages (id, "runId", position, "campaignId", "tenantId", "contactId",
                        "recipientPhone", status, "isBusinessInitiated", "sentAt")
                    SELECT gen_random_uuid(), gen_random_uuid(), 1, "campaignId", "tenantId", "contactId",
                        "recipientPhone", 'delivered', false, now() - \(age)::interval
                    FROM campaign_messages WHERE id = \(ids[index])
                    """
                )
            }
            let begun = try await messages.begin(ids, lease: 1)
            let statuses = Dictionary(uniqueKeysWithValues: begun.map { ($0.id, $0.status) })
            #expect(ids.map { statuses[$0] } == [expected, .sending, .sending])
            let delay = begun.first { $0.id == ids[0] }?.delay ?? .zero
            if expected == .queued { #expect(delay > .seconds(22 * 3600) && delay <= .seconds(23 * 3600)) }
        }
    }
}
