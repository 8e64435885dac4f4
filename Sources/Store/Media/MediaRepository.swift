import JSON
public import Postgres
public import Spec

/// The files beside the specs, as the reconcile that names them stores them.
public struct MediaRepository: Sendable {
    /// A file of a tenant, by the digest of its content.
    public struct Key: Hashable, Sendable {
        public let tenant: String
        /// The SHA-256 of the bytes, as 64 hexadecimal digits.
        public let digest: String

        public init(tenant: String, digest: String) {
            (self.tenant, self.digest) = (tenant, digest)
        }
    }

    /// The days after which a file that no spec names any more is deleted.
    static let retention = 30

    let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Returns those of some files that are not stored.
    public static func missing(_ keys: [Key], on connection: PostgresConnection) async throws -> Set<Key> {
        guard !keys.isEmpty else { return [] }
        let rows = try await connection.query(
            """
            SELECT k.tenant, k.digest FROM unnest(\(keys.map(\.tenant))::text[], \(keys.map(\.digest))::text[]) AS k(tenant, digest)
            WHERE NOT EXISTS (SELECT FROM media m WHERE m."tenantId" = k.tenant AND m.digest = k.digest)
            """
        )
        return Set(try rows.map { Key(tenant: try $0.decode(0), digest: try $0.decode(1)) })
    }

    /// Corrects the types of stored files whose ending was another when they were stored, and has them uploaded again.
    ///
    /// - Parameters:
    ///   - types: The types by the files.
    ///   - connection: The connection, in the transaction that writes the specs, after it has locked campaigns.
    /// - Throws: `PostgresError`.
    public static func retype(_ types: [Key: String], on connection: PostgresConnection) async throws {
        guard !types.isEmpty else { return }
        let files = types.sorted { ($0.key.tenant, $0.key.digest) < ($1.key.tenant, $1.key.digest) }
        try await connection.execute(
            """
            WITH changed AS (
                UPDATE media m SET type = k.type
                FROM unnest(
                    \(files.map(\.key.tenant))::text[], \(files.map(\.key.digest))::text[], \(files.map(\.value))::text[]
                ) AS k(tenant, digest, type)
                WHERE m."tenantId" = k.tenant AND m.digest = k.digest AND m.type <> k.type
                RETURNING m."tenantId", m.digest
            )
            UPDATE media_uploads u
            SET "mediaId" = NULL, "uploadedAt" = NULL, "leasedUntil" = NULL, error = NULL, "errorAt" = NULL
            FROM changed c WHERE u."tenantId" = c."tenantId" AND u.digest = c.digest
            """
        )
    }

    /// Stores the paths by which people know files, below the folder of specs.
    public static func name(_ paths: [Key: String], on connection: PostgresConnection) async throws {
        guard !paths.isEmpty else { return }
        let files = paths.sorted { ($0.key.tenant, $0.key.digest) < ($1.key.tenant, $1.key.digest) }
        try await connection.execute(
            """
            UPDATE media m SET path = k.path
            FROM unnest(
                \(files.map(\.key.tenant))::text[], \(files.map(\.key.digest))::text[], \(files.map(\.value))::text[]
            ) AS k(tenant, digest, path)
            WHERE m."tenantId" = k.tenant AND m.digest = k.digest AND m.path IS DISTINCT FROM k.path
            """
        )
    }

    /// Stores one file; a file that is stored stays as it is.
    public static func store(
        _ bytes: [UInt8],
        of reference: MediaReference,
        tenant: String,
        on connection: PostgresConnection
    ) async throws {
        try await connection.execute(
            """
            INSERT INTO media ("tenantId", digest, type, bytes)
            VALUES (\(tenant), \(reference.digest), \(reference.type), \(bytes)) ON CONFLICT DO NOTHING
            """,
            deadline: .seconds(60)
        )
    }

    /// Notes which files of some tenants the specs name.
    ///
    /// - Parameters:
    ///   - used: The files that specs name.
    ///   - tenants: The tenants whose specs were read; files of others stay as they are.
    ///   - connection: The connection, in the transaction that writes the specs.
    /// - Throws: `PostgresError`.
    public static func mark(
        used: [Key],
        of tenants: [String],
        on connection: PostgresConnection
    ) async throws {
        let isUsed: PostgresQuery = """
            EXISTS (
                SELECT FROM unnest(\(used.map(\.tenant))::text[], \(used.map(\.digest))::text[]) AS k(tenant, digest)
                WHERE k.tenant = m."tenantId" AND k.digest = m.digest
            )
            """
        try await connection.execute(
            """
            UPDATE media m SET "unusedSince" = CASE WHEN \(fragment: isUsed) THEN NULL ELSE now() END
            WHERE m."tenantId" = ANY(\(tenants)::text[]) AND ("unusedSince" IS NULL) <> \(fragment: isUsed)
            """
        )
    }

    /// Returns the types of the files of a tenant by their digests.
    public static func types(ofTenant tenant: String, on connection: PostgresConnection) async throws -> [String:
        String]
    {
        try types(
            await connection.query(#"SELECT digest, type FROM media WHERE "tenantId" = \#(tenant)"#)
        )
    }

    /// Returns the types of the files of some tenants by their digests.
    public func types(ofTenants tenants: [String]) async throws -> [String: String] {
        try Self.types(
            await pool.query(#"SELECT digest, type FROM media WHERE "tenantId" = ANY(\#(tenants)::text[])"#)
        )
    }

    private static func types(_ rows: PostgresRows) throws -> [String: String] {
        var types: [String: String] = [:]
        for row in rows { types[try row.decode(0)] = try row.decode(1) as String }
        return types
    }

    /// Returns the bytes of a file; `nil` if it is not stored.
    public func bytes(of key: Key) async throws -> (type: String, bytes: [UInt8])? {
        let rows = try await pool.query(
            #"SELECT type, bytes FROM media WHERE "tenantId" = \#(key.tenant) AND digest = \#(key.digest)"#,
            deadline: .seconds(60)
        )
        return try rows.first.map { (try $0.decode("type"), try $0.decode("bytes")) }
    }

    /// The facts about a file, without its bytes.
    public struct Facts: Hashable, Sendable {
        public let type: String
        /// The number of bytes.
        public let count: Int
        /// The path below the folder of specs; `nil` if it was stored by a version before.
        public let path: String?
    }

    /// Returns what is known of a file; `nil` if it is not stored.
    public func facts(of key: Key) async throws -> Facts? {
        let rows = try await pool.query(
            """
            SELECT m.type, length(m.bytes) AS count, m.path FROM media m
            WHERE m."tenantId" = \(key.tenant) AND m.digest = \(key.digest)
            """
        )
        return try rows.first.map { row in
            Facts(type: try row.decode("type"), count: try row.decode("count"), path: try row.decode("path"))
        }
    }

    /// Deletes files that no spec has named for 30 days, and that no campaign or open run will send.
    ///
    /// - Returns: The number of files; fewer than `limit` when nothing is left.
    public func removeUnused(limit: Int = 100) async throws(PostgresError) -> Int {
        try await pool.execute(
            """
            DELETE FROM media d USING (
                SELECT m."tenantId", m.digest FROM media m
                WHERE m."unusedSince" < now() - \(Double(Self.retention)) * interval '1 day'
                    AND NOT EXISTS (
                        SELECT FROM campaigns c WHERE c."tenantId" = m."tenantId" AND c."archivedAt" IS NULL
                            AND c.status NOT IN \(anyOf: [CampaignStatus.completed, .failed, .cancelled])
                            AND strpos(c."messageTemplate"::text, m.digest) > 0
                    )
                    AND NOT EXISTS (
                        SELECT FROM campaign_runs r JOIN campaign_revisions v ON \(key: "v.id", of: #"r."revisionId""#)
                        WHERE r."tenantId" = m."tenantId" AND r.status IN \(anyOf: RunStatus.open)
                            AND strpos(v.content::text, m.digest) > 0
                    )
                LIMIT \(limit)
            ) old
            WHERE d."tenantId" = old."tenantId" AND d.digest = old.digest
            """
        )
    }
}
