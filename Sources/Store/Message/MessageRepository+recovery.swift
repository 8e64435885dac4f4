public import Foundation
public import Postgres

extension MessageRepository {
    /// Decides about messages whose holder did not come back.
    ///
    /// A message whose request may have been written becomes `unconfirmed`: sending it again could be the second time.
    /// One that was only reserved goes back to the line. A crash is never an attempt.
    ///
    /// - Returns: For each lease what its lane should do with the id.
    public func settle(_ leases: [ExpiredLease]) async throws(PostgresError) -> [UUID: LeaseVerdict] {
        guard !leases.isEmpty else { return [:] }
        let rows = try await pool.query(
            """
            WITH changed AS MATERIALIZED (
                SELECT m.id, m."runId", m.status AS old, m."nextAttemptAt",
                    m."isBusinessInitiated" AND m.status = 'sending' AND m.holder = l.holder AND l.written AS charged,
                    CASE
                        WHEN m.status <> 'sending' OR m.holder <> l.holder THEN m.status
                        WHEN l.written THEN 'unconfirmed'
                        ELSE 'queued'
                    END AS new
                FROM unnest(
                    \(leases.map(\.messageID))::uuid[],
                    \(leases.map(\.mayBeWritten))::bool[],
                    \(leases.map(\.holder))::bigint[]
                ) AS l(id, written, holder)
                JOIN campaign_messages m ON m.id = l.id
                ORDER BY m.id
                FOR NO KEY UPDATE OF m
            ), written AS (
                UPDATE campaign_messages m SET
                    status = changed.new,
                    "unconfirmedAt" = CASE WHEN changed.new = 'unconfirmed' THEN now() ELSE m."unconfirmedAt" END,
                    "errorCode" = CASE WHEN changed.new = 'unconfirmed' THEN 'answer_lost' ELSE m."errorCode" END,
                    "errorMessage" = CASE
                        WHEN changed.new = 'unconfirmed' THEN 'the daemon died after the request may have been written'
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
}
