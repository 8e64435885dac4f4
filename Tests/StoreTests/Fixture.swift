import Foundation
import Logging
import Postgres
import Spec
import TestSupport
import Testing

@testable import Store

/// A migrated database with the rows of one test.
struct Fixture {
    static let now = Date(timeIntervalSince1970: 1_780_000_000)

    let pool: PostgresPool

    static func with<Value>(connections: Int = 6, _ body: (Fixture) async throws -> Value) async throws -> Value {
        try await TestDatabase.with(template: .migrated, connections: connections) { pool in
            try await body(Fixture(pool: pool))
        }
    }

    /// A sender, and a draft campaign to all contacts.
    @discardableResult
    func addCampaign(
        _ name: String = "promo",
        tenant: String = "acme",
        type: String = "manual",
        rate: Int = 80,
        message: String = #"{"type":"template"}"#,
        filter: String = #"{"logic":"AND","conditions":[]}"#
    ) async throws -> UUID {
        let sender = try await pool.query(
            """
            INSERT INTO senders ("tenantId", name, "phoneNumberId", "accessToken", "ratePerSecond", "quotaGroup")
            VALUES (\(tenant), \("sender-" + name), '1', 'env:TOKEN', \(rate), \("group-" + name)) RETURNING id
            """
        )
        let rows = try await pool.query(
            """
            INSERT INTO campaigns ("tenantId", name, type, "senderId", "messageTemplate", "audienceFilter")
            VALUES (\(tenant), \(name), \(type), \(try sender[0].decode(0, as: UUID.self)),
                \(PostgresJSON(text: message)), \(PostgresJSON(text: filter)))
            RETURNING id
            """
        )
        return try rows[0].decode(0)
    }

    /// Contacts with the numbers 254700000001 and so on.
    func addContacts(_ count: Int, inWindow: Int = 0, tenant: String = "acme", at now: Date = Fixture.now) async throws
    {
        try await pool.execute(
            """
            INSERT INTO contacts ("tenantId", "contactId", name, "lastSeen")
            SELECT \(tenant), (254700000000 + n)::text, 'Contact ' || n,
                CASE WHEN n <= \(inWindow) THEN \(now)::timestamptz - interval '1 hour'
                    WHEN n % 2 = 0 THEN \(now)::timestamptz - interval '3 days' END
            FROM generate_series(1, \(count)) n
            """,
            deadline: .seconds(60)
        )
    }

    /// A run of a campaign, with all its messages written.
    func launch(_ name: String = "promo", tenant: String = "acme", at now: Date = Fixture.now) async throws -> UUID {
        let launches = LaunchRepository(pool: pool)
        guard case .opened(var run) = try await launches.open(campaign: name, tenant: tenant, now: now) else {
            throw NotInTime(description: "the campaign was launched before")
        }
        while run.status == .launching { run = try await launches.writeBatch(of: run.id, size: 1000).run }
        return run.id
    }

    /// A run with all messages queued.
    func queuedRun(contacts: Int, inWindow: Int? = nil, message: String = #"{"type":"template"}"#) async throws -> UUID
    {
        try await addCampaign(message: message)
        try await addContacts(contacts, inWindow: inWindow ?? contacts, at: Date())
        let run = try await launch(at: Date())
        try await pool.execute("UPDATE campaign_chunks SET \"notBefore\" = now() - interval '1 second'")
        let chunks = ChunkRepository(pool: pool)
        while let claim = try await chunks.claim(run: run, limit: 100) { try await chunks.finish(claim) }
        return run
    }

    func ids(of run: UUID) async throws -> [UUID] {
        let rows = try await pool.query("SELECT id FROM campaign_messages WHERE \"runId\" = \(run) ORDER BY position")
        return try rows.map { try $0.decode(0, as: UUID.self) }
    }

    func status(of message: UUID) async throws -> MessageStatus {
        try await value("SELECT status FROM campaign_messages WHERE id = \(message)")
    }

    func value<Value: PostgresDecodable>(_ query: PostgresQuery, as: Value.Type = Value.self) async throws -> Value {
        try await pool.query(query)[0].decode(0)
    }

    func column<Value: PostgresDecodable>(_ query: PostgresQuery, as: Value.Type = Value.self) async throws -> [Value] {
        try await pool.query(query).map { try $0.decode(0, as: Value.self) }
    }

    /// Number of table rows that were read since the database was created, as Postgres counts them.
    ///
    /// The pool must have one connection, as each flushes its own counts.
    func rowsRead(of tables: [String]) async throws -> Int {
        _ = try await pool.query("SELECT pg_stat_force_next_flush()")
        return try await value(
            """
            SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint FROM pg_stat_user_tables
            WHERE relname = ANY(\(tables)::text[])
            """
        )
    }

    /// The sums of the minutes of a run: accepted, revoked, delivered, read, failed and retried.
    func minutes(of run: UUID) async throws -> [Int] {
        let names = ["accepted", "revoked", "delivered", "read", "failed", "retried"]
        let sums = names.map { "coalesce(sum(\(identifier: $0)), 0)::bigint" as PostgresQuery }
        let row = try await pool.query(
            "SELECT \(fragment: .joined(sums, separator: ", ")) FROM run_minutes WHERE \"runId\" = \(run)"
        )[0]
        return try names.indices.map { try row.decode($0) }
    }

    /// Expects that the minutes of a run add up to its counters.
    func expectMinutesEqualCounters(_ run: UUID, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let counters = try await counters(of: run).counted
        let minutes = try await minutes(of: run)
        let expected = [
            counters.accepted, counters[.delivered] + counters[.read], counters[.read], counters[.failed],
        ]
        #expect([minutes[0] - minutes[1]] + minutes[2...4] == expected, sourceLocation: sourceLocation)
    }

    /// The counters of a run, and the counts of its rows.
    func counters(of run: UUID) async throws -> (counted: RunCounters, rows: RunCounters) {
        guard let record = try await RunRepository(pool: pool).find(run) else {
            throw NotInTime(description: "no run \(run)")
        }
        var rows = RunCounters(Dictionary(uniqueKeysWithValues: MessageStatus.allCases.map { ($0, 0) }))
        let counts = try await pool.query(
            """
            SELECT status, count(*), count(*) FILTER (WHERE "isCapped") FROM campaign_messages WHERE "runId" = \(run) GROUP BY 1
            """
        )
        for row in counts {
            rows[try row.decode(0, as: MessageStatus.self)] = try row.decode(1)
            rows.capped += try row.decode(2, as: Int.self)
        }
        return (record.counters, rows)
    }
}

extension MessageRepository {
    /// Claims the messages of one reservation.
    func begin(_ ids: [UUID], charged: Set<UUID>? = nil, lease: Int64) async throws(PostgresError) -> [ClaimedMessage] {
        try await begin([SendClaim(ids, charged: charged, lease: lease)])
    }
}

extension MessageRepository {
    /// Applies reports, and returns those whose message is unknown.
    func apply(_ statuses: [DeliveryStatus]) async throws -> [DeliveryStatus] {
        try await report(statuses).unknown
    }

    /// Applies parked reports, and returns their number.
    @discardableResult
    func applyParked() async throws -> Int {
        try await reportParked { MessageOutcome.Failure(code: $0, message: $1) }.parked
    }
}
