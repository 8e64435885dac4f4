import Foundation
import HTTPTypes
import Hummingbird
import JSON
import NIOCore
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import API
@testable import Runtime

/// The reader of the present state, without HTTP: what fails, and viewers that do not read.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct LiveFeedTests {
    private struct NoRedis: Error {}

    /// The connection of a viewer.
    private struct Writer: ResponseBodyWriter {
        let viewer: Viewer

        mutating func write(_ buffer: ByteBuffer) async throws { try await viewer.write(buffer) }
        consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
    }

    /// A viewer that takes messages as the test lets it.
    private final class Viewer: Sendable {
        private struct State {
            var texts: [String] = []
            var isBlocked = false
            var isClosed = false
        }

        private let state = Mutex(State())

        /// The messages that it has got, without comments.
        var texts: [String] { state.withLock { $0.texts.filter { $0.contains("\ndata: ") } } }
        var isClosed: Bool { state.withLock { $0.isClosed } }
        func block(_ isBlocked: Bool) { state.withLock { $0.isBlocked = isBlocked } }
        func close() { state.withLock { $0.isClosed = true } }

        func write(_ part: ByteBuffer) async throws {
            state.withLock { $0.texts.append(String(buffer: part)) }
            try await eventually("it reads") { self.state.withLock { !$0.isBlocked || $0.isClosed } }
            if isClosed { throw CancellationError() }
        }
    }

    /// Runs `body` with a feed and a viewer of the tenant `acme`.
    private static func with(
        options: LiveFeed.Options = .patient,
        lanes: LiveLanes = LiveLanes(read: { _, _ in [:] }, circuit: { "closed" }),
        _ body: (APIFixture, LiveFeed, Viewer) async throws -> Void
    ) async throws {
        try await APIFixture.with(contacts: 2) { api in
            let campaign = try await api.campaign()
            #expect(try await api.call("POST", "/campaigns/\(campaign)/send").status == 202)
            try await api.finishLaunches()
            let feed = LiveFeed(pool: api.pool, lanes: lanes, options: options, logger: TestDatabase.logger)
            let viewer = Viewer()
            try await withThrowingTaskGroup { group in
                group.addTask { await feed.run() }
                let seat = try feed.seat(tenant: "acme", expiresAt: .distantFuture) { viewer.close() }
                group.addTask {
                    var writer: any ResponseBodyWriter = Writer(viewer: viewer)
                    // Ends with an error if its connection is closed.
                    try? await feed.stream(to: seat, after: nil, writer: &writer)
                }
                let result: Result<Void, any Error>
                do { result = .success(try await body(api, feed, viewer)) } catch { result = .failure(error) }
                viewer.block(false)
                group.cancelAll()
                try await group.waitForAll()
                try result.get()
            }
        }
    }

    @Test func tellsThatRedisDoesNotAnswer() async throws {
        let isDown = Mutex(true)
        let lanes = LiveLanes(
            read: { groups, _ in
                if isDown.withLock({ $0 }) { throw NoRedis() }
                return groups.mapValues { _ in LiveLanes.Lane(ready: 7, delayed: 1, held: 2, front: []) }
            },
            circuit: { "halfOpen" }
        )
        try await Self.with(lanes: lanes) { _, _, viewer in
            try await eventually("the alarm") { viewer.texts.contains { $0.contains(#""code":"redis_down""#) } }
            let first = try #require(viewer.texts.first)
            #expect(!first.contains("\"ready\"") && first.contains(#""circuit":"halfOpen""#))
            isDown.withLock { $0 = false }
            try await eventually("its end") { viewer.texts.last?.contains(#""alarms":["redis_down"]"#) ?? false }
            #expect(viewer.texts.last?.contains(#""ready":7"#) ?? false)
        }
    }

    @Test func tellsThatPostgresCannotBeRead() async throws {
        try await Self.with { api, feed, viewer in
            try await eventually("a snapshot") { !viewer.texts.isEmpty }
            try await api.pool.execute("ALTER TABLE daemon_heartbeats RENAME TO away")
            try await eventually("the alarm") { viewer.texts.contains { $0.contains(#""code":"postgres_down""#) } }
            await #expect(throws: Problem.self) { try await feed.list(.senders, of: "acme") }
            try await api.pool.execute("ALTER TABLE away RENAME TO daemon_heartbeats")
            try await eventually("its end") { viewer.texts.contains { $0.contains(#""alarms":["postgres_down"]"#) } }
            #expect(try await feed.list(.senders, of: "acme").count == 1)
        }
    }

    @Test func tellsWhatWentWrongLately() async throws {
        try await Self.with { api, _, viewer in
            try await api.pool.execute(
                """
                INSERT INTO campaign_schedules ("campaignId", "tenantId", name, "cronExpression", "timeZone", "isActive")
                SELECT id, "tenantId", 'daily', '0 9 * * *', 'UTC', false FROM campaigns
                """
            )
            try await api.pool.execute(
                """
                INSERT INTO schedule_occurrences ("scheduleId", "scheduledFor", "tenantId", outcome, reason)
                SELECT s.id, now() - o.ago, s."tenantId", o.outcome, o.reason
                FROM campaign_schedules s, (VALUES
                    (interval '10 minutes', 'failed', 'the wallet is empty'), (interval '20 minutes', 'failed', 'older'),
                    (interval '2 minutes', 'started', NULL), (interval '1 second', 'started', NULL),
                    (interval '2 hours', 'failed', 'long ago')
                ) AS o(ago, outcome, reason)
                """
            )
            try await api.pool.execute(
                """
                INSERT INTO notification_posts ("tenantId", reason, "postId", attempts, "firstAt", failure)
                VALUES ('acme', 'paused', gen_random_uuid(), 2, now(), 'it answered 500')
                """
            )
            try await api.pool.execute(
                """
                INSERT INTO webhook_receivers ("tenantId", attempts, failure)
                VALUES ('acme', 3, 'no connection'), ('other', 3, 'of another tenant')
                """
            )
            try await eventually("the alarms") {
                viewer.texts.contains { $0.contains(#""code":"forward_fails""#) }
            }
            let text = viewer.texts.joined()
            for code in ["start_failed:spring", "start_late:spring", "notification_fails:paused"] {
                #expect(text.contains("\"code\":\"\(code)\""), "\(code)")
            }
            for cause in ["the wallet is empty", "it answered 500", "no connection"] { #expect(text.contains(cause)) }
            #expect(!text.contains("older") && !text.contains("long ago") && !text.contains("of another tenant"))
        }
    }

    /// The tables that a reading touches, each locked by another session, such as a migration.
    @Test(arguments: ["daemon_heartbeats", "campaign_runs", "senders", "tenants", "quota_hours", "run_actions"])
    func tellsThatATableIsLocked(_ table: String) async throws {
        try await Self.with(options: .init()) { api, _, viewer in
            try await eventually("a snapshot") { !viewer.texts.isEmpty }
            try await api.pool.withConnection { connection in
                let start = ContinuousClock.now
                try await connection.transaction { connection in
                    try await connection.execute(PostgresQuery(sql: "LOCK TABLE \(table) IN ACCESS EXCLUSIVE MODE"))
                    try await eventually("the alarm") {
                        viewer.texts.contains { $0.contains(#""code":"postgres_down""#) }
                    }
                    // A statement has two seconds; the rest is for a busy machine.
                    #expect(ContinuousClock.now - start < .seconds(20))
                }
            }
            try await eventually("its end") { viewer.texts.last?.contains(#""alarms":["postgres_down"]"#) ?? false }
        }
    }

    /// Backends that are stopped do not even react to a request to cancel.
    @Test func tellsThatPostgresHangs() async throws {
        try await Self.with(options: .init()) { api, _, viewer in
            try await eventually("a snapshot") { !viewer.texts.isEmpty }
            let rows = try await api.pool.query(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'"
            )
            let backends = try rows.map { Int32(try $0.decode(0, as: Int.self)) }
            let start = ContinuousClock.now
            let stopped = backends.filter { kill($0, SIGSTOP) == 0 }
            defer { for backend in stopped { kill(backend, SIGCONT) } }
            // The server may belong to another user, or be on another machine.
            guard stopped.count == backends.count else { return }
            try await eventually("the alarm") { viewer.texts.contains { $0.contains(#""code":"postgres_down""#) } }
            #expect(ContinuousClock.now - start < .seconds(20))
            // New connections work.
            try await eventually("its end") { viewer.texts.last?.contains(#""alarms":["postgres_down"]"#) ?? false }
        }
    }

    @Test func joinsChangesForAViewerThatReadsSlowly() async throws {
        try await Self.with { api, feed, viewer in
            try await eventually("a snapshot") { !viewer.texts.isEmpty }
            viewer.block(true)
            try await api.pool.execute(#"UPDATE senders SET "ratePerSecond" = 81"#)
            try await eventually("the first change") { viewer.texts.contains { $0.contains(#""limit":81"#) } }
            for rate in 82...84 {
                try await api.pool.execute(#"UPDATE senders SET "ratePerSecond" = \#(rate)"#)
                try await eventually("it is read") {
                    try await feed.list(.senders, of: "acme").first?["limit"] == .integer(rate)
                }
            }
            viewer.block(false)
            try await eventually("the last change") { viewer.texts.contains { $0.contains(#""limit":84"#) } }
            #expect(!viewer.texts.contains { $0.contains(#""limit":82"#) || $0.contains(#""limit":83"#) })
        }
    }

    @Test func closesTheConnectionOfAViewerThatDoesNotRead() async throws {
        var options = LiveFeed.Options.patient
        options.patience = .milliseconds(100)
        try await Self.with(options: options) { api, _, viewer in
            try await eventually("a snapshot") { !viewer.texts.isEmpty }
            #expect(!viewer.isClosed)
            viewer.block(true)
            try await api.pool.execute(#"UPDATE senders SET "ratePerSecond" = 81"#)
            try await eventually("it is closed") { viewer.isClosed }
        }
    }

    @Test func raisesAlarmsForRunsThatAGuardStopped() async throws {
        try await Self.with { api, _, viewer in
            try await eventually("a snapshot") { !viewer.texts.isEmpty }
            #expect(!viewer.texts.contains { $0.contains("run_stopped") })
            try await api.pool.execute(
                """
                WITH run AS (UPDATE campaign_runs SET status = 'paused', "statusReason" = 'too many fail' RETURNING *)
                INSERT INTO run_actions ("runId", "tenantId", action, who, reason)
                SELECT id, "tenantId", 'pause', 'guard:share', 'too many fail' FROM run
                """
            )
            try await api.pool.execute(
                "INSERT INTO daemon_heartbeats (id, version, lanes) VALUES (gen_random_uuid(), '1.4.0', '[]')"
            )
            try await eventually("the alarm") { viewer.texts.contains { $0.contains(#""code":"run_stopped:spring""#) } }
            try await api.pool.execute("UPDATE campaign_runs SET held = 2")
            try await eventually("another") { viewer.texts.contains { $0.contains(#""code":"messages_held:spring""#) } }
            try await api.pool.execute("UPDATE campaign_runs SET unconfirmed = 101")
            try await eventually("a third") { viewer.texts.contains { $0.contains(#""code":"answers_lost""#) } }
            try await api.pool.execute(
                """
                INSERT INTO run_minutes ("runId", minute, accepted, revoked, delivered, read, failed, retried)
                SELECT id, date_trunc('minute', now()) - interval '3 minutes', 90, 0, 0, 0, 10, 0 FROM campaign_runs
                """
            )
            try await eventually("failures") { viewer.texts.contains { $0.contains(#""code":"failures""#) } }
            #expect(viewer.texts.contains { $0.contains(/"minutes":\[(0,)+90(,0)+\]/) })
            try await api.pool.execute(
                """
                INSERT INTO sender_throttles ("senderId", minute, "tenantId", count, until)
                SELECT id, date_trunc('minute', now()), "tenantId", 4, now() FROM senders
                """
            )
            try await eventually("rate limits") { viewer.texts.contains { $0.contains(#""code":"rate_limits:main""#) } }
            try await api.pool.execute(
                """
                INSERT INTO daemon_heartbeats (id, version, lanes, "lastSeen", "stoppedAt")
                VALUES ('8d6f1a52-1b3c-4a57-9d3c-0c6a3a1a2b4c', '1', '[]', now() - interval '5 minutes', NULL),
                    ('9d6f1a52-1b3c-4a57-9d3c-0c6a3a1a2b4c', '1', '[]', now() - interval '5 minutes', now())
                """
            )
            try await eventually("a daemon is gone") {
                viewer.texts.contains { $0.contains(#""code":"daemon_gone:8d6f1a52-1b3c-4a57-9d3c-0c6a3a1a2b4c""#) }
            }
            #expect(!viewer.texts.contains { $0.contains("daemon_gone:9d6f1a52") }, "it was stopped")
        }
    }

    @Test func readsForAllViewersAtOnceAndWithoutViewersNothing() async throws {
        func counting(_ reads: Counter) -> LiveLanes {
            LiveLanes(
                read: { _, _ in
                    reads.add()
                    return [:]
                },
                circuit: { "closed" }
            )
        }
        let (watched, unwatched) = (Counter(), Counter())
        try await APIFixture.with { api in
            let feed = LiveFeed(pool: api.pool, lanes: counting(watched), logger: TestDatabase.logger)
            let idle = LiveFeed(pool: api.pool, lanes: counting(unwatched), logger: TestDatabase.logger)
            try await withThrowingTaskGroup { group in
                for feed in [feed, idle] { group.addTask { await feed.run() } }
                let start = ContinuousClock.now
                var seats: [LiveFeed.Seat] = []
                for _ in 1...20 { seats.append(try feed.seat(tenant: "acme", expiresAt: .distantFuture) {}) }
                #expect(feed.streams == 20)
                try await eventually("some readings") { watched.count >= 3 }
                let most = Int((ContinuousClock.now - start) / .milliseconds(250)) + 2
                #expect(watched.count <= most, "one reader for all viewers")
                #expect(unwatched.count == 0)
                seats = []
                #expect(feed.streams == 0)
                group.cancelAll()
                try await group.waitForAll()
            }
        }
    }

    private final class Counter: Sendable {
        private let number = Mutex(0)

        var count: Int { number.withLock { $0 } }
        func add() { number.withLock { $0 += 1 } }
    }
}
