public import Foundation
public import JSON
public import Postgres
public import Spec

/// The history of applied plans, with time, actor and commit.
public struct HistoryRepository: Sendable {
    /// One application of a plan.
    public struct Entry: Sendable {
        public let digest: String
        public let actor: String
        public let gitCommit: String?
        public let creates: Int
        public let updates: Int
        public let deletes: Int
        /// The plan as JSON.
        public let plan: JSONValue
        public let toolVersion: String

        public init(
            digest: String,
            actor: String,
            gitCommit: String?,
            counts: (creates: Int, updates: Int, deletes: Int),
            plan: JSONValue,
            toolVersion: String
        ) {
            self.digest = digest
            self.actor = actor
            self.gitCommit = gitCommit
            (creates, updates, deletes) = counts
            self.plan = plan
            self.toolVersion = toolVersion
        }
    }

    /// One application of a plan, as it is listed.
    public struct Record: Sendable {
        public let id: Int
        public let appliedAt: Date
        public let digest: String
        public let actor: String
        public let gitCommit: String?
        public let creates: Int
        public let updates: Int
        public let deletes: Int
        public let toolVersion: String
        /// The refusals of safety rules that flags allowed.
        public let allowances: [Allowance]
    }

    /// A refusal of a safety rule that a flag allowed.
    public struct Allowance: Hashable, Sendable {
        public let code: String
        public let message: String
        public let flag: String
    }

    /// The maximum number of plans to search for the last content of a row, and of changes in all of them, because
    /// plans of thousands of rows are slow to decode.
    private static let memory = (entries: 500, changes: 50_000)

    public init() {}

    /// Returns the name of the database and the id of its last entry, or 0 without entries.
    public func base(on connection: PostgresConnection) async throws -> (database: String, lastID: Int) {
        let rows = try await connection.query(
            "SELECT current_database()::text, coalesce((SELECT max(id) FROM reconcile_history), 0)"
        )
        return (try rows[0].decode(0), try rows[0].decode(1))
    }

    /// Adds an entry.
    ///
    /// - Returns: Its id.
    public func add(_ entry: Entry, on connection: PostgresConnection) async throws -> Int {
        let rows = try await connection.query(
            """
            INSERT INTO reconcile_history (digest, actor, "gitCommit", creates, updates, deletes, plan, "toolVersion")
            VALUES (
                \(entry.digest), \(entry.actor), \(entry.gitCommit), \(entry.creates), \(entry.updates),
                \(entry.deletes), \(PostgresJSON(text: entry.plan.canonicalText)), \(entry.toolVersion)
            )
            RETURNING id
            """,
            deadline: .seconds(120)
        )
        return try rows[0].decode(0)
    }

    /// Lists the latest applications, newest first.
    ///
    /// - Parameters:
    ///   - limit: The maximum number of applications.
    ///   - tenant: Lists only plans that changed rows of this tenant, and counts only these changes; `nil` for all.
    ///   - pool: The database.
    /// - Returns: The applications, without their plans.
    /// - Throws: `PostgresError`.
    public func list(limit: Int = 20, tenant: String? = nil, pool: PostgresPool) async throws -> [Record] {
        let counted: PostgresQuery
        if let tenant {
            counted = """
                SELECT h.*, t.* FROM reconcile_history h CROSS JOIN LATERAL (
                    SELECT count(*) FILTER (WHERE c ->> 'action' = 'create') AS created,
                        count(*) FILTER (WHERE c ->> 'action' = 'update') AS updated,
                        count(*) FILTER (WHERE c ->> 'action' = 'delete') AS deleted
                    FROM jsonb_array_elements(h.plan -> 'changes') c WHERE c ->> 'tenant' = \(tenant)
                ) t WHERE t.created + t.updated + t.deleted > 0
                """
        } else {
            counted = "SELECT *, creates AS created, updates AS updated, deletes AS deleted FROM reconcile_history"
        }
        let rows = try await pool.query(
            """
            SELECT id, "appliedAt", digest, actor, "gitCommit", created, updated, deleted, "toolVersion",
                coalesce(plan -> 'allowances', '[]') AS allowances
            FROM (\(fragment: counted)) h ORDER BY id DESC LIMIT \(limit)
            """,
            deadline: .seconds(60)
        )
        return try rows.map(Record.init(row:))
    }

    /// An application of a plan, as far as it concerns one tenant.
    public struct TenantEntry: Sendable {
        /// Counts the changes of the tenant.
        public let record: Record
        /// `digest`, and `changes` of the tenant; the number of those that were left out is in `omittedChanges`.
        public let plan: JSONValue
    }

    /// Returns a page of the applications that changed rows of a tenant, newest first, and how many there are in all.
    ///
    /// - Parameters:
    ///   - tenant: The tenant. Nothing of other tenants is in the answer.
    ///   - page: The number of the page, from 1.
    ///   - limit: The items of a page.
    ///   - changes: The maximum number of changes of each plan.
    ///   - pool: The database.
    /// - Returns: The page, and the number of all.
    /// - Throws: `PostgresError`.
    public func page(
        tenant: String,
        page: Int,
        limit: Int,
        changes: Int = 0,
        pool: PostgresPool
    ) async throws -> (items: [TenantEntry], total: Int) {
        let total = try await pool.query(
            "SELECT count(*) FROM reconcile_history WHERE tenants @> ARRAY[\(tenant)::text]"
        )
        let rows = try await pool.query(
            """
            SELECT h.id, h."appliedAt", h.digest, h.actor, h."gitCommit", h."toolVersion", t.*,
                CASE WHEN t.created + t.updated + t.deleted = jsonb_array_length(h.plan -> 'changes')
                    THEN coalesce(h.plan -> 'allowances', '[]') ELSE '[]' END AS allowances
            FROM (
                SELECT * FROM reconcile_history WHERE tenants @> ARRAY[\(tenant)::text]
                ORDER BY id DESC LIMIT \(limit) OFFSET \((page - 1) * limit)
            ) h CROSS JOIN LATERAL (
                SELECT count(*) FILTER (WHERE c.change ->> 'action' = 'create') AS created,
                    count(*) FILTER (WHERE c.change ->> 'action' = 'update') AS updated,
                    count(*) FILTER (WHERE c.change ->> 'action' = 'delete') AS deleted,
                    coalesce(jsonb_agg(c.change ORDER BY c.number) FILTER (WHERE c.number <= \(changes)), '[]') AS changes
                FROM (
                    SELECT e.change, row_number() OVER (ORDER BY e.position) AS number
                    FROM jsonb_array_elements(h.plan -> 'changes') WITH ORDINALITY AS e(change, position)
                    WHERE e.change ->> 'tenant' = \(tenant)
                ) c
            ) t ORDER BY h.id DESC
            """,
            deadline: .seconds(60)
        )
        let items = try rows.map { row in
            let record = try Record(row: row)
            let shown = try row.json("changes") ?? []
            let omitted = record.creates + record.updates + record.deletes - (shown.arrayValue?.count ?? 0)
            return TenantEntry(
                record: record,
                plan: ["digest": .string(record.digest), "changes": shown, "omittedChanges": .integer(omitted)]
            )
        }
        return (items, try total[0].decode(0))
    }

    /// Returns an application with its plan; `nil` if there is none with this id.
    ///
    /// - Throws: `PostgresError`.
    public func entry(_ id: Int, pool: PostgresPool) async throws -> (Record, plan: JSONValue)? {
        let rows = try await pool.query(
            """
            SELECT id, "appliedAt", digest, actor, "gitCommit", creates AS created, updates AS updated,
                deletes AS deleted, "toolVersion", plan, coalesce(plan -> 'allowances', '[]') AS allowances
            FROM reconcile_history WHERE id = \(id)
            """,
            deadline: .seconds(60)
        )
        guard let row = rows.first else { return nil }
        return (try Record(row: row), try row.json("plan") ?? .null)
    }

    /// Returns the contents that rows were last created or updated with, by identity.
    ///
    /// Looks at the last 500 entries, and at 50,000 changes at most.
    public func lastApplied(
        _ identities: [SpecIdentity],
        on connection: PostgresConnection
    ) async throws -> [String: JSONValue] {
        guard !identities.isEmpty else { return [:] }
        let rows = try await connection.query(
            """
            SELECT DISTINCT ON (change ->> 'id') change ->> 'id' AS identity, change -> 'after' AS content
            FROM (
                SELECT id, plan,
                    sum(creates + updates + deletes) OVER (ORDER BY id DESC) - (creates + updates + deletes) AS newer
                FROM reconcile_history ORDER BY id DESC LIMIT \(Self.memory.entries)
            ) h
            CROSS JOIN LATERAL jsonb_array_elements(h.plan -> 'changes') AS change
            WHERE h.newer < \(Self.memory.changes) AND change ->> 'id' = ANY(\(identities.map(\.description))::text[])
            ORDER BY change ->> 'id', h.id DESC
            """,
            deadline: .seconds(60)
        )
        var contents: [String: JSONValue] = [:]
        for row in rows { contents[try row.decode("identity")] = try row.json("content") }
        return contents
    }
}

extension HistoryRepository.Record {
    fileprivate init(row: PostgresRow) throws {
        id = try row.decode("id")
        appliedAt = try row.decode("appliedAt")
        digest = try row.decode("digest")
        actor = try row.decode("actor")
        gitCommit = try row.decode("gitCommit")
        creates = try row.decode("created")
        updates = try row.decode("updated")
        deletes = try row.decode("deleted")
        toolVersion = try row.decode("toolVersion")
        allowances = (try row.json("allowances")?.arrayValue ?? []).compactMap { value in
            guard let code = value["code"]?.stringValue, let message = value["message"]?.stringValue,
                let flag = value["flag"]?.stringValue
            else { return nil }
            return HistoryRepository.Allowance(code: code, message: message, flag: flag)
        }
    }
}
