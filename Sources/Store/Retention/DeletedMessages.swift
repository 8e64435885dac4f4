import Foundation
import Postgres

/// The counts of messages that retention has deleted, for reports that would otherwise count rows.
enum DeletedMessages {
    /// Returns the expression for the number of deleted messages of a run that had one of some states.
    ///
    /// - Parameters:
    ///   - run: The expression for the id of the run.
    ///   - statuses: The states of the messages.
    /// - Returns: A scalar subquery; 0 if there are none.
    static func count(of run: PostgresQuery, _ statuses: [MessageStatus]) -> PostgresQuery {
        """
        (
            SELECT coalesce(sum(d.count), 0)::bigint FROM deleted_messages d
            WHERE \(key: #"d."runId""#, of: run) AND d.status IN \(anyOf: statuses)
        )
        """
    }

    /// Returns the number of deleted messages that could have been repeated otherwise: failed or unconfirmed ones that no
    /// later run repeats.
    static func count(in runs: [UUID], on connection: PostgresConnection) async throws(PostgresError) -> Int {
        let rows = try await connection.query(
            """
            SELECT coalesce(sum(count), 0)::bigint FROM deleted_messages
            WHERE "runId" = ANY(\(runs)::uuid[]) AND status IN \(anyOf: [MessageStatus.failed, .unconfirmed])
                AND NOT "isRetried"
            """
        )
        return try rows[0].decode(0)
    }

    /// The text of an error as it is kept: without numbers that could be those of people, and short enough for a key.
    static let keptText: PostgresQuery = """
        left(regexp_replace(coalesce(g."errorMessage", ''), '[0-9]{7,}', '…', 'g'), 300)
        """

    /// Returns the expressions that count the deleted messages of a run, from an expression `gone` with their rows, as `g`.
    ///
    /// The first 200 texts of a run are kept; later ones count under their code alone.
    static func counted(of run: UUID) -> PostgresQuery {
        """
        known AS MATERIALIZED (
            SELECT count(*) >= 200 AS "isFull" FROM deleted_messages d WHERE d."runId" = \(run)
        ), kept AS (
            INSERT INTO deleted_messages AS d ("runId", "tenantId", status, "errorCode", "errorMessage", "isRetried", count)
            SELECT \(run)::uuid, n."tenantId", n.status, n.code, n.text, n."isRetried", count(*) FROM (
                SELECT g."tenantId", g.status, g."retriedBy" IS NOT NULL AS "isRetried", e.told,
                    CASE WHEN e.told THEN coalesce(g."errorCode", '') ELSE '' END AS code,
                    CASE WHEN e.told AND NOT k."isFull" THEN \(fragment: keptText) ELSE '' END AS text
                FROM gone g CROSS JOIN known k CROSS JOIN LATERAL (
                    SELECT g.status IN \(anyOf: [MessageStatus.failed, .unconfirmed, .cancelled]) AS told
                ) e
            ) n
            GROUP BY 2, 3, 4, 5, 6 ORDER BY 2, 3, 4, 5, 6
            ON CONFLICT ("runId", status, "errorCode", "errorMessage", "isRetried")
                DO UPDATE SET count = d.count + excluded.count
        )
        """
    }
}
