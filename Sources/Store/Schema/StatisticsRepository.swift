public import Postgres

/// The statistics by which Postgres chooses plans, kept up to date without waiting for autovacuum.
///
/// Autovacuum comes a minute late at best, and not at all where it is off or behind; a restored or upgraded database has
/// no statistics. ANALYZE also makes all connections forget their plans of the table.
public struct StatisticsRepository: Sendable {
    /// A table that grows with the work of daemons.
    public enum Table: String, CaseIterable, Sendable {
        case contacts, campaigns
        case contactIDs = "contact_ids"
        case windows = "contact_windows"
        case messages = "campaign_messages"
        case chunks = "campaign_chunks"
        case runs = "campaign_runs"
        case revisions = "campaign_revisions"
        case schedules = "campaign_schedules"
        case triggers = "campaign_triggers"
        case events = "trigger_events"
        case failures = "message_failures"
        case statuses = "webhook_inbox"
        case inbound = "inbound_messages"
        case responses = "run_responses"
        case occurrences = "schedule_occurrences"
        case holds = "wallet_holds"
        case entries = "wallet_entries"
        case capped = "capped_messages"
        case notifications
        case suppressions
        case consents = "consent_changes"
        case forwards = "webhook_forwards"
    }

    /// A table is analyzed if more than this share of it is new.
    private static let share = 0.1

    let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Analyzes the tables that have rows but no statistics, or have grown or changed more than twofold since.
    ///
    /// Several processes may call it at once. It never waits for a lock, and leaves out tables that belong to a role
    /// which this one is not a member of.
    ///
    /// - Returns: The tables analyzed, or tried.
    /// - Throws: `PostgresError`.
    @discardableResult
    public func refreshOutdated() async throws(PostgresError) -> [Table] {
        let rows = try await pool.query(
            """
            SELECT c.relname::text FROM unnest(\(Table.allCases.map(\.rawValue))::text[]) AS t(name)
            JOIN pg_class c ON c.oid = to_regclass(quote_ident(t.name))
            WHERE pg_has_role(c.relowner, 'USAGE') AND (
                pg_relation_size(c.oid) / current_setting('block_size')::integer > 8 + 2 * c.relpages
                OR pg_stat_get_mod_since_analyze(c.oid) > 1000 + 2 * greatest(c.reltuples, 0)
            )
            ORDER BY c.relname
            """
        )
        var tables: [Table] = []
        for row in rows {
            guard let table = Table(rawValue: try row.decode(0)) else { continue }
            try await analyze(table)
            tables.append(table)
        }
        return tables
    }

    /// Analyzes tables after rows were added or changed, if these are at least a tenth of the table as it was known.
    ///
    /// - Parameters:
    ///   - tables: The tables.
    ///   - rows: The number of rows that were added or changed in each.
    /// - Throws: `PostgresError`.
    public func refresh(_ tables: [Table], after rows: Int) async throws(PostgresError) {
        guard rows > 0 else { return }
        for table in tables {
            let known = try await pool.query(
                """
                SELECT reltuples::float8 FROM pg_class
                WHERE oid = to_regclass(quote_ident(\(table.rawValue))) AND pg_has_role(relowner, 'USAGE')
                """
            )
            guard let known = try known.first?.decode(0, as: Double.self) else { continue }
            if Double(rows) >= max(known, 0) * Self.share { try await analyze(table) }
        }
    }

    /// Takes a sample of 30,000 rows at most, in a statement of its own that blocks neither reads nor writes.
    private func analyze(_ table: Table) async throws(PostgresError) {
        try await pool.execute("ANALYZE (SKIP_LOCKED) \(identifier: table.rawValue)", deadline: .seconds(120))
    }
}
