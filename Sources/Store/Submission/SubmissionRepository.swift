public import Foundation
import JSON
public import Postgres
import Spec

/// The wishes to change templates at WhatsApp.
///
/// All times are of Postgres's clock.
public struct SubmissionRepository: Sendable {
    /// Creations of an account in an hour.
    static let createsPerHour = 100
    /// Edits of an approved template in 24 hours and in 30 days.
    public static let (editsPerDay, editsPerMonth) = (1, 10)

    /// The columns of ``SubmissionRecord``.
    static let selection: PostgresQuery = """
        s.*, (SELECT a.name FROM accounts a WHERE a.id = s."accountId") AS "accountName",
        (SELECT t.name FROM templates t WHERE t.id = s."templateId") AS "templateName"
        """

    /// Of the same template, or of another language of it.
    private static let isNamesake: PostgresQuery = """
        o."accountId" = s."accountId" AND o."wabaId" = s."wabaId" AND o.name = s.name
        """

    private static let isSame: PostgresQuery = """
        \(fragment: isNamesake) AND coalesce(o.language, '') = coalesce(s.language, '')
        """

    /// One of the two changes what the other one changes: a deletion of all languages and each of these as well.
    private static let overlaps: PostgresQuery = """
        \(fragment: isNamesake) AND (o.language = s.language OR o.language IS NULL OR s.language IS NULL)
        """

    /// The state of a wish that is to be sent again, unless a later one waits or it was taken back.
    private static let wantedAgain: PostgresQuery = """
        CASE WHEN s."takenBackAt" IS NOT NULL OR EXISTS (
            SELECT FROM template_submissions o WHERE \(fragment: overlaps) AND o.status = \(submission: .wanted)
        ) THEN \(submission: .superseded) ELSE \(submission: .wanted) END
        """

    let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Stores the wishes of a plan; those for the same templates that were not sent yet are superseded.
    ///
    /// - Parameters:
    ///   - wishes: The wishes, at most one for a name and language of an account.
    ///   - takenBack: Wishes that are wished no more: they are superseded, or not sent again if a request is on its way.
    ///   - digest: The digest of the plan.
    ///   - connection: The connection of the apply.
    /// - Throws: `PostgresError`.
    public static func want(
        _ wishes: [SubmissionWish],
        takingBack takenBack: [UUID] = [],
        digest: String,
        on connection: PostgresConnection
    ) async throws {
        let isOver: [PostgresQuery] = ["\"settledAt\" = now()", "\"leasedUntil\" = NULL", "lease = NULL"]
        if !takenBack.isEmpty {
            let isNamed: PostgresQuery = "s.id = ANY(\(takenBack)::uuid[])"
            try await connection.execute(SubmissionStatus.moving(.supersede, set: isOver, where: isNamed))
            try await connection.execute(
                """
                UPDATE template_submissions s SET "takenBackAt" = now()
                WHERE \(fragment: isNamed) AND s."takenBackAt" IS NULL
                    AND s.status IN (\(submission: .sending), \(submission: .unsettled))
                """
            )
        }
        for wish in wishes {
            let account: PostgresQuery = """
                SELECT a.id FROM accounts a
                WHERE a."tenantId" = \(wish.tenantID) AND a.name = \(wish.account) AND a."archivedAt" IS NULL
                """
            try await connection.execute(
                SubmissionStatus.moving(
                    .supersede,
                    set: isOver,
                    where: """
                        s."accountId" = (\(fragment: account)) AND s.name = \(wish.name)
                        AND coalesce(s.language = \(wish.language)::text, true)
                        """
                )
            )
            try await connection.execute(
                """
                INSERT INTO template_submissions (
                    "tenantId", "accountId", "wabaId", "templateId", name, language, action, request, digest
                )
                SELECT \(wish.tenantID), a.id, a."wabaId", (
                    SELECT t.id FROM templates t WHERE t."tenantId" = \(wish.tenantID) AND t.name = \(wish.template)
                        AND t."managedBy" = 'spec' AND t."archivedAt" IS NULL
                ), \(wish.name), \(wish.language), \(wish.action.rawValue),
                    \(wish.request.map { PostgresJSON($0) })::jsonb, \(digest)
                FROM accounts a
                WHERE a."tenantId" = \(wish.tenantID) AND a.name = \(wish.account) AND a."archivedAt" IS NULL
                """
            )
        }
    }

    /// Claims wishes that are due, those that wait longest first.
    ///
    /// A wish that another daemon was sending when its lease expired becomes unsettled. A wish waits while an earlier one for the
    /// same template is on its way, or one for all its languages.
    ///
    /// - Parameters:
    ///   - limit: The maximum number of wishes.
    ///   - lease: The time after which another daemon takes over, longer than the work may take.
    /// - Returns: The claims.
    /// - Throws: `PostgresError`.
    public func claim(limit: Int, lease: Duration) async throws -> [SubmissionClaim] {
        let rows = try await pool.query(
            """
            UPDATE template_submissions s SET
                lease = gen_random_uuid(), "leasedUntil" = now() + \(lease.seconds) * interval '1 second',
                status = CASE WHEN s.status = \(submission: .sending) THEN \(submission: .unsettled) ELSE s.status END
            FROM (
                SELECT s.id FROM template_submissions s
                WHERE s.status IN \(anyOf: SubmissionStatus.open) AND s."dueAt" <= now()
                    AND (s."leasedUntil" IS NULL OR s."leasedUntil" <= now())
                    AND NOT (s.status = \(submission: .wanted) AND EXISTS (
                        SELECT FROM template_submissions o
                        WHERE \(fragment: Self.overlaps)
                            AND o.status IN (\(submission: .sending), \(submission: .unsettled))
                    ))
                ORDER BY s."dueAt", s.id LIMIT \(limit) FOR UPDATE SKIP LOCKED
            ) due, accounts c
            WHERE s.id = due.id AND c.id = s."accountId"
            RETURNING \(fragment: Self.selection), c."wabaId" AS "presentWabaId", c."accessToken", c."appId",
                c."archivedAt" IS NOT NULL AS "isArchived",
                extract(epoch FROM clock_timestamp() - s."sentAt")::double precision AS "secondsSinceSent"
            """
        )
        return try rows.map(SubmissionClaim.init(row:))
    }

    /// Records that a request may be on its way, if the limits of WhatsApp allow it; committed before the request is written.
    ///
    /// - Parameters:
    ///   - claim: The claim.
    ///   - countsAsEdit: True for the edit of a template that is approved.
    /// - Returns: ``SubmissionMark/marked`` if the request may be written.
    /// - Throws: `PostgresError`; nothing may be written then.
    public func mark(_ claim: SubmissionClaim, countsAsEdit: Bool) async throws -> SubmissionMark {
        try await pool.transaction { connection in
            if claim.record.wish.action == .delete,
                let use = try await TemplateUse.first(against: claim.record.wish, account: claim.wabaID, on: connection)
            {
                return .used(use)
            }
            // Two daemons would otherwise count the same requests, and both send one more; nor does an account change meanwhile.
            try await connection.execute(
                "SELECT id FROM accounts WHERE \"wabaId\" = \(claim.wabaID) ORDER BY id FOR NO KEY UPDATE"
            )
            if claim.record.wish.action == .create,
                let until = try await Self.end(
                    of: "s.action = 'create'",
                    claim,
                    limit: Self.createsPerHour,
                    within: "1 hour",
                    on: connection
                )
            {
                return .limited(until: until, reason: "the account created \(Self.createsPerHour) templates in an hour")
            }
            if countsAsEdit {
                let name = claim.record.wish.name
                let language = claim.record.wish.language
                let edits: PostgresQuery = """
                    s.action = 'edit' AND s."countsAsEdit" AND s.name = \(name) AND s.language = \(language)
                    """
                for (limit, time, words) in [
                    (Self.editsPerDay, "24 hours", "it was edited in the last 24 hours"),
                    (Self.editsPerMonth, "30 days", "it was edited \(Self.editsPerMonth) times in 30 days"),
                ] {
                    if let until = try await Self.end(of: edits, claim, limit: limit, within: time, on: connection) {
                        return .limited(until: until, reason: words)
                    }
                }
            }
            let marked = try await connection.execute(
                SubmissionStatus.moving(
                    .mark,
                    set: [
                        "attempts = s.attempts + 1", "\"sentAt\" = now()", "\"countsAsEdit\" = \(countsAsEdit)",
                        "error = NULL",
                    ],
                    where: """
                        \(fragment: Self.isHeld(claim)) AND EXISTS (
                            SELECT FROM accounts a
                            WHERE a.id = s."accountId" AND a."wabaId" = s."wabaId" AND a."archivedAt" IS NULL
                        )
                        """,
                    isKeyed: true
                )
            )
            return marked == 1 ? .marked : .lost
        }
    }

    /// Returns the time at which one more request is within a limit; `nil` if it is now.
    private static func end(
        of requests: PostgresQuery,
        _ claim: SubmissionClaim,
        limit: Int,
        within time: String,
        on connection: PostgresConnection
    ) async throws -> Date? {
        let rows = try await connection.query(
            """
            SELECT s."sentAt" + \(time)::interval FROM template_submissions s
            WHERE s."wabaId" = \(claim.wabaID) AND \(fragment: requests)
                AND s."sentAt" > now() - \(time)::interval AND s.id <> \(claim.record.id)
            ORDER BY s."sentAt" DESC OFFSET \(limit - 1) LIMIT 1
            """
        )
        return try rows.first?.decode(0)
    }

    private static func isHeld(_ claim: SubmissionClaim) -> PostgresQuery {
        "s.id = \(claim.record.id) AND s.lease = \(claim.lease)"
    }

    /// Ends a claim with the outcome of its work.
    ///
    /// - Parameters:
    ///   - claim: The claim.
    ///   - step: The outcome.
    /// - Returns: False if another daemon has taken over, which settles it by reading.
    /// - Throws: `PostgresError`; the lease then expires, and another daemon goes on.
    @discardableResult
    public func end(_ claim: SubmissionClaim, with step: SubmissionStep) async throws -> Bool {
        let free: [PostgresQuery] = ["lease = NULL", "\"leasedUntil\" = NULL"]
        let over: [PostgresQuery] = free + ["\"settledAt\" = now()"]
        let held = Self.isHeld(claim)
        let statements: [PostgresQuery]
        switch step {
        case .done(let id, let category):
            let sets =
                over + [
                    "\"whatsappId\" = coalesce(\(id), s.\"whatsappId\")", "category = \(category?.lowercased())",
                    "error = NULL", "\"errorCode\" = NULL", "\"errorSubcode\" = NULL",
                ]
            statements = [
                SubmissionStatus.moving(.accept, set: sets, where: held),
                SubmissionStatus.moving(.settle, set: sets, where: held),
            ]
        case .failed(let code, let subcode, let reason):
            // A refused edit does not count against the limits.
            let sets =
                over + [
                    "\"errorCode\" = \(code)", "\"errorSubcode\" = \(subcode)", "error = \(reason)",
                    "\"countsAsEdit\" = false",
                ]
            statements = [SubmissionStatus.moving(.refuse, set: sets, where: held)]
        case .lost(let reason):
            statements = [
                SubmissionStatus.moving(
                    .lose,
                    set: free + ["\"dueAt\" = now() + interval '5 seconds'", "error = \(reason)"],
                    where: held
                )
            ]
        case .later(let delay, let reason, let isCounted):
            let due: PostgresQuery = "\"dueAt\" = now() + \(delay.seconds) * interval '1 second'"
            let uncounted: [PostgresQuery] =
                isCounted ? [] : ["attempts = greatest(s.attempts - 1, 0)", "\"countsAsEdit\" = false"]
            statements = [
                SubmissionStatus.moving(
                    .release,
                    to: Self.wantedAgain,
                    set: free + [due, "error = \(reason)"] + uncounted,
                    where: held
                ),
                // A wish that was not sent, or is being settled, stays in its state.
                """
                UPDATE template_submissions s
                SET \(fragment: .joined(free + [due, "error = \(reason)"], separator: ", "))
                WHERE \(fragment: held) AND s.status IN (\(submission: .wanted), \(submission: .unsettled))
                """,
            ]
        }
        for statement in statements where try await pool.execute(statement) == 1 { return true }
        return false
    }

    /// Has a wish sent again whose last request did not arrive.
    ///
    /// - Returns: False if another daemon has taken over.
    /// - Throws: `PostgresError`.
    @discardableResult
    public func sendAgain(_ claim: SubmissionClaim) async throws -> Bool {
        try await pool.execute(
            SubmissionStatus.moving(
                .again,
                to: Self.wantedAgain,
                set: ["lease = NULL", "\"leasedUntil\" = NULL", "\"dueAt\" = now()", "\"countsAsEdit\" = false"],
                where: Self.isHeld(claim)
            )
        ) == 1
    }

    /// Has the failed wishes of a template tried again now.
    ///
    /// - Parameters:
    ///   - name: The template of ours, or its name at WhatsApp.
    ///   - tenant: The tenant.
    /// - Returns: The wishes that are tried again: the latest of each language, if it failed, and if the template still has
    ///   that name, language, account and text.
    /// - Throws: `PostgresError`.
    public func submitAgain(_ name: String, tenant: String) async throws -> [SubmissionRecord] {
        try await pool.transaction { connection in
            // An apply must not change the texts between the comparison and its result.
            let specs = try await connection.query(
                """
                \(fragment: TemplateRecord.selection)
                WHERE t."tenantId" = \(tenant) AND t."archivedAt" IS NULL AND (t.name = \(name) OR t."whatsappName" = \(name))
                ORDER BY t.id FOR SHARE OF t
                """
            )
            .flatMap { try TemplateRecord(row: $0).spec.submissions }
            let failed = try await connection.query(
                """
                SELECT \(fragment: Self.selection) FROM template_submissions s
                WHERE s.status = \(submission: .failed) AND s."tenantId" = \(tenant) AND EXISTS (
                    SELECT FROM accounts a
                    WHERE a.id = s."accountId" AND a."wabaId" = s."wabaId" AND a."archivedAt" IS NULL
                ) AND CASE WHEN s."templateId" IS NULL THEN s.name = \(name) ELSE EXISTS (
                    SELECT FROM templates t
                    WHERE t.id = s."templateId" AND t."archivedAt" IS NULL AND t."accountId" = s."accountId"
                        AND (t.name = \(name) OR t."whatsappName" = \(name)) AND t."whatsappName" = s.name
                ) END AND NOT EXISTS (
                    SELECT FROM template_submissions o
                    WHERE \(fragment: Self.overlaps) AND (o."createdAt", o.id) > (s."createdAt", s.id)
                )
                """
            )
            .map(SubmissionRecord.init(row:))
            // What was refused and is not in the specs any more would replace the text that is.
            let wished = failed.filter { record in
                guard record.wish.template != nil, let request = record.wish.request else { return true }
                return specs.contains { spec in
                    spec.whatsappName == record.wish.name
                        && TemplateState.language(spec.language ?? "") == record.wish.language
                        && TemplateSubmission(spec).isWished(by: request)
                }
            }
            let rows = try await connection.query(
                SubmissionStatus.moving(
                    .submit,
                    set: [
                        "\"dueAt\" = now()", "attempts = 0", "\"settledAt\" = NULL", "error = NULL",
                        "\"toldAt\" = NULL",
                    ],
                    where: "s.id = ANY(\(wished.map(\.id))::uuid[])"
                ) + " RETURNING \(fragment: Self.selection)"
            )
            return try rows.map(SubmissionRecord.init(row:))
        }
    }

    /// Returns the latest wishes for each name and language, and the edits of 30 days.
    ///
    /// - Parameters:
    ///   - tenants: The tenants; `nil` for all.
    ///   - connection: The connection to use.
    /// - Returns: The wishes, the latest one first.
    /// - Throws: `PostgresError`.
    public static func recent(tenants: [String]?, on connection: PostgresConnection) async throws -> [SubmissionRecord]
    {
        // A plan that knew nothing of WhatsApp would be another one than that of its apply: a role must be able to read all.
        _ = try await connection.query(
            "SELECT FROM account_sweeps, whatsapp_accounts, whatsapp_numbers, whatsapp_templates LIMIT 0"
        )
        let condition: PostgresQuery =
            if let tenants { "s.\"tenantId\" = ANY(\(tenants)::text[])" } else { "true" }
        let rows = try await connection.query(
            """
            SELECT \(fragment: selection) FROM template_submissions s
            WHERE \(fragment: condition) AND (
                s."createdAt" > now() - interval '30 days' OR NOT EXISTS (
                    SELECT FROM template_submissions o
                    WHERE \(fragment: isSame) AND (o."createdAt", o.id) > (s."createdAt", s.id)
                )
            )
            ORDER BY s."createdAt" DESC, s.id DESC
            """
        )
        return try rows.map(SubmissionRecord.init(row:))
    }

    /// Returns the latest wishes of a tenant; see ``recent(tenants:on:)``.
    public func recent(tenant: String) async throws -> [SubmissionRecord] {
        try await pool.withConnection { try await Self.recent(tenants: [tenant], on: $0) }
    }

    /// Returns the number of wishes of a tenant that are not settled yet.
    public func openCount(tenant: String) async throws(PostgresError) -> Int {
        try await pool.query(
            """
            SELECT count(*) FROM template_submissions s
            WHERE s."tenantId" = \(tenant) AND s.status IN \(anyOf: SubmissionStatus.open)
            """
        )[0].decode(0)
    }
}
