public import Foundation
import Postgres

extension MessageRepository {
    /// Has messages fed for whose contacts quiet hours are over.
    ///
    /// Any number of daemons may do it at once. A message that waits no more, because it was cancelled meanwhile, is left as it
    /// is: feeding takes pending messages whose time has come.
    ///
    /// - Parameter limit: The maximum number of alarms.
    /// - Returns: The runs with such messages, each with the number of these.
    /// - Throws: `PostgresError`.
    public func feedQuiet(limit: Int = 5_000) async throws -> [UUID: Int] {
        let rows = try await pool.query(
            """
            SELECT q."messageId", q."runId" FROM quiet_messages q WHERE q."dueAt" <= now() ORDER BY q."dueAt" LIMIT \(limit)
            """
        )
        var due: [UUID: [UUID]] = [:]
        for row in rows { due[try row.decode(1), default: []].append(try row.decode(0)) }
        var fed: [UUID: Int] = [:]
        for (run, messages) in due.sorted(by: { $0.key.uuidString < $1.key.uuidString }) {
            fed[run] = try await pool.transaction(deadline: .seconds(120)) { connection in
                try await Self.feedQuiet(messages, of: run, on: connection)
            }
        }
        return fed.filter { $0.value > 0 }
    }

    /// Has the chunks of messages fed again, and ends the alarms of these.
    ///
    /// - Returns: The number of alarms.
    private static func feedQuiet(
        _ messages: [UUID],
        of run: UUID,
        on connection: PostgresConnection
    ) async throws -> Int {
        // The position of a message is part of its id. Chunks are locked before all else, in order.
        let rows = try await connection.query(
            """
            WITH due AS MATERIALIZED (
                SELECT m.position, m."tenantId" FROM unnest(\(messages)::uuid[]) AS q(id)
                JOIN campaign_messages m ON \(key: "m.id", of: "q.id")
                WHERE m.status = \(message: .pending)
            ), fed AS MATERIALIZED (
                SELECT k."startPosition" FROM (
                    SELECT DISTINCT \(run)::uuid AS run, \(fragment: chunk(of: "due.position", in: run)) AS start FROM due
                ) again
                JOIN campaign_chunks k
                    ON \(key: #"k."runId""#, of: "again.run") AND k."startPosition" = again.start
                ORDER BY again.start FOR NO KEY UPDATE OF k
            )
            SELECT position, "tenantId" FROM due WHERE (SELECT count(*) FROM fed) >= 0
            """,
            deadline: .seconds(120)
        )
        if let first = rows.first {
            let positions = try rows.map { try $0.decode(0, as: Int.self) }
            try await feedAgain(positions, of: run, tenant: try first.decode(1), on: connection)
        }
        let ended = try await connection.query(
            """
            DELETE FROM quiet_messages WHERE "messageId" = ANY(\(messages)::uuid[]) AND "dueAt" <= now() RETURNING 1
            """
        )
        return ended.count
    }
}
