import Postgres
import Spec

/// Records what the staged rows of an import say about consent, before the rows are merged.
///
/// `optedIn=false` always opts out. `optedIn=true` undoes an opt-out only if the row names a later time, or if the person who
/// imports says so; otherwise the contact stays opted out, and is counted.
struct ContactConsents: Sendable {
    let rows: ContactRows
    let tenant: String
    /// True if rows without a time undo opt-outs.
    let allowsOptIn: Bool
    /// The person who imports.
    let actor: RunActor
    var source = ConsentSource.import
    /// The reason for opting in people who had opted out.
    var reason: String?

    /// Returns the time at which the contact of a row `i` agreed; a time in the future counts as the present.
    static func optedInAt(_ columns: [ContactColumn]) -> PostgresQuery {
        columns.contains(.optedInAt)
            ? "CASE WHEN i.\"optedInAt\" > now() THEN now() ELSE i.\"optedInAt\" END" : "NULL::timestamptz"
    }

    /// True for a contact `c` whose row is merged next: so it counts as updated if its consent changes.
    private static let isInBatch: PostgresQuery = "c.\"contactId\" IN (SELECT b.\"contactId\" FROM batch b)"

    /// Records the consent of the rows with these numbers; harmless to repeat.
    ///
    /// - Returns: The contacts who stay opted out although their row opts them in, of all messages and of marketing, and
    ///   those whom it has opted in again.
    func run(_ numbers: Range<Int>, on connection: PostgresConnection) async throws -> ContactImportResult.Consent {
        let columns = rows.columns
        let optedIn: PostgresQuery = columns.contains(.optedIn) ? "i.\"optedIn\"" : "NULL::boolean"
        let optedInAt = Self.optedInAt(columns)
        let heard: PostgresQuery = """
            SELECT DISTINCT \(tenant)::text AS tenant, key, 'all' AS level, "isOptedIn" AS opted,
                \(source.rawValue)::text AS source, \(actor.description)::text AS actor, \(reason)::text AS reason, at
            FROM decided WHERE "isOptedIn" IS NOT NULL
            """
        let counts = try await connection.query(
            """
            WITH batch AS MATERIALIZED (
                SELECT i."contactId", contact_key(i."contactId") AS key, \(fragment: optedIn) AS opted,
                    \(fragment: optedInAt) AS at
                FROM (\(fragment: rows.selection(numbers))) i
            ), decided AS MATERIALIZED (
                SELECT b.key, s.level,
                    CASE
                        WHEN NOT b.opted THEN false
                        WHEN b.opted AND \(allowsOptIn) THEN true
                        WHEN b.at > s.said THEN true
                    END AS "isOptedIn",
                    CASE WHEN NOT b.opted OR (b.opted AND \(allowsOptIn)) THEN now() ELSE b.at END AS at
                FROM batch b
                LEFT JOIN LATERAL (
                    SELECT s.level, greatest(s."optedOutAt", s."marketingOutAt") AS said FROM suppressions s
                    WHERE s."tenantId" = \(tenant) AND \(only: "s.key", is: "b.key")
                ) s ON true
                LEFT JOIN LATERAL (
                    SELECT c.id FROM contacts c
                    WHERE s.level IS NOT NULL AND b.opted IS NULL AND c."tenantId" = \(tenant)
                        AND \(only: #"c."contactId""#, is: #"b."contactId""#)
                ) c ON true
                WHERE (NOT b.opted AND s.level IS DISTINCT FROM 'all')
                    -- An empty cell opts in a new contact only.
                    OR (s.level IS NOT NULL AND coalesce(b.opted, c.id IS NULL))
            ), \(fragment: ConsentWriting.expressions(heard: heard)),
            written AS (\(fragment: ConsentWriting.contacts(mergedLater: Self.isInBatch)))
            SELECT count(*) FILTER (WHERE "isOptedIn" IS NULL AND level = 'all'),
                count(*) FILTER (WHERE "isOptedIn" IS NULL AND level = 'marketing'), count(*) FILTER (WHERE "isOptedIn")
            FROM decided
            """,
            deadline: .seconds(300)
        )
        return ContactImportResult.Consent(
            optedOut: try counts[0].decode(0),
            marketingStopped: try counts[0].decode(1),
            optedIn: try counts[0].decode(2)
        )
    }
}
