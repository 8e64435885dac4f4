import Postgres

/// The rule of a campaign, or else of its tenant, for messages that WhatsApp does not deliver because the person got too many
/// (`onUserCap`): the parts of statements that make such a message wait.
///
/// A message that waits is `pending` with `"isCapped"`. It is fed when ``MessageRepository/feedCapped(limit:)`` finds it
/// due, and not with its chunk.
enum UserCapRule {
    /// Returns the rule of a run.
    private static func rule(of run: PostgresQuery) -> PostgresQuery {
        """
        SELECT coalesce(v.content -> 'onUserCap', t."onUserCap") FROM campaign_revisions v
        LEFT JOIN LATERAL (
            SELECT * FROM tenants WHERE "tenantId" = \(fragment: run)."tenantId" AND "archivedAt" IS NULL OFFSET 0
        ) t ON true
        WHERE v.id = \(fragment: run)."revisionId"
        """
    }

    /// True if the run `r` tries capped messages again.
    static let retries: PostgresQuery = "coalesce((\(fragment: rule(of: "r"))) ->> 'action' = 'retry', false)"

    /// Joins `cap` to a message `m`: `cap.every` is the time until its next attempt, or NULL if it does not wait.
    ///
    /// It waits if its run is not over and the time since its first refusal is not up.
    ///
    /// The statement must ask ``waits(if:)``, because a row that was locked by another transaction may have changed since
    /// the join.
    ///
    /// - Parameter condition: True if the statement tells of a refusal for the cap.
    /// - Returns: The join.
    static func waiting(if condition: PostgresQuery) -> PostgresQuery {
        """
        LEFT JOIN LATERAL (
            SELECT (x.rule ->> 'every')::interval AS every FROM (
                SELECT (\(fragment: rule(of: "\"cappedRun\""))) AS rule
                FROM (SELECT * FROM campaign_runs WHERE id = m."runId" OFFSET 0) "cappedRun"
                WHERE \(fragment: condition) AND "cappedRun".status IN \(anyOf: RunStatus.open) OFFSET 0
            ) x
            WHERE x.rule ->> 'action' = 'retry'
                AND (m."cappedSince" IS NULL OR m."cappedSince" + (x.rule ->> 'until')::interval > now())
        ) cap ON true
        """
    }

    /// Returns the condition for a message `m` that waits from now on, for statements with the join of ``waiting(if:)``.
    static func waits(if condition: PostgresQuery) -> PostgresQuery {
        "(cap.every IS NOT NULL AND \(fragment: condition))"
    }

    /// The time until the next attempt, in seconds.
    static let delay: PostgresQuery = "extract(epoch FROM cap.every)::float8"

    /// Assignments to a message `m` from `changed`, whose column `waits` is true if the message waits from now on.
    static let assignments: PostgresQuery = """
        "isCapped" = changed."isCapped",
        "cappedSince" = CASE WHEN changed.waits THEN coalesce(m."cappedSince", now()) ELSE m."cappedSince" END,
        "cappedAt" = CASE WHEN changed.waits THEN now() ELSE m."cappedAt" END
        """

    /// The expression that sets the alarms of the messages in `changed`; `delay` is in seconds.
    static let alarm: PostgresQuery = """
        alarmed AS (
            INSERT INTO capped_messages AS k ("messageId", "runId", "dueAt")
            SELECT id, "runId", now() + delay * interval '1 second' FROM changed WHERE waits
            ON CONFLICT ("messageId") DO UPDATE SET "dueAt" = excluded."dueAt"
        )
        """
}
