public import Postgres

/// The ids under which business numbers have uploaded files.
///
/// Daemons take turns by leases: one uploads, the others wait for its id. A daemon that dies between the upload and the
/// row leaves a lease, and the next one uploads the file a second time, which costs nothing but the upload.
public struct MediaUploadRepository: Sendable {
    /// A file and the number that is to send it.
    public struct Key: Hashable, Sendable {
        public let file: MediaRepository.Key
        /// WhatsApp's id of the business number.
        public let number: String

        public init(file: MediaRepository.Key, number: String) {
            (self.file, self.number) = (file, number)
        }
    }

    /// The state of an upload, as a daemon that needs it finds it.
    public enum State: Hashable, Sendable {
        /// The number can send it under this id.
        case ready(id: String)
        /// The caller has the lease, and uploads it.
        case leased
        /// Another daemon uploads it, or an attempt failed a moment ago.
        case busy
        /// It was refused for good a moment ago.
        case refused(String)
        /// The file is not stored.
        case unknown
    }

    /// The days for which an id is used; WhatsApp forgets it after 30.
    static let days = 25
    /// The time in which a refused upload is not tried again, in seconds: all messages of a run learn of it.
    static let refusalLife = 30
    /// The age of an id whose refusal means that the file cannot be sent, in seconds; an older one was forgotten.
    static let freshness = 600

    let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Returns the id of an upload, or takes the lease to make one.
    ///
    /// - Parameters:
    ///   - key: The file and the number.
    ///   - seconds: The length of the lease: longer than an upload may take.
    /// - Returns: The state.
    /// - Throws: `PostgresError`.
    public func begin(_ key: Key, leaseFor seconds: Int) async throws -> State {
        try await pool.transaction { connection in
            let taken = try await connection.execute(
                """
                INSERT INTO media_uploads AS u ("tenantId", digest, "phoneNumberId", "leasedUntil")
                SELECT m."tenantId", m.digest, \(key.number)::text, now() + \(Double(seconds)) * interval '1 second'
                FROM media m WHERE m."tenantId" = \(key.file.tenant) AND m.digest = \(key.file.digest)
                ON CONFLICT ("tenantId", digest, "phoneNumberId") DO UPDATE SET "leasedUntil" = EXCLUDED."leasedUntil"
                WHERE NOT \(fragment: Self.isCurrent) AND NOT \(fragment: Self.isRefused)
                    AND coalesce(u."leasedUntil" < now(), true)
                """
            )
            if taken > 0 { return .leased }
            let rows = try await connection.query(
                """
                SELECT CASE WHEN \(fragment: Self.isCurrent) THEN u."mediaId" END AS id,
                    CASE WHEN \(fragment: Self.isRefused) THEN u.error END AS error
                FROM media_uploads u
                WHERE u."tenantId" = \(key.file.tenant) AND u.digest = \(key.file.digest)
                    AND u."phoneNumberId" = \(key.number)
                """
            )
            guard let row = rows.first else { return .unknown }
            if let id = try row.decode("id", as: String?.self) { return .ready(id: id) }
            if let error = try row.decode("error", as: String?.self) { return .refused(error) }
            return .busy
        }
    }

    /// Stores the id of an upload.
    public func finish(_ key: Key, id: String) async throws(PostgresError) {
        try await update(
            key,
            #""mediaId" = \#(id), "uploadedAt" = now(), "leasedUntil" = NULL, error = NULL, "errorAt" = NULL"#
        )
    }

    /// Stores that WhatsApp refused an upload for good.
    public func fail(_ key: Key, error: String) async throws(PostgresError) {
        try await update(key, #"error = \#(error), "errorAt" = now(), "leasedUntil" = NULL"#)
    }

    /// Gives a lease back after an attempt that failed for a moment; the next one may follow after a time.
    public func postpone(_ key: Key, seconds: Int) async throws(PostgresError) {
        try await update(key, #""leasedUntil" = now() + \#(Double(seconds)) * interval '1 second'"#)
    }

    /// Returns true if a file cannot be sent: it was refused a moment ago and no run with it was resumed since, or is not stored.
    public func isRefused(_ key: Key) async throws -> Bool {
        let rows = try await pool.query(
            """
            SELECT NOT EXISTS (
                SELECT FROM media m WHERE m."tenantId" = \(key.file.tenant) AND m.digest = \(key.file.digest)
            ) OR EXISTS (
                SELECT FROM media_uploads u
                WHERE u."tenantId" = \(key.file.tenant) AND u.digest = \(key.file.digest)
                    AND u."phoneNumberId" = \(key.number) AND \(fragment: Self.isRefused)
            )
            """
        )
        return try rows[0].decode(0)
    }

    /// Forgets the refusals of the files of runs that are resumed, so that their uploads are tried again at once.
    ///
    /// - Parameters:
    ///   - condition: Selects the runs, as `r`.
    ///   - connection: The connection, in the transaction that resumes them.
    /// - Throws: `PostgresError`.
    static func forgetRefusals(
        ofRuns condition: PostgresQuery,
        on connection: PostgresConnection
    ) async throws(PostgresError) {
        try await connection.execute(
            """
            WITH refused AS MATERIALIZED (
                SELECT u."tenantId", u.digest, u."phoneNumberId" FROM campaign_runs r
                JOIN campaign_revisions v ON \(key: "v.id", of: #"r."revisionId""#)
                JOIN senders s ON \(key: "s.id", of: #"r."senderId""#)
                JOIN media_uploads u ON u."tenantId" = r."tenantId" AND u."phoneNumberId" = s."phoneNumberId"
                WHERE \(fragment: condition) AND r.status = \(run: .running) AND u.error IS NOT NULL
                    AND strpos(v.content::text, u.digest) > 0
                -- Runs with the same files may be resumed at once.
                ORDER BY u."tenantId", u.digest, u."phoneNumberId" FOR NO KEY UPDATE OF u
            )
            UPDATE media_uploads u SET error = NULL, "errorAt" = NULL FROM refused f
            WHERE u."tenantId" = f."tenantId" AND u.digest = f.digest AND u."phoneNumberId" = f."phoneNumberId"
            """
        )
    }

    /// A condition on the run `r`: a file of its message has no id, and a daemon uploads it or is to try again.
    static let isAwaited: PostgresQuery = """
        (r.status = \(run: .running) AND EXISTS (
            SELECT FROM media_uploads u
            JOIN senders o ON o."phoneNumberId" = u."phoneNumberId" AND o.id = r."senderId"
            JOIN campaign_revisions v ON v.id = r."revisionId" AND strpos(v.content::text, u.digest) > 0
            WHERE u."tenantId" = r."tenantId" AND u."leasedUntil" IS NOT NULL AND NOT \(fragment: isCurrent)
        ))
        """

    private static let isCurrent: PostgresQuery = """
        (u."mediaId" IS NOT NULL AND u."uploadedAt" > now() - \(Double(days)) * interval '1 day')
        """

    private static let isRefused: PostgresQuery = """
        (u.error IS NOT NULL AND u."errorAt" > now() - \(Double(refusalLife)) * interval '1 second')
        """

    private func update(_ key: Key, _ columns: PostgresQuery) async throws(PostgresError) {
        try await pool.execute(
            """
            UPDATE media_uploads SET \(fragment: columns)
            WHERE "tenantId" = \(key.file.tenant) AND digest = \(key.file.digest) AND "phoneNumberId" = \(key.number)
            """
        )
    }

    /// Forgets an id that WhatsApp refused, so that the file is uploaded again.
    ///
    /// - Returns: False if the id is so new that another upload would not help.
    public func forget(_ key: Key, id: String) async throws -> Bool {
        let isKey: PostgresQuery = """
            ("tenantId" = \(key.file.tenant) AND digest = \(key.file.digest) AND "phoneNumberId" = \(key.number)
                AND "mediaId" = \(id))
            """
        let isFresh: PostgresQuery = """
            ("uploadedAt" >= now() - \(Double(Self.freshness)) * interval '1 second')
            """
        // Lanes forget an id at the same time. A statement that waited for another's update still reads the row as it was
        // before, so the answer is asked of the age alone: an old id is forgotten, whoever forgot it.
        let rows = try await pool.query(
            """
            WITH old AS (
                UPDATE media_uploads SET "mediaId" = NULL, "uploadedAt" = NULL
                WHERE \(fragment: isKey) AND NOT \(fragment: isFresh)
            )
            SELECT NOT EXISTS (SELECT FROM media_uploads WHERE \(fragment: isKey) AND \(fragment: isFresh))
            """
        )
        return try rows[0].decode(0)
    }
}
