import Postgres

/// The statement that records what was said about consent: in the suppressions, in the history, and on the contacts.
///
/// It may be repeated, and statements may come in any order, because times only move forward. Rows are locked in one order
/// everywhere: suppressions by their key, then contacts by their id.
enum ConsentWriting {
    /// Returns the common table expressions that record statements, to be followed by ``contacts(mergedLater:)``.
    ///
    /// - Parameter heard: Selects the statements, one row for each id: `tenant`, `key` (a `contact_key`), `level`, `opted`,
    ///   `source`, `actor`, `reason` and `at`.
    /// - Returns: The expressions without `WITH`.
    static func expressions(heard: PostgresQuery) -> PostgresQuery {
        """
        heard AS MATERIALIZED (\(fragment: heard)), said AS MATERIALIZED (
            -- Consent to all messages is consent to marketing messages, too.
            SELECT tenant, key, max(at) FILTER (WHERE NOT opted AND level = 'all') AS "outAt",
                max(at) FILTER (WHERE opted AND level = 'all') AS "inAt",
                max(at) FILTER (WHERE NOT opted AND level = 'marketing') AS "marketingOutAt",
                max(at) FILTER (WHERE opted) AS "marketingInAt"
            FROM heard GROUP BY tenant, key
        ), known AS MATERIALIZED (
            SELECT DISTINCT s.tenant, s.key, c.id,
                -- A consent that was stored with its time before the person ever opted out. A time in the future is wrong.
                CASE WHEN c."optedIn" AND c."suppressedLevel" IS NULL AND c."optedInAt" <= statement_timestamp()
                    THEN c."optedInAt" END AS "agreedAt"
            FROM said s
            CROSS JOIN LATERAL (
                SELECT c.id FROM (\(fragment: ContactLookup.byContactID("s.key", of: "s.tenant", at: lastSaid))) c
                UNION ALL
                SELECT k."contactId" FROM (\(fragment: ContactLookup.byLearnedID("s.key", of: "s.tenant"))) k
            ) n
            JOIN contacts c ON \(key: "c.id", of: "n.id")
        ), kept AS (
            INSERT INTO suppressions AS s (
                "tenantId", key, "optedOutAt", "optedInAt", "marketingOutAt", "marketingInAt"
            )
            SELECT s.tenant, s.key, s."outAt", greatest(s."inAt", k."agreedAt"), s."marketingOutAt",
                greatest(s."marketingInAt", k."agreedAt")
            FROM said s
            LEFT JOIN (SELECT tenant, key, max("agreedAt") AS "agreedAt" FROM known GROUP BY tenant, key) k
                ON k.tenant = s.tenant AND k.key = s.key
            ORDER BY s.tenant, s.key
            ON CONFLICT ("tenantId", key) DO UPDATE SET
                "optedOutAt" = greatest(s."optedOutAt", excluded."optedOutAt"),
                "optedInAt" = greatest(s."optedInAt", excluded."optedInAt"),
                "marketingOutAt" = greatest(s."marketingOutAt", excluded."marketingOutAt"),
                "marketingInAt" = greatest(s."marketingInAt", excluded."marketingInAt"),
                "updatedAt" = now()
            RETURNING s."tenantId", s.key, s.level
        ), history AS (
            INSERT INTO consent_changes ("tenantId", key, level, "isOptedIn", source, actor, reason, at)
            SELECT tenant, key, level, opted, source, actor, reason, at FROM heard
            ON CONFLICT ("tenantId", key, at, level, "isOptedIn", source) DO NOTHING
        ), locked AS MATERIALIZED (
            SELECT n.* FROM (
                -- 'all' comes before 'marketing'.
                SELECT k.id, min(p.level) AS level, max(s."inAt") AS "inAt", max(s."outAt") AS "outAt"
                FROM known k
                JOIN kept p ON p."tenantId" = k.tenant AND p.key = k.key
                JOIN said s ON s.tenant = k.tenant AND s.key = k.key
                GROUP BY k.id
            ) n JOIN contacts c ON \(key: "c.id", of: "n.id")
            ORDER BY n.id FOR NO KEY UPDATE OF c
        )
        """
    }

    /// The time of the last statement of `said AS s`.
    private static let lastSaid: PostgresQuery = """
        greatest(s."outAt", s."inAt", s."marketingOutAt", s."marketingInAt")
        """

    /// Returns the main statement, which writes the contacts.
    ///
    /// - Parameter mergedLater: The condition for contacts, as `c`, whose `optedIn` the caller writes itself.
    /// - Returns: The statement.
    static func contacts(mergedLater: PostgresQuery = "false") -> PostgresQuery {
        """
        UPDATE contacts c SET
            "suppressedLevel" = l.level,
            "optedIn" = CASE
                WHEN \(fragment: mergedLater) THEN c."optedIn"
                WHEN l.level = 'all' THEN false
                WHEN l."inAt" > coalesce(c."optedOutAt", '-infinity') THEN true
                ELSE c."optedIn"
            END,
            "optedInAt" = greatest(c."optedInAt", l."inAt"), "optedOutAt" = greatest(c."optedOutAt", l."outAt"),
            "updatedAt" = now()
        FROM locked l WHERE \(key: "c.id", of: "l.id")
        """
    }
}
