public import Foundation
import JSON
public import Postgres

extension AccountSweepRepository {
    /// A change of a number or of a limit that a reading found.
    public struct Change: Hashable, Sendable {
        /// WhatsApp's id of the number; `nil` for a change of the account.
        public let phoneNumberID: String?
        /// The words for a log line, such as `quality`.
        public let subject: String
        public let from: String
        public let to: String
    }

    /// Begins a sweep: keeps the account and its numbers.
    ///
    /// Senders of the spec's account whose number was found get the account's id and its limit.
    ///
    /// - Parameters:
    ///   - profile: The account.
    ///   - limit: The messaging limit that its numbers have; `.some(nil)` for none, `nil` if it was not told.
    ///   - numbers: All its numbers.
    ///   - claim: The claim.
    ///   - start: The time of the first call.
    /// - Returns: What has changed since the last reading; `nil` if the claim was lost, and nothing was written.
    /// - Throws: `PostgresError`.
    public func begin(
        _ profile: AccountProfile,
        limit: Int??,
        numbers: [SeenNumber],
        for claim: AccountSweepClaim,
        at start: Date
    ) async throws -> [Change]? {
        try await pool.transaction { connection in
            let held = try await connection.query(
                """
                UPDATE account_sweeps s SET "startedAt" = \(start), cursor = NULL
                WHERE s."accountId" = \(claim.accountID) AND s.lease = \(claim.lease) RETURNING true
                """
            )
            guard !held.isEmpty else { return nil }
            var changes = try await keep(profile, limit: limit, for: claim, at: start, on: connection)
            changes += try await keep(numbers, for: claim, at: start, on: connection)
            try await nameSenders(of: claim, on: connection)
            return changes
        }
    }

    private func keep(
        _ profile: AccountProfile,
        limit: Int??,
        for claim: AccountSweepClaim,
        at start: Date,
        on connection: PostgresConnection
    ) async throws -> [Change] {
        let former = try await connection.query(
            """
            SELECT a."messagingLimit", a."limitAt" > \(start)::timestamptz - interval '60 seconds'
                    AND a."limitAt" IS DISTINCT FROM a."readAt",
                a."limitAt" IS NOT NULL
            FROM whatsapp_accounts a WHERE a."businessAccountId" = \(claim.wabaID) FOR UPDATE
            """
        )
        let isTold = try former.first?.decode(1, as: Bool?.self) ?? false
        let isLimitRead = limit != nil && !isTold
        try await connection.execute(
            """
            INSERT INTO whatsapp_accounts AS a (
                "businessAccountId", name, currency, "businessId", "reviewStatus", verification, "messagingLimit",
                "limitAt", "readAt"
            )
            VALUES (
                \(claim.wabaID), \(profile.name), \(profile.currency), \(profile.businessID), \(profile.reviewStatus),
                \(profile.verification), \(limit ?? nil), \(isLimitRead ? start : nil), \(start)
            )
            ON CONFLICT ("businessAccountId") DO UPDATE SET
                name = excluded.name, currency = excluded.currency, "businessId" = excluded."businessId",
                "reviewStatus" = excluded."reviewStatus", verification = excluded.verification,
                "messagingLimit" = CASE WHEN \(isLimitRead) THEN excluded."messagingLimit" ELSE a."messagingLimit" END,
                "limitAt" = coalesce(excluded."limitAt", a."limitAt"), "readAt" = excluded."readAt"
            """
        )
        guard isLimitRead, let row = former.first, try row.decode(2) else { return [] }
        let old = try row.decode(0, as: Int?.self)
        guard old != (limit ?? nil) else { return [] }
        func text(_ limit: Int?) -> String { limit.map(String.init) ?? "unlimited" }
        return [Change(phoneNumberID: nil, subject: "messaging limit", from: text(old), to: text(limit ?? nil))]
    }

    private func keep(
        _ numbers: [SeenNumber],
        for claim: AccountSweepClaim,
        at start: Date,
        on connection: PostgresConnection
    ) async throws -> [Change] {
        let former = try await connection.query(
            """
            SELECT n.* FROM whatsapp_numbers n WHERE n."businessAccountId" = \(claim.wabaID)
            ORDER BY n."phoneNumberId" FOR UPDATE
            """
        )
        .map(SeenNumber.init(row:))
        try await connection.execute(
            """
            INSERT INTO whatsapp_numbers AS n (
                "businessAccountId", "phoneNumberId", "displayPhoneNumber", "verifiedName", status, "nameStatus", quality,
                throughput, "messagingTier", platform, webhooks, "readAt"
            )
            SELECT \(claim.wabaID), r.id, r.display, r.name, r.status, r."nameStatus", r.quality, r.throughput, r.tier,
                r.platform, r.webhooks, \(start)
            FROM jsonb_to_recordset(\(PostgresJSON(.array(numbers.map(\.json))))::jsonb) AS r(
                id text, display text, name text, status text, "nameStatus" text, quality text, throughput text, tier text,
                platform text, webhooks jsonb
            )
            ORDER BY r.id
            ON CONFLICT ("businessAccountId", "phoneNumberId") DO UPDATE SET
                "displayPhoneNumber" = excluded."displayPhoneNumber", "verifiedName" = excluded."verifiedName",
                status = excluded.status, "nameStatus" = excluded."nameStatus", quality = excluded.quality,
                throughput = excluded.throughput, "messagingTier" = excluded."messagingTier",
                platform = excluded.platform, webhooks = excluded.webhooks, "readAt" = excluded."readAt", "goneAt" = NULL
                WHERE n."readAt" <= excluded."readAt"
            """
        )
        try await connection.execute(
            """
            UPDATE whatsapp_numbers n SET "goneAt" = \(start)
            WHERE n."businessAccountId" = \(claim.wabaID) AND n."goneAt" IS NULL AND n."readAt" < \(start)::timestamptz
            """
        )
        let known = Dictionary(former.map { ($0.phoneNumberID, $0) }) { first, _ in first }
        return numbers.flatMap { number in known[number.phoneNumberID].map(number.changes(since:)) ?? [] }
    }

    /// Gives the senders of the account what was read of their numbers.
    private func nameSenders(of claim: AccountSweepClaim, on connection: PostgresConnection) async throws {
        try await connection.execute(
            """
            UPDATE senders s SET
                "businessAccountId" = n."businessAccountId",
                "displayPhoneNumber" = coalesce(n."displayPhoneNumber", s."displayPhoneNumber"),
                "messagingLimit" = a."messagingLimit"
            FROM whatsapp_numbers n JOIN whatsapp_accounts a ON a."businessAccountId" = n."businessAccountId"
            WHERE n."businessAccountId" = \(claim.wabaID) AND n."goneAt" IS NULL AND s."accountId" = \(claim.accountID)
                AND s."phoneNumberId" = n."phoneNumberId" AND s."archivedAt" IS NULL
                AND (s."businessAccountId", s."messagingLimit", s."displayPhoneNumber") IS DISTINCT FROM
                    (n."businessAccountId", a."messagingLimit", coalesce(n."displayPhoneNumber", s."displayPhoneNumber"))
            """
        )
        // Senders of other tenants, and those that webhooks named.
        try await connection.execute(
            """
            UPDATE senders s SET "messagingLimit" = a."messagingLimit" FROM whatsapp_accounts a
            WHERE a."businessAccountId" = \(claim.wabaID) AND s."businessAccountId" = \(claim.wabaID)
                AND s."messagingLimit" IS DISTINCT FROM a."messagingLimit"
            """
        )
    }

    /// Keeps a page of templates, and the place of the next one.
    ///
    /// A fact that a webhook told within a minute before the call, or since, stays: pages lag a little behind webhooks.
    ///
    /// - Parameters:
    ///   - templates: The templates of the page.
    ///   - summary: The number of templates and the largest one, if the page has them.
    ///   - cursor: The place of the next page; `nil` after the last, which ends the sweep.
    ///   - claim: The claim; it ends with the sweep.
    ///   - start: The time of the call.
    ///   - interval: The time until the next sweep.
    /// - Returns: False if the claim was lost, and nothing was written.
    /// - Throws: `PostgresError`.
    public func keep(
        _ templates: [SeenTemplate],
        summary: (count: Int?, limit: Int?) = (nil, nil),
        cursor: String?,
        for claim: AccountSweepClaim,
        at start: Date,
        interval: Duration
    ) async throws -> Bool {
        let isHeld = try await pool.transaction { connection in
            let held = try await connection.query(
                """
                UPDATE account_sweeps s SET cursor = \(cursor) WHERE s."accountId" = \(claim.accountID)
                    AND s.lease = \(claim.lease) AND s."startedAt" IS NOT NULL RETURNING s."startedAt"
                """
            )
            guard let row = held.first else { return false }
            try await Self.keep(templates, of: claim.wabaID, at: start, on: connection)
            if summary.count != nil || summary.limit != nil {
                try await connection.execute(
                    """
                    UPDATE whatsapp_accounts a SET "templateCount" = coalesce(\(summary.count)::integer, a."templateCount"),
                        "templateLimit" = coalesce(\(summary.limit)::integer, a."templateLimit")
                    WHERE a."businessAccountId" = \(claim.wabaID)
                    """
                )
            }
            guard cursor == nil else { return true }
            try await finish(claim, from: row.decode(0), interval: interval, on: connection)
            return true
        }
        if isHeld {
            // In case their webhook was lost, or the text has changed without one.
            let approved = Set(templates.filter { $0.status == "APPROVED" }.map(\.name))
            _ = try await RunRepository(pool: pool).resumeHeld(byTemplates: approved, account: claim.wabaID)
        }
        return isHeld
    }

    /// Ends a whole sweep: what it did not find is gone.
    private func finish(
        _ claim: AccountSweepClaim,
        from start: Date,
        interval: Duration,
        on connection: PostgresConnection
    ) async throws {
        try await connection.execute(
            """
            UPDATE whatsapp_templates t SET "goneAt" = now()
            WHERE t."businessAccountId" = \(claim.wabaID) AND t."goneAt" IS NULL
                AND coalesce(t."readAt" < \(start)::timestamptz, true)
                AND coalesce(
                    coalesce(
                        t."toldAt",
                        CASE WHEN t."readAt" IS NULL THEN greatest(t."statusAt", t."qualityAt", t."categoryAt") END
                    ) < \(start)::timestamptz - interval '60 seconds',
                    true
                )
            """
        )
        try await connection.execute(
            """
            UPDATE account_sweeps s SET
                "sweptFrom" = s."startedAt", "sweptAt" = now(), "startedAt" = NULL, cursor = NULL, failures = 0,
                error = NULL, "errorAt" = NULL, lease = NULL, "leasedUntil" = NULL, "notBefore" = NULL,
                "dueAt" = CASE WHEN s."wantedAt" > s."startedAt"
                    THEN greatest(now(), s."startedAt" + \(Self.coalescing.seconds) * interval '1 second')
                    ELSE now() + \(interval.seconds) * interval '1 second' END
            WHERE s."accountId" = \(claim.accountID)
            """
        )
    }

    /// Keeps templates that were read outside of a sweep, such as one by its name.
    ///
    /// - Parameters:
    ///   - templates: The templates.
    ///   - account: WhatsApp's id of the account.
    ///   - start: The time of the call, by Postgres's clock.
    ///   - connection: The connection to use.
    /// - Throws: `PostgresError`.
    public static func keep(
        _ templates: [SeenTemplate],
        of account: String,
        at start: Date,
        on connection: PostgresConnection
    ) async throws {
        // Rows that Postgres could not hold were never ours; of two of one name, one is being deleted.
        var rows: [String: SeenTemplate] = [:]
        for template in templates where template.name.utf8.count <= 512 && template.language.utf8.count <= 20 {
            if let other = rows[template.key], !["PENDING_DELETION", "DELETED"].contains(other.status) { continue }
            rows[template.key] = template
        }
        guard !rows.isEmpty else { return }
        let told: PostgresQuery = #"coalesce(w."toldAt" > excluded."readAt" - interval '60 seconds', false)"#
        let stays: PostgresQuery = "(\(fragment: told) OR w.status IS NOT DISTINCT FROM excluded.status)"
        try await connection.execute(
            """
            INSERT INTO whatsapp_templates AS w (
                "businessAccountId", name, language, "whatsappId", status, reason, "statusAt", quality, "qualityAt",
                category, "nextCategory", "previousCategory", "categoryAt", components, "parameterFormat", "ttlSeconds",
                "readAt"
            )
            SELECT \(account), r.name, r.language, r.id, r.status, r.reason, \(start), r.quality,
                CASE WHEN r.quality IS NOT NULL THEN \(start)::timestamptz END, r.category, r.next, r.previous, \(start),
                r.components, r.format, r.ttl, \(start)
            FROM jsonb_to_recordset(\(PostgresJSON(.array(rows.values.map(\.json))))::jsonb) AS r(
                name text, language text, id text, status text, reason text, quality text, category text, next text,
                previous text, components jsonb, format text, ttl integer
            )
            ORDER BY r.name, r.language
            ON CONFLICT ("businessAccountId", name, language) DO UPDATE SET
                "whatsappId" = excluded."whatsappId", components = excluded.components,
                "parameterFormat" = excluded."parameterFormat", "ttlSeconds" = excluded."ttlSeconds",
                "readAt" = excluded."readAt", "goneAt" = NULL,
                status = CASE WHEN \(fragment: told) THEN coalesce(w.status, excluded.status) ELSE excluded.status END,
                reason = CASE WHEN \(fragment: stays) THEN coalesce(w.reason, excluded.reason) ELSE excluded.reason END,
                advice = CASE WHEN \(fragment: stays) THEN w.advice END,
                "statusAt" = CASE WHEN \(fragment: stays) THEN coalesce(w."statusAt", excluded."statusAt")
                    ELSE excluded."statusAt" END,
                quality = CASE WHEN \(fragment: told) THEN coalesce(w.quality, excluded.quality) ELSE excluded.quality END,
                "qualityAt" = CASE WHEN \(fragment: told) OR w.quality IS NOT DISTINCT FROM excluded.quality
                    THEN coalesce(w."qualityAt", excluded."qualityAt") ELSE excluded."qualityAt" END,
                category = CASE WHEN \(fragment: told) THEN coalesce(w.category, excluded.category)
                    ELSE excluded.category END,
                "nextCategory" = CASE WHEN \(fragment: told) AND w.category IS NOT NULL THEN w."nextCategory"
                    ELSE excluded."nextCategory" END,
                "previousCategory" = coalesce(
                    excluded."previousCategory",
                    CASE WHEN w.category <> excluded.category AND NOT \(fragment: told) THEN w.category
                        ELSE w."previousCategory" END
                ),
                "categoryAt" = CASE
                    WHEN \(fragment: told)
                        OR (w.category, w."nextCategory") IS NOT DISTINCT FROM (excluded.category, excluded."nextCategory")
                    THEN coalesce(w."categoryAt", excluded."categoryAt") ELSE excluded."categoryAt" END
                WHERE w."readAt" IS NULL OR w."readAt" <= excluded."readAt"
            """
        )
    }
}

extension SeenNumber {
    fileprivate var json: JSONValue {
        var row: [String: JSONValue] = ["id": .string(phoneNumberID)]
        row["display"] = displayPhoneNumber.map { .string(String($0.prefix(40))) }
        row["name"] = verifiedName.map(JSONValue.string)
        row["status"] = status.map { .string(String($0.prefix(30))) }
        row["nameStatus"] = nameStatus.map { .string(String($0.prefix(40))) }
        row["quality"] = quality.map { .string(String($0.prefix(30))) }
        row["throughput"] = throughput.map { .string(String($0.prefix(30))) }
        row["tier"] = messagingTier.map { .string(String($0.prefix(30))) }
        row["platform"] = platform.map { .string(String($0.prefix(30))) }
        row["webhooks"] = webhooks
        return .object(row)
    }

    /// Returns the differences to the reading before that people want to know.
    fileprivate func changes(since former: SeenNumber) -> [AccountSweepRepository.Change] {
        func change(_ subject: String, _ from: String?, _ to: String?) -> AccountSweepRepository.Change? {
            guard from != to else { return nil }
            return .init(phoneNumberID: phoneNumberID, subject: subject, from: from ?? "none", to: to ?? "none")
        }
        return [
            change("quality", former.quality, quality), change("status", former.status, status),
            change("throughput", former.throughput, throughput),
        ]
        .compactMap(\.self)
    }
}

extension SeenTemplate {
    fileprivate var json: JSONValue {
        var row: [String: JSONValue] = ["name": .string(name), "language": .string(language)]
        row["id"] = whatsappID.map { .string(String($0.prefix(32))) }
        row["status"] = status.map { .string(String($0.prefix(30))) }
        row["reason"] = reason.map(JSONValue.string)
        row["quality"] = quality.map { .string(String($0.prefix(30))) }
        row["category"] = category.map { .string(String($0.prefix(30))) }
        row["next"] = nextCategory.map { .string(String($0.prefix(30))) }
        row["previous"] = previousCategory.map { .string(String($0.prefix(30))) }
        row["components"] = components
        row["format"] = parameterFormat.map { .string(String($0.prefix(20))) }
        row["ttl"] = ttlSeconds.map { .integer(Int(Int32(clamping: $0))) }
        return .object(row)
    }
}
