import Foundation
import Postgres
import TestBed
import TestSupport
import Testing
import WhatsAppSimulator

/// Many schedules are due in the same second while daemons are killed.
@Suite(.serialized, .enabled(if: TestEnvironment.hasPostgres))
struct ScheduleCrashTests {
    private static let count = 500

    @Test(.timeLimit(.minutes(5)))
    func eachOfManySchedulesStartsOneRunWhicheverDaemonDies() async throws {
        // Short leases, so that messages of a dead daemon are recovered soon.
        let variables = ["REQUEST_TIMEOUT": "1", "FLIGHT_LEASE": "6", "UNCONFIRMED_TIMEOUT": "2"]
        try await Stage.with(contacts: Self.count, rate: 1_000, variables: variables) { stage in
            let first = try await stage.startDaemon()
            let second = try await stage.startDaemon()
            try await Self.schedule(on: stage)

            try await Self.kill([first], whenStarted: 60, on: stage)
            // The other daemon continues until it is killed too.
            try await Self.kill([second], whenStarted: 180, on: stage)
            let left = try await Self.started(on: stage)
            #expect(left < Self.count, "there was something left to lose")
            let daemons = [try await stage.startDaemon(), try await stage.startDaemon()]
            try await Self.kill(daemons, whenStarted: left + (Self.count - left) / 2, on: stage)
            #expect(try await Self.started(on: stage) < Self.count, "there was something left to lose")
            let last = [try await stage.startDaemon(), try await stage.startDaemon()]

            try await eventually(within: .seconds(60), "every run has its end") {
                let open = "SELECT count(*) FROM campaign_runs WHERE status = 'completed'" as PostgresQuery
                return try await stage.pool.query(open)[0].decode(0, as: Int.self) == Self.count
            }
            for daemon in last { daemon.signal(SIGTERM) }
            for daemon in last { #expect(try await daemon.outcome().exitCode == 0) }
            try await Self.checkRows(of: stage)
            try await Self.checkRecipients(of: stage)
        }
    }

    /// Adds campaigns of one recipient each, all due at one second soon and not again before the new year.
    private static func schedule(on stage: Stage) async throws {
        try await stage.pool.execute(
            """
            WITH made AS (
                INSERT INTO campaigns (
                    "tenantId", name, type, "senderId", "messageTemplate", "templateId", "templateParams", "audienceFilter"
                )
                SELECT c."tenantId", 'due-' || n, 'scheduled', c."senderId", c."messageTemplate", c."templateId",
                    c."templateParams", jsonb_build_object('logic', 'AND', 'conditions', jsonb_build_array(
                        jsonb_build_object('field', 'name', 'operator', 'eq', 'value', 'Contact ' || n)))
                FROM campaigns c CROSS JOIN generate_series(1, \(count)) n WHERE c.name = 'hello'
                RETURNING id, "tenantId"
            )
            INSERT INTO campaign_schedules ("campaignId", "tenantId", "cronExpression", "nextRunAt")
            SELECT id, "tenantId", '0 0 1 1 *', date_trunc('second', now()) + interval '2 seconds' FROM made
            """
        )
    }

    private static func started(on stage: Stage) async throws -> Int {
        try await stage.pool.query("SELECT count(*) FROM schedule_occurrences")[0].decode(0)
    }

    private static func kill(_ daemons: [ChildProcess], whenStarted count: Int, on stage: Stage) async throws {
        try await eventually("\(count) schedules have fired") {
            try await started(on: stage) >= count
        }
        for daemon in daemons { daemon.signal(SIGKILL) }
        for daemon in daemons { _ = try await daemon.outcome() }
    }

    /// Checks that each number that Postgres counts over all schedules is `count`.
    private static func checkRows(of stage: Stage) async throws {
        let checks: [(String, PostgresQuery)] = [
            ("occurrences", "SELECT count(*) FROM schedule_occurrences"),
            (
                "occurrences with a run of their own for that time",
                """
                SELECT count(DISTINCT r.id) FROM schedule_occurrences o JOIN campaign_schedules s ON s.id = o."scheduleId"
                JOIN campaign_runs r ON r.id = o."runId" AND r."scheduleId" = s.id AND r."campaignId" = s."campaignId"
                    AND r."scheduledFor" = o."scheduledFor"
                WHERE o.outcome = 'started'
                    AND o."scheduledFor" = (SELECT min("scheduledFor") FROM schedule_occurrences)
                """
            ),
            ("runs", "SELECT count(*) FROM campaign_runs"),
            (
                "schedules that have counted one run and wait for the next",
                """
                SELECT count(*) FROM campaign_schedules s JOIN campaign_runs r ON r."scheduleId" = s.id
                JOIN campaigns c ON c.id = s."campaignId"
                WHERE s."runCount" = 1 AND s."lastRunAt" >= r."scheduledFor" AND s."isActive" AND c.status = 'scheduled'
                    AND s."nextRunAt" = date_trunc('year', r."scheduledFor" AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
                        + interval '1 year'
                """
            ),
            (
                "runs whose counters are their one message",
                """
                SELECT count(*) FROM campaign_runs r
                CROSS JOIN LATERAL (
                    SELECT count(*) AS messages, count(*) FILTER (WHERE status = 'sent') AS sent,
                        count(*) FILTER (WHERE status = 'delivered') AS delivered,
                        count(*) FILTER (WHERE status = 'read') AS read,
                        count(*) FILTER (WHERE status = 'unconfirmed') AS unconfirmed
                    FROM campaign_messages m WHERE m."runId" = r.id
                ) m
                WHERE m.messages = 1 AND r."recipientCount" = 1 AND r.sent = m.sent AND r.delivered = m.delivered
                    AND r.read = m.read AND r.unconfirmed = m.unconfirmed
                    AND r.sent + r.delivered + r.read + r.unconfirmed = 1
                    AND r.pending + r.queued + r.sending + r.failed + r.cancelled = 0
                """
            ),
        ]
        for (what, query) in checks {
            #expect(try await stage.pool.query(query)[0].decode(0, as: Int.self) == count, "\(what)")
        }
    }

    /// Checks that no recipient got two messages, and that a recipient without one has an unconfirmed message.
    private static func checkRecipients(of stage: Stage) async throws {
        let doubtful = try await stage.statuses()["unconfirmed", default: 0]
        let summary = try await LedgerReader(path: stage.ledger.path).summary()
        #expect(summary.repeatedRecipients.isEmpty)
        #expect((count - doubtful...count).contains(summary.recipients), "\(doubtful) are in doubt")
    }
}
