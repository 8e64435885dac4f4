public import Foundation
public import Postgres

/// A webhook as it came, to be passed on to the receiver of a tenant.
public struct ForwardedWebhook: Sendable {
    public let tenantID: String
    /// The value of `X-Hub-Signature-256`.
    public let signature: String
    public let body: Data

    public init(tenantID: String, signature: String, body: Data) {
        (self.tenantID, self.signature, self.body) = (tenantID, signature, body)
    }
}

/// The right of a daemon to post to the receiver of one tenant for a while.
public struct ForwardLease: Sendable {
    public let id: UUID
    public let tenantID: String
    /// An address or a reference to one; `nil` if the tenant forwards no more.
    public let address: String?
    /// Failed attempts in a row before this one.
    public let attempts: Int
    /// The reason of the last failure; `nil` if the last attempt succeeded.
    public let failure: String?
}

/// A webhook that waits to be passed on.
public struct WaitingWebhook: Sendable {
    public let id: Int64
    public let signature: String
    public let body: Data
}

/// The outbox of webhooks that are passed on to other systems of the tenants.
///
/// All times are of Postgres's clock.
public struct ForwardRepository: Sendable {
    private let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// A number of WhatsApp that a tenant sends from, or once did.
    public struct Number: Hashable, Sendable {
        public let tenantID: String
        public let phoneNumberID: String
        /// `nil` until a webhook has named it.
        public let businessAccountID: String?
        public let isArchived: Bool

        public init(tenantID: String, phoneNumberID: String, businessAccountID: String?, isArchived: Bool = false) {
            (self.tenantID, self.phoneNumberID) = (tenantID, phoneNumberID)
            (self.businessAccountID, self.isArchived) = (businessAccountID, isArchived)
        }
    }

    /// Returns the tenants that forward, with their addresses.
    public func receivers() async throws(PostgresError) -> [(tenant: String, address: String)] {
        try await pool.query(
            """
            SELECT "tenantId", webhook ->> 'forward' FROM tenants
            WHERE webhook ->> 'forward' IS NOT NULL AND "archivedAt" IS NULL ORDER BY 1
            """
        ).map { row throws(PostgresError) in (try row.decode(0), try row.decode(1)) }
    }

    /// Returns the numbers of all tenants, those that do not forward included.
    public func numbers() async throws(PostgresError) -> [Number] {
        let rows = try await pool.query(
            """
            SELECT DISTINCT "tenantId", "phoneNumberId", "businessAccountId", "archivedAt" IS NOT NULL FROM senders
            """
        )
        return try rows.map { row throws(PostgresError) in
            Number(
                tenantID: try row.decode(0),
                phoneNumberID: try row.decode(1),
                businessAccountID: try row.decode(2),
                isArchived: try row.decode(3)
            )
        }
    }

    /// Makes the rows of tenants that forward since lately; webhooks of others are not claimed.
    public func addReceivers() async throws(PostgresError) {
        try await pool.execute(
            """
            INSERT INTO webhook_receivers ("tenantId")
            SELECT t."tenantId" FROM tenants t
            WHERE t.webhook ->> 'forward' IS NOT NULL AND t."archivedAt" IS NULL
                AND NOT EXISTS (SELECT FROM webhook_receivers r WHERE r."tenantId" = t."tenantId")
            ORDER BY 1
            ON CONFLICT DO NOTHING
            """
        )
    }

    /// Stores webhooks in their order.
    public func store(_ webhooks: [ForwardedWebhook]) async throws(PostgresError) {
        try await pool.execute(
            """
            INSERT INTO webhook_forwards ("tenantId", signature, body)
            SELECT tenant, signature, body FROM unnest(
                \(webhooks.map(\.tenantID))::text[], \(webhooks.map(\.signature))::text[],
                \(webhooks.map(\.body))::bytea[]
            ) WITH ORDINALITY AS w(tenant, signature, body, number) ORDER BY number
            """
        )
    }

    /// Claims receivers for which something waits and whose time has come; another address ends the wait of a tenant.
    ///
    /// - Parameters:
    ///   - limit: The maximum number of receivers.
    ///   - lease: The time after which another daemon takes over, longer than the work may take.
    /// - Returns: A lease for each receiver, those that waited longest first.
    /// - Throws: `PostgresError`.
    public func claim(limit: Int, lease: Duration) async throws(PostgresError) -> [ForwardLease] {
        let rows = try await pool.query(
            """
            UPDATE webhook_receivers r SET
                "leaseId" = gen_random_uuid(), "leasedUntil" = now() + \(lease.seconds) * interval '1 second',
                attempts = CASE WHEN r.address IS DISTINCT FROM due.address THEN 0 ELSE r.attempts END,
                address = due.address
            FROM (
                SELECT d."tenantId", t.webhook ->> 'forward' AS address FROM webhook_receivers d
                LEFT JOIN tenants t ON t."tenantId" = d."tenantId" AND t."archivedAt" IS NULL
                WHERE d."leasedUntil" <= now()
                    AND (d."dueAt" <= now() OR d.address IS DISTINCT FROM t.webhook ->> 'forward')
                    AND EXISTS (
                        SELECT FROM webhook_forwards w WHERE \(key: #"w."tenantId""#, of: #"d."tenantId""#)
                            AND (w."dueAt" <= now() OR t.webhook ->> 'forward' IS NULL)
                    )
                ORDER BY d."leasedUntil", d."tenantId" LIMIT \(limit) FOR UPDATE OF d SKIP LOCKED
            ) due
            WHERE \(key: #"r."tenantId""#, of: #"due."tenantId""#)
            RETURNING r."leaseId", r."tenantId", r.address, r.attempts, r.failure
            """
        )
        return try rows.map { row throws(PostgresError) in
            ForwardLease(
                id: try row.decode(0),
                tenantID: try row.decode(1),
                address: try row.decode(2),
                attempts: try row.decode(3),
                failure: try row.decode(4)
            )
        }
    }

    /// Returns the webhooks of a tenant that are due, oldest first.
    ///
    /// - Parameters:
    ///   - tenant: The tenant.
    ///   - limit: The maximum number.
    ///   - bytes: The maximum size of all bodies; only a single one may be larger.
    /// - Returns: The webhooks.
    /// - Throws: `PostgresError`.
    public func waiting(
        of tenant: String,
        limit: Int,
        bytes: Int
    ) async throws(PostgresError) -> [WaitingWebhook] {
        let rows = try await pool.query(
            """
            SELECT s.id, s.signature, s.body FROM (
                SELECT f.id, f.signature, f.body, row_number() OVER place AS number,
                    sum(octet_length(f.body)) OVER place AS size
                FROM (
                    SELECT w.id, w.signature, w.body FROM webhook_forwards w
                    WHERE w."tenantId" = \(tenant) AND w."dueAt" <= now() ORDER BY w.id LIMIT \(limit)
                ) f
                WINDOW place AS (ORDER BY f.id)
            ) s
            WHERE s.number = 1 OR s.size <= \(bytes) ORDER BY s.id
            """
        )
        return try rows.map { row throws(PostgresError) in
            WaitingWebhook(id: try row.decode(0), signature: try row.decode(1), body: try row.decode(2))
        }
    }

    /// Deletes webhooks that were taken by their receiver.
    public func remove(_ ids: [Int64]) async throws(PostgresError) {
        guard !ids.isEmpty else { return }
        try await pool.execute("DELETE FROM webhook_forwards WHERE id = ANY(\(ids)::bigint[])")
    }

    /// Puts off webhooks that their receiver refused while it took others, by a minute, then twice as long each time, up
    /// to an hour.
    public func putOff(_ ids: [Int64]) async throws(PostgresError) {
        guard !ids.isEmpty else { return }
        try await pool.execute(
            """
            UPDATE webhook_forwards SET
                refusals = refusals + 1, "dueAt" = now() + least(60, 2 ^ least(refusals, 16)) * interval '1 minute'
            WHERE id = ANY(\(ids)::bigint[])
            """
        )
    }

    /// Deletes the oldest webhooks of a tenant.
    ///
    /// - Parameters:
    ///   - tenant: The tenant.
    ///   - age: The age from which they are deleted.
    ///   - limit: The maximum number.
    /// - Returns: The number of those deleted; fewer than `limit` if none is left.
    /// - Throws: `PostgresError`.
    public func drop(
        of tenant: String,
        olderThan age: Duration,
        limit: Int = 1_000
    ) async throws(PostgresError) -> Int {
        try await pool.execute(
            """
            DELETE FROM webhook_forwards WHERE id = ANY(ARRAY(
                SELECT o.id FROM (
                    SELECT w.id, w."createdAt" FROM webhook_forwards w
                    WHERE w."tenantId" = \(tenant) ORDER BY w.id LIMIT \(limit)
                ) o
                WHERE o."createdAt" <= now() - \(age.seconds) * interval '1 second'
            ))
            """
        )
    }

    /// Ends a lease.
    ///
    /// - Parameters:
    ///   - lease: The lease.
    ///   - failure: The reason why nothing can be posted now, for people; it must hold no address. `nil` if the receiver
    ///     works.
    ///   - delay: The time until the next attempt.
    /// - Throws: `PostgresError`.
    public func end(
        _ lease: ForwardLease,
        failure: String? = nil,
        after delay: Duration = .zero
    ) async throws(PostgresError) {
        let attempts = failure == nil ? 0 : lease.attempts + 1
        try await pool.execute(
            """
            UPDATE webhook_receivers SET "leaseId" = NULL, "leasedUntil" = now(), attempts = \(attempts),
                "dueAt" = now() + \(delay.seconds) * interval '1 second', failure = \(failure)
            WHERE "tenantId" = \(lease.tenantID) AND "leaseId" = \(lease.id)
            """
        )
    }
}
