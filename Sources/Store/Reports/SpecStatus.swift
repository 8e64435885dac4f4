public import Foundation
public import JSON
public import Postgres
public import Spec

/// The state of the specs of a tenant in the database: the rows that they own, and how these differ from what was applied.
public struct SpecStatus: Sendable {
    /// A row that a spec owns.
    public struct Managed: Sendable {
        public let kind: SpecKind
        public let name: String
        /// The file below the folder of all specs.
        public let file: String?
        public let updatedAt: Date
        /// The fields that no longer have the value that was last applied; empty if none, or if the last value is not known.
        public let drift: [String]
    }

    /// The last plan that changed rows of the tenant; `nil` if there is none.
    public let applied: HistoryRepository.Record?
    /// The environment whose values the specs have; `nil` if they have none.
    public let environment: String?
    /// The last attempt that failed, which may be about specs of other tenants; `nil` if there is none.
    public let attempt: AttemptRepository.Record?
    /// True if the database belongs to this tenant alone.
    public let isOnlyTenant: Bool
    /// By kind and name, at most ``limit``.
    public let managed: [Managed]
    public let managedCount: Int
    /// By kind and name, at most ``limit``.
    public let unmanaged: [(kind: SpecKind, name: String)]
    public let unmanagedCount: Int

    /// The maximum number of rows of each list.
    public static let limit = 1_000
}

/// Reads the state of specs.
public struct SpecStatusRepository: Sendable {
    private let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Returns the state of a tenant's specs.
    ///
    /// - Throws: `PostgresError`.
    public func status(tenant: String) async throws -> SpecStatus {
        let history = HistoryRepository()
        let applied = try await history.page(tenant: tenant, page: 1, limit: 1, pool: pool).items.first
        let attempt = try await AttemptRepository(pool: pool).list(limit: 1).first
        return try await pool.transaction(isolation: .repeatableRead, readOnly: true, deadline: .seconds(60)) {
            connection in
            let listed = try await Self.listed(tenant: tenant, on: connection)
            let managed = listed.filter(\.isManaged)
            let shown = Array(managed.prefix(SpecStatus.limit))
            let contents = try await Self.contents(of: shown, tenant: tenant, on: connection)
            let last = try await history.lastApplied(shown.map { $0.identity(tenant) }, on: connection)
            // A tenant may have no sender yet.
            let others = try await connection.query(
                """
                SELECT EXISTS (SELECT FROM senders WHERE "tenantId" <> \(tenant))
                    OR EXISTS (SELECT FROM tenants WHERE "tenantId" <> \(tenant))
                    OR EXISTS (SELECT FROM campaigns WHERE "tenantId" <> \(tenant))
                """
            )
            return SpecStatus(
                applied: applied?.record,
                environment: try await SpecEnvironmentRepository.stored(on: connection),
                attempt: attempt,
                isOnlyTenant: try !others[0].decode(0, as: Bool.self),
                managed: shown.map { row in
                    let content = contents[row.id]
                    return SpecStatus.Managed(
                        kind: row.kind,
                        name: row.name,
                        file: content?["sourceFile"]?.stringValue,
                        updatedAt: row.updatedAt,
                        drift: Self.drift(of: content, from: last[row.identity(tenant).description])
                    )
                },
                managedCount: managed.count,
                unmanaged: listed.filter { !$0.isManaged }.prefix(SpecStatus.limit).map { ($0.kind, $0.name) },
                unmanagedCount: listed.count { !$0.isManaged }
            )
        }
    }

    private struct Listed {
        let id: UUID
        let kind: SpecKind
        let name: String
        let updatedAt: Date
        let isManaged: Bool

        func identity(_ tenant: String) -> SpecIdentity { SpecIdentity(tenant: tenant, kind: kind, name: name) }
    }

    private static func listed(tenant: String, on connection: PostgresConnection) async throws -> [Listed] {
        let queries = SpecKind.allCases.enumerated().map { number, kind -> PostgresQuery in
            """
            SELECT \(number)::int AS number, m.id, coalesce(m.name, '') AS name, m."updatedAt", m."managedBy" = 'spec' AS managed
            FROM \(identifier: kind.table.name) m WHERE m."tenantId" = \(tenant) AND m."archivedAt" IS NULL
            """
        }
        let rows = try await connection.query(
            "\(fragment: .joined(queries, separator: " UNION ALL ")) ORDER BY number, name, id",
            deadline: .seconds(30)
        )
        return try rows.map { row in
            Listed(
                id: try row.decode("id"),
                kind: SpecKind.allCases[try row.decode("number")],
                name: try row.decode("name"),
                updatedAt: try row.decode("updatedAt"),
                isManaged: try row.decode("managed", as: Bool?.self) ?? false
            )
        }
    }

    private static func contents(
        of rows: [Listed],
        tenant: String,
        on connection: PostgresConnection
    ) async throws -> [UUID: JSONValue] {
        var contents: [UUID: JSONValue] = [:]
        for (kind, rows) in Dictionary(grouping: rows, by: \.kind) {
            let found = try await ManagedRepository(kind: kind).rows(rows.map(\.id), tenant: tenant, on: connection)
            for row in found { contents[row.id] = row.content }
        }
        return contents
    }

    /// Returns the fields in which two contents differ, in order.
    static func drift(of content: JSONValue?, from applied: JSONValue?) -> [String] {
        guard let now = content?.objectValue,
            let before = applied.map({ ManagedRow.comparable($0) })?.objectValue
        else { return [] }
        let names = Set(now.map(\.key)).union(before.map(\.key))
        return names.filter { now[$0]?.canonicalText != before[$0]?.canonicalText }.sorted()
    }
}

/// The contents of a campaign that runs have sent or will send, one after the other.
public struct CampaignRevision: Sendable {
    public let number: Int
    public let content: JSONValue
    public let gitCommit: String?
}

extension RevisionRepository {
    /// Returns the last revisions of a campaign: first that of the content it has now, then the others from the newest on.
    ///
    /// A content that was taken back has its former revision, which is not the newest. A content that was neither applied nor
    /// launched has none, and then the newest comes first.
    public func latest(_ limit: Int, of campaign: UUID, tenant: String, pool: PostgresPool) async throws
        -> [CampaignRevision]
    {
        let rows = try await pool.withConnection { connection in
            var digest: String?
            do {
                digest = try await LaunchCandidate.find(campaign, tenant: tenant, needsAudience: false, on: connection)?
                    .content().digest
            } catch is LaunchError {
                // It lacks what a run needs.
            }
            return try await connection.query(
                """
                SELECT number, content, "gitCommit" FROM campaign_revisions
                WHERE "campaignId" = \(campaign) AND "tenantId" = \(tenant)
                ORDER BY (digest = \(digest)) IS TRUE DESC, number DESC LIMIT \(limit)
                """
            )
        }
        return try rows.map { row in
            CampaignRevision(
                number: try row.decode("number"),
                content: try row.json("content") ?? .null,
                gitCommit: try row.decode("gitCommit")
            )
        }
    }
}
