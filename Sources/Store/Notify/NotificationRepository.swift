public import Foundation
public import JSON
public import Postgres
public import Spec

/// A post about the campaigns of a tenant, with the events that it tells of.
public struct NotificationPost: Sendable {
    /// The receiver, as the tenant says now.
    public struct Target: Hashable, Sendable {
        /// An address, or a reference to one (`env:…`, `file:…`).
        public let url: String
        /// A reference to the key of the signature; `nil` leaves posts unsigned.
        public let secret: String?
        public let format: TenantSpec.Notify.Format

        init?(_ json: JSONValue?) {
            guard let url = json?["url"]?.stringValue else { return nil }
            self.url = url
            secret = json?["secret"]?.stringValue
            format = json?["format"]?.stringValue.flatMap(TenantSpec.Notify.Format.init) ?? .json
        }

        public init(url: String, secret: String?, format: TenantSpec.Notify.Format) {
            (self.url, self.secret, self.format) = (url, secret, format)
        }
    }

    /// Stays the same when the post is repeated.
    public let id: UUID
    public let tenantID: String
    public let reason: String
    /// Counts from 1.
    public let attempt: Int
    /// `nil` if the tenant wants to be told no more.
    public let target: Target?
    /// The events, oldest first, as stored: see `docs/operations.md`.
    public let events: [JSONValue]

    public init(
        id: UUID,
        tenantID: String,
        reason: String,
        attempt: Int,
        target: Target?,
        events: [JSONValue]
    ) {
        self.id = id
        self.tenantID = tenantID
        self.reason = reason
        self.attempt = attempt
        self.target = target
        self.events = events
    }
}

/// The outbox of notifications: what tenants are told of, and the posts that tell it.
///
/// Triggers write the events, in the transactions of what they tell of. A tenant has at most one post under way for each
/// reason. Its events are fixed before the first attempt, so that a repetition tells the same; later ones wait for the
/// next post. All times are of Postgres's clock.
public struct NotificationRepository: Sendable {
    /// NOTIFY channel that tells daemons that there is something to post.
    public static let channel = "campaign_notifications"
    /// The most events of one post; further ones wait for the next.
    public static let largestPost = 50

    private let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Returns the receivers of all tenants, by tenant.
    public func targets() async throws -> [(tenant: String, target: NotificationPost.Target)] {
        let rows = try await pool.query(
            "SELECT \"tenantId\", notify FROM tenants WHERE notify IS NOT NULL AND \"archivedAt\" IS NULL ORDER BY 1"
        )
        var targets: [(tenant: String, target: NotificationPost.Target)] = []
        for row in rows {
            guard let target = NotificationPost.Target(try row.json("notify")) else { continue }
            targets.append((try row.decode("tenantId"), target))
        }
        return targets
    }

    /// Claims posts that are due.
    ///
    /// A claim lasts for `spacing`, which must be longer than an attempt: if the daemon dies, another one repeats the post
    /// then, with the same id. The same time lies between the beginnings of two posts to a tenant for one reason.
    ///
    /// - Parameters:
    ///   - limit: The maximum number of posts.
    ///   - spacing: The length of a claim.
    /// - Returns: The posts, at most one for each tenant and reason.
    /// - Throws: `PostgresError`.
    public func claim(limit: Int, spacing: Duration) async throws -> [NotificationPost] {
        try await pool.execute(
            """
            INSERT INTO notification_posts ("tenantId", reason)
            SELECT DISTINCT n."tenantId", n.reason FROM notifications n
            WHERE n."postId" IS NULL AND NOT EXISTS (
                SELECT FROM notification_posts p WHERE p."tenantId" = n."tenantId" AND p.reason = n.reason
            )
            ORDER BY 1, 2
            ON CONFLICT DO NOTHING
            """
        )
        return try await pool.transaction { connection in
            let claimed = try await connection.query(
                """
                UPDATE notification_posts p SET
                    "postId" = coalesce(p."postId", gen_random_uuid()),
                    attempts = p.attempts + 1,
                    "firstAt" = CASE WHEN p.attempts = 0 THEN now() ELSE p."firstAt" END,
                    "dueAt" = now() + \(spacing.seconds) * interval '1 second'
                FROM (
                    SELECT d."tenantId", d.reason FROM notification_posts d
                    WHERE d."dueAt" <= now() AND (d."postId" IS NOT NULL OR EXISTS (
                        SELECT FROM notifications n
                        WHERE n."tenantId" = d."tenantId" AND n.reason = d.reason AND n."postId" IS NULL
                    ))
                    ORDER BY d."dueAt", d."tenantId", d.reason LIMIT \(limit) FOR UPDATE SKIP LOCKED
                ) due
                WHERE p."tenantId" = due."tenantId" AND p.reason = due.reason
                RETURNING p."postId", p."tenantId", p.reason, p.attempts, (
                    SELECT t.notify FROM tenants t WHERE t."tenantId" = p."tenantId" AND t."archivedAt" IS NULL
                ) AS notify
                """
            )
            guard !claimed.isEmpty else { return [] }
            let ids = try claimed.map { try $0.decode("postId", as: UUID.self) }
            try await fill(ids, on: connection)
            let events = try await events(of: ids, on: connection)
            return try claimed.map { row in
                let id = try row.decode("postId", as: UUID.self)
                return NotificationPost(
                    id: id,
                    tenantID: try row.decode("tenantId"),
                    reason: try row.decode("reason"),
                    attempt: try row.decode("attempts"),
                    target: NotificationPost.Target(try row.json("notify")),
                    events: events[id] ?? []
                )
            }
        }
    }

    /// Gives events to those of the posts that have none: their first attempt is about to begin.
    private func fill(_ posts: [UUID], on connection: PostgresConnection) async throws {
        try await connection.execute(
            """
            UPDATE notifications n SET "postId" = next."postId"
            FROM (
                SELECT e.id, p."postId" FROM notification_posts p CROSS JOIN LATERAL (
                    SELECT w.id FROM notifications w
                    WHERE w."tenantId" = p."tenantId" AND w.reason = p.reason AND w."postId" IS NULL
                    ORDER BY w.id LIMIT \(Self.largestPost)
                ) e
                WHERE p."postId" = ANY(\(posts)::uuid[])
                    AND NOT EXISTS (SELECT FROM notifications x WHERE x."postId" = p."postId")
            ) next
            WHERE n.id = next.id
            """
        )
    }

    private func events(
        of posts: [UUID],
        on connection: PostgresConnection
    ) async throws -> [UUID: [JSONValue]] {
        let rows = try await connection.query(
            "SELECT \"postId\", event FROM notifications WHERE \"postId\" = ANY(\(posts)::uuid[]) ORDER BY id"
        )
        var events: [UUID: [JSONValue]] = [:]
        for row in rows {
            guard let event = try row.json("event") else { continue }
            events[try row.decode("postId"), default: []].append(event)
        }
        return events
    }
}

extension NotificationRepository {
    /// Returns the condition for the row of a post that is still under way.
    private static func isUnderWay(_ post: NotificationPost) -> PostgresQuery {
        "p.\"tenantId\" = \(post.tenantID) AND p.reason = \(post.reason) AND p.\"postId\" = \(post.id)"
    }

    /// Records that the receiver has taken a post.
    public func deliver(_ post: NotificationPost) async throws(PostgresError) {
        try await end(post, because: nil, stamping: "postedAt")
    }

    /// Ends a post that its receiver never accepted; its events are dropped.
    ///
    /// - Returns: False if another daemon has ended it.
    @discardableResult
    public func giveUp(_ post: NotificationPost, because failure: String) async throws(PostgresError) -> Bool {
        try await end(post, because: failure, stamping: "givenUpAt")
    }

    @discardableResult
    private func end(
        _ post: NotificationPost,
        because failure: String?,
        stamping column: String
    ) async throws(PostgresError) -> Bool {
        let ended = try await pool.query(
            """
            WITH ended AS (
                UPDATE notification_posts p SET "postId" = NULL, attempts = 0, failure = \(failure)
                WHERE \(fragment: Self.isUnderWay(post)) RETURNING 1
            ), stamped AS (
                UPDATE notifications n SET \(identifier: column) = now()
                WHERE n."postId" = \(post.id) AND EXISTS (SELECT FROM ended)
            )
            SELECT 1 FROM ended
            """
        )
        return !ended.isEmpty
    }

    /// Records a failed attempt, after which the post is repeated.
    ///
    /// - Parameters:
    ///   - post: The post.
    ///   - failure: The reason, for people; it must hold no address and no secret.
    ///   - delay: The time until the next attempt, if that is later than the end of the claim.
    ///   - limit: The time since the first attempt after which the post is not repeated any more.
    /// - Returns: ``Retry/exhausted`` if the caller is to give it up.
    /// - Throws: `PostgresError`.
    public func fail(
        _ post: NotificationPost,
        because failure: String,
        after delay: Duration,
        upTo limit: Duration
    ) async throws -> Retry {
        let rows = try await pool.query(
            """
            UPDATE notification_posts p SET
                "dueAt" = greatest(p."dueAt", now() + \(delay.seconds) * interval '1 second'), failure = \(failure)
            FROM (
                SELECT d."tenantId", d.reason, d.failure FROM notification_posts d
                WHERE d."tenantId" = \(post.tenantID) AND d.reason = \(post.reason) FOR UPDATE
            ) former
            WHERE \(fragment: Self.isUnderWay(post)) AND former."tenantId" = p."tenantId" AND former.reason = p.reason
            RETURNING p."firstAt" <= now() - \(limit.seconds) * interval '1 second',
                former.failure IS DISTINCT FROM \(failure)::text
            """
        )
        // Another daemon has taken the post over and ended it.
        guard let row = rows.first else { return .repeated(isNews: false) }
        return try row.decode(0) ? .exhausted : .repeated(isNews: try row.decode(1))
    }

    /// The fate of a post after a failed attempt.
    public enum Retry: Hashable, Sendable {
        /// It is repeated; `isNews` is false if the attempt before failed for the same reason.
        case repeated(isNews: Bool)
        case exhausted
    }

    /// Keeps a post that cannot be tried, because a reference leads to nothing: it counts as no attempt.
    ///
    /// - Returns: True if this was not known before.
    public func hold(_ post: NotificationPost, because failure: String) async throws -> Bool {
        let rows = try await pool.query(
            """
            UPDATE notification_posts p SET attempts = 0, failure = \(failure)
            FROM (
                SELECT d."tenantId", d.reason, d.failure FROM notification_posts d
                WHERE d."tenantId" = \(post.tenantID) AND d.reason = \(post.reason) FOR UPDATE
            ) former
            WHERE \(fragment: Self.isUnderWay(post)) AND former."tenantId" = p."tenantId" AND former.reason = p.reason
            RETURNING former.failure IS DISTINCT FROM \(failure)::text
            """
        )
        return try rows.first?.decode(0) ?? false
    }
}
