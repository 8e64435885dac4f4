public import Foundation
public import Postgres

/// The reading of one account that a daemon has taken over for a time.
public struct AccountSweepClaim: Sendable {
    public let accountID: UUID
    public let tenantID: String
    /// The name of the spec.
    public let name: String
    public let wabaID: String
    /// A reference to the token.
    public let accessToken: String
    /// Proves that the claim is still ours.
    let lease: UUID
    /// The start of the sweep that is under way; `nil` if a new one begins.
    public let startedAt: Date?
    /// The page of templates that comes next; `nil` for the first.
    public let cursor: String?
    /// Readings that failed in a row.
    public let failures: Int

    /// The ids of it in log lines.
    public var place: String { "\(tenantID)/\(name)" }
}

/// The readings of accounts: which are due, who does them, and how far they are.
///
/// Any number of daemons share them: a claim locks its row for a moment, and holds a lease. All times are of Postgres's clock.
public struct AccountSweepRepository: Sendable {
    /// The least time between the starts of two sweeps that webhooks ask for.
    static let coalescing = Duration.seconds(60)

    let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Asks for a reading now; a reading that is under way is followed by another.
    ///
    /// - Parameters:
    ///   - tenant: The owner of the accounts; `nil` for those of all tenants.
    ///   - account: The name of one account; `nil` for all of the tenant.
    /// - Returns: The time of the request: an account whose `sweptFrom` is not before it has been read since. `nil` if there is no such
    ///   account.
    /// - Throws: `PostgresError`.
    public func request(tenant: String?, account: String? = nil) async throws -> Date? {
        try await addAccounts()
        let rows = try await pool.query(
            """
            UPDATE account_sweeps s SET "wantedAt" = now(), "dueAt" = greatest(now(), s."notBefore")
            FROM accounts a
            WHERE a.id = s."accountId" AND a."archivedAt" IS NULL
                AND (\(tenant)::text IS NULL OR a."tenantId" = \(tenant))
                AND (\(account)::text IS NULL OR a.name = \(account))
            RETURNING now()
            """
        )
        return try rows.first?.decode(0)
    }

    /// Asks for a reading soon, because webhooks told of changes; at most one a minute for each account.
    ///
    /// - Parameter accounts: WhatsApp's ids of the accounts.
    /// - Throws: `PostgresError`.
    func bringForward(_ accounts: Set<String>) async throws {
        guard !accounts.isEmpty else { return }
        try await pool.execute(
            """
            UPDATE account_sweeps s SET "wantedAt" = now(), "dueAt" = least(s."dueAt", w.at)
            FROM (
                SELECT d."accountId", greatest(
                    now() + interval '2 seconds', d."notBefore",
                    greatest(d."startedAt", d."sweptFrom") + \(Self.coalescing.seconds) * interval '1 second'
                ) AS at
                FROM account_sweeps d
                WHERE d."businessAccountId" = ANY(\(accounts.sorted())::text[]) AND d.failures = 0
                ORDER BY d."accountId" FOR UPDATE
            ) w
            WHERE s."accountId" = w."accountId"
            """
        )
    }

    /// Gives new accounts a row; one whose spec names another account at WhatsApp begins anew.
    private func addAccounts() async throws {
        try await pool.execute(
            """
            INSERT INTO account_sweeps AS s ("accountId", "businessAccountId")
            SELECT a.id, a."wabaId" FROM accounts a LEFT JOIN account_sweeps o ON o."accountId" = a.id
            WHERE a."archivedAt" IS NULL AND o."businessAccountId" IS DISTINCT FROM a."wabaId"
            ORDER BY a.id
            ON CONFLICT ("accountId") DO UPDATE SET
                "businessAccountId" = excluded."businessAccountId", "dueAt" = now(), "notBefore" = NULL,
                "wantedAt" = NULL, "leasedUntil" = NULL, lease = NULL, "startedAt" = NULL, cursor = NULL,
                "sweptFrom" = NULL, "sweptAt" = NULL, failures = 0, error = NULL, "errorAt" = NULL
            """
        )
    }

    /// Claims accounts that are due, also those whose spec was changed after a failure.
    ///
    /// - Parameters:
    ///   - limit: The maximum number of accounts.
    ///   - tenants: The owners of the accounts; `nil` for all.
    ///   - lease: The time after which another daemon takes an account over, unless it is renewed.
    /// - Returns: The claims.
    /// - Throws: `PostgresError`.
    public func claim(limit: Int, tenants: [String]? = nil, lease: Duration) async throws -> [AccountSweepClaim] {
        try await addAccounts()
        let rows = try await pool.query(
            """
            UPDATE account_sweeps s SET
                lease = gen_random_uuid(), "leasedUntil" = now() + \(lease.seconds) * interval '1 second'
            FROM (
                SELECT d."accountId" FROM account_sweeps d JOIN accounts a ON a.id = d."accountId"
                WHERE a."archivedAt" IS NULL AND coalesce(a."tenantId" = ANY(\(tenants)::text[]), true)
                    AND (d."dueAt" <= now() OR d.failures > 0 AND a."updatedAt" > d."errorAt")
                    AND coalesce(d."leasedUntil" <= now(), true) AND coalesce(d."notBefore" <= now(), true)
                ORDER BY d."dueAt", d."accountId" LIMIT \(limit) FOR UPDATE OF d SKIP LOCKED
            ) due
            JOIN accounts a ON a.id = due."accountId"
            WHERE s."accountId" = due."accountId"
            RETURNING s."accountId", s.lease, s."startedAt", s.cursor, s.failures, s."businessAccountId",
                a."tenantId", a.name, a."accessToken"
            """
        )
        return try rows.map(AccountSweepClaim.init(row:))
    }

    /// Renews a claim before a call.
    ///
    /// - Returns: The present time, which is that of the call; `nil` if the claim was lost, and nothing may be written any more.
    /// - Throws: `PostgresError`.
    public func renew(_ claim: AccountSweepClaim, lease: Duration) async throws -> Date? {
        let rows = try await pool.query(
            """
            UPDATE account_sweeps s SET "leasedUntil" = now() + \(lease.seconds) * interval '1 second'
            WHERE s."accountId" = \(claim.accountID) AND s.lease = \(claim.lease) RETURNING now()
            """
        )
        return try rows.first?.decode(0)
    }

    /// Ends a turn before the end of its sweep, which goes on later.
    ///
    /// - Parameters:
    ///   - claim: The claim, which ends.
    ///   - pause: The time until the next turn.
    ///   - isLimit: True if WhatsApp allows no calls before.
    /// - Throws: `PostgresError`.
    public func pause(_ claim: AccountSweepClaim, for pause: Duration, isLimit: Bool) async throws {
        try await pool.execute(
            """
            UPDATE account_sweeps s SET
                "dueAt" = now() + \(pause.seconds) * interval '1 second',
                "notBefore" = CASE WHEN \(isLimit) THEN now() + \(pause.seconds) * interval '1 second' END,
                lease = NULL, "leasedUntil" = NULL
            WHERE s."accountId" = \(claim.accountID) AND s.lease = \(claim.lease)
            """
        )
    }

    /// Ends a reading that failed; a cursor stays, so that the sweep goes on from there.
    ///
    /// - Parameters:
    ///   - claim: The claim, which ends.
    ///   - error: The error and its remedy, for people.
    ///   - pause: The time until the next attempt.
    ///   - isLimit: True if WhatsApp allows no calls before.
    ///   - restarts: True if the next attempt begins a new sweep.
    /// - Returns: True if the error is not the one of the last failure.
    /// - Throws: `PostgresError`.
    public func fail(
        _ claim: AccountSweepClaim,
        error: String,
        for pause: Duration,
        isLimit: Bool = false,
        restarts: Bool = false
    ) async throws -> Bool {
        let rows = try await pool.query(
            """
            UPDATE account_sweeps s SET
                "dueAt" = now() + \(pause.seconds) * interval '1 second',
                "notBefore" = CASE WHEN \(isLimit) THEN now() + \(pause.seconds) * interval '1 second' END,
                failures = s.failures + 1, error = \(error), "errorAt" = now(), lease = NULL, "leasedUntil" = NULL,
                "startedAt" = CASE WHEN \(restarts) THEN NULL ELSE s."startedAt" END,
                cursor = CASE WHEN \(restarts) THEN NULL ELSE s.cursor END
            FROM (SELECT o.error FROM account_sweeps o WHERE o."accountId" = \(claim.accountID)) former
            WHERE s."accountId" = \(claim.accountID) AND s.lease = \(claim.lease)
            RETURNING former.error IS DISTINCT FROM \(error)::text
            """
        )
        return try rows.first?.decode(0) ?? false
    }
}

extension AccountSweepClaim {
    init(row: PostgresRow) throws {
        accountID = try row.decode("accountId")
        tenantID = try row.decode("tenantId")
        name = try row.decode("name")
        wabaID = try row.decode("businessAccountId")
        accessToken = try row.decode("accessToken")
        lease = try row.decode("lease")
        startedAt = try row.decode("startedAt")
        cursor = try row.decode("cursor")
        failures = try row.decode("failures")
    }
}
