public import Foundation
public import Postgres

extension MessageRepository {
    /// So many daemons may die of one message before it is parked.
    public static let deadliest = 3

    /// Decides about messages whose lease did not come back.
    ///
    /// A message whose request may have been written becomes `unconfirmed`: sending it again could be the second time.
    /// One that was only reserved goes back to the line. A crash is never an attempt; but a message of whose preparation
    /// ``deadliest`` daemons died is parked as `failed` with the code `poison`, or it would go on killing them.
    ///
    /// - Returns: For each lease what its lane should do with the id.
    public func settle(_ leases: [ExpiredLease]) async throws(PostgresError) -> [UUID: LeaseVerdict] {
        guard !leases.isEmpty else { return [:] }
        let rows = try await pool.query(
            """
            WITH changed AS MATERIALIZED (
                SELECT m.id, m."runId", m.status AS old, m."nextAttemptAt",
                    m."isBusinessInitiated" AND m.status = 'sending' AND m.holder = l.lease AND l.written AS charged,
                    m.status = 'sending' AND m.holder = l.lease AND NOT l.written AND l.preparing AS died,
                    CASE
                        WHEN m.status <> 'sending' OR m.holder <> l.lease THEN m.status
                        WHEN l.written THEN 'unconfirmed'
                        WHEN l.preparing AND m.crashes + 1 >= \(Self.deadliest) THEN 'failed'
                        ELSE 'queued'
                    END AS new
                FROM unnest(
                    \(leases.map(\.messageID))::uuid[],
                    \(leases.map(\.mayBeWritten))::bool[],
                    \(leases.map(\.lease))::bigint[],
                    \(leases.map(\.wasBeingPrepared))::bool[]
                ) AS l(id, written, lease, preparing)
                JOIN campaign_messages m ON m.id = l.id
                ORDER BY m.id
                FOR NO KEY UPDATE OF m
            ), written AS (
                UPDATE campaign_messages m SET
                    status = changed.new,
                    crashes = m.crashes + CASE WHEN changed.died THEN 1 ELSE 0 END,
                    "failedAt" = CASE WHEN changed.new = 'failed' THEN now() ELSE m."failedAt" END,
                    "unconfirmedAt" = CASE WHEN changed.new = 'unconfirmed' THEN now() ELSE m."unconfirmedAt" END,
                    "errorCode" = CASE changed.new
                        WHEN 'unconfirmed' THEN 'answer_lost' WHEN 'failed' THEN 'poison' ELSE m."errorCode"
                    END,
                    "errorMessage" = CASE changed.new
                        WHEN 'unconfirmed' THEN 'the daemon died after the request may have been written'
                        WHEN 'failed' THEN
                            'daemons died each time they prepared this message; it is not tried again: look at the '
                            || 'contact''s data and the template, and at the end of their logs'
                        ELSE m."errorMessage"
                    END
                FROM changed WHERE m.id = changed.id AND changed.old <> changed.new
            ), \(fragment: QuotaRepository.counted), \(fragment: RunCounters.counted)
            SELECT id, new, coalesce(extract(epoch FROM "nextAttemptAt" - now())::float8, 0) FROM changed
            """
        )
        var verdicts = Dictionary(leases.map { ($0.messageID, LeaseVerdict.forget) }) { first, _ in first }
        for row in rows {
            let id = try row.decode(0, as: UUID.self)
            switch try row.decode(1, as: MessageStatus.self) {
            case .queued: verdicts[id] = .requeue(after: .seconds(max(0, try row.decode(2, as: Double.self))))
            case .pending, .cancelled, .failed: verdicts[id] = .discard
            case .sending, .sent, .delivered, .read, .unconfirmed: break
            }
        }
        return verdicts
    }

    /// Those of the messages that are parked because daemons died of them.
    public func poisoned(among ids: [UUID]) async throws(PostgresError) -> [UUID] {
        guard !ids.isEmpty else { return [] }
        let rows = try await pool.query(
            """
            SELECT id FROM campaign_messages
            WHERE id = ANY(\(ids)::uuid[]) AND status = 'failed' AND "errorCode" = 'poison' ORDER BY id
            """
        )
        var poisoned: [UUID] = []
        for row in rows { poisoned.append(try row.decode(0)) }
        return poisoned
    }
}
