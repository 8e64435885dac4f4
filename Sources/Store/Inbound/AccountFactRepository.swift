public import Foundation
public import Postgres

/// The facts that WhatsApp's webhooks tell of templates, numbers and accounts.
public struct AccountFactRepository: Sendable {
    private let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Keeps facts, unless a later one of the same kind is known.
    ///
    /// - Throws: `PostgresError`; keep the facts again then.
    func keep(_ facts: [AccountFact]) async throws {
        for fact in facts {
            try await pool.execute(fact.statement)
            if case .messagingLimit = fact.content { try await limitSenders(of: fact.businessAccountID) }
        }
    }

    /// Gives the limit of an account to its senders.
    private func limitSenders(of account: String) async throws {
        try await pool.execute(
            """
            UPDATE senders s SET "messagingLimit" = a."messagingLimit" FROM whatsapp_accounts a
            WHERE a."businessAccountId" = \(account) AND s."businessAccountId" = \(account)
                AND s."messagingLimit" IS DISTINCT FROM a."messagingLimit"
            """
        )
    }

    /// Returns true if a later report says that the template of a stop can be sent.
    func overrides(_ stop: InboundReport.Stop) async throws -> Bool {
        guard case .template(let name, let language) = stop.subject else { return false }
        let rows = try await pool.query(
            """
            SELECT w.status FROM whatsapp_templates w
            WHERE w."businessAccountId" = \(stop.businessAccountID) AND w.name = \(name)
                AND w.language = \(TemplateState.language(language)) AND w."statusAt" > \(stop.at)::timestamptz
            """
        )
        return try rows.first.map { try !TemplateState.stopped.contains($0.decode(0)) } ?? false
    }
}

extension AccountFactRepository {
    /// Returns the states of templates of a tenant in the accounts of its senders, by name and language at WhatsApp.
    static func states(
        of tenant: String,
        names: [String],
        on connection: PostgresConnection
    ) async throws -> [TemplateState] {
        guard !names.isEmpty else { return [] }
        let rows = try await connection.query(
            """
            SELECT w.* FROM whatsapp_templates w
            WHERE w."businessAccountId" IN (
                SELECT s."businessAccountId" FROM senders s WHERE s."tenantId" = \(tenant) AND s."archivedAt" IS NULL
            ) AND w.name = ANY(\(names)::text[])
            ORDER BY w."businessAccountId", w.name, w.language
            """
        )
        return try rows.map(TemplateState.init(row:))
    }

    /// The facts about a sender and its account that matter before a launch.
    public struct SenderFacts: Sendable {
        public let tenantID: String
        public let name: String
        /// Sentences about the number and the account.
        public let remarks: [String]
        /// The states of the account's templates, by name and language.
        public private(set) var templates: [String: TemplateState] = [:]

        /// Returns the state of a template by its name and language at WhatsApp.
        public func template(_ name: String, _ language: String) -> TemplateState? {
            templates[Self.key(name, language)]
        }

        private static func key(_ name: String, _ language: String) -> String {
            "\(name) \(TemplateState.language(language))"
        }

        fileprivate mutating func add(_ state: TemplateState) {
            templates[Self.key(state.name, state.language)] = state
        }
    }

    /// Reads the facts of all senders.
    ///
    /// - Parameters:
    ///   - tenants: The tenants of the senders; `nil` for all.
    ///   - now: Restrictions that ended before are left out.
    ///   - time: Writes a time for the people of a tenant.
    ///   - connection: The connection to use.
    /// - Returns: The facts, in the order of tenants and names; senders whose account is unknown are left out. Empty for a role that may
    ///   not read the tables, which are younger than some readers.
    /// - Throws: `PostgresError`.
    public static func facts(
        tenants: [String]?,
        now: Date,
        time: (_ tenant: String, Date) -> String,
        on connection: PostgresConnection
    ) async throws -> [SenderFacts] {
        let mayRead = try await connection.query(
            """
            SELECT has_table_privilege('whatsapp_templates', 'SELECT') AND has_table_privilege('whatsapp_accounts', 'SELECT')
            """
        )
        guard try mayRead[0].decode(0) else { return [] }
        let condition: PostgresQuery =
            if let tenants { "s.\"tenantId\" = ANY(\(tenants)::text[])" } else { "true" }
        let rows = try await connection.query(
            """
            SELECT s."tenantId", s.name AS sender, s."businessAccountId", s."qualityEvent", s."qualityEventAt",
                a.restriction, a."restrictedUntil"
            FROM senders s LEFT JOIN whatsapp_accounts a ON a."businessAccountId" = s."businessAccountId"
            WHERE \(fragment: condition) AND s."archivedAt" IS NULL AND s."businessAccountId" IS NOT NULL
            ORDER BY s."tenantId", s.name
            """
        )
        let accounts = try Set(rows.map { try $0.decode("businessAccountId", as: String.self) })
        guard !accounts.isEmpty else { return [] }
        let states = try await connection.query(
            """
            SELECT w.* FROM whatsapp_templates w WHERE w."businessAccountId" = ANY(\(Array(accounts))::text[])
            """
        )
        .map(TemplateState.init(row:))
        let byAccount = Dictionary(grouping: states, by: \.businessAccountID)
        return try rows.map { row in
            let tenant = try row.decode("tenantId", as: String.self)
            var facts = SenderFacts(
                tenantID: tenant,
                name: try row.decode("sender"),
                remarks: try remarks(row, now: now) { time(tenant, $0) }
            )
            for state in byAccount[try row.decode("businessAccountId")] ?? [] { facts.add(state) }
            return facts
        }
    }

    /// Returns what WhatsApp reported of the template, the number and the account of a run, as sentences.
    public func remarks(ofRun run: UUID, now: Date = Date()) async throws -> [String] {
        let rows = try await pool.query(
            """
            SELECT s.name AS sender, s."qualityEvent", s."qualityEventAt", a.restriction, a."restrictedUntil", w.*
            FROM campaign_runs r
            JOIN senders s ON s.id = r."senderId"
            JOIN campaign_revisions v ON v.id = r."revisionId"
            LEFT JOIN whatsapp_accounts a ON a."businessAccountId" = \(fragment: RunRepository.account)
            LEFT JOIN whatsapp_templates w ON w."businessAccountId" = \(fragment: RunRepository.account)
                AND w.name = v.content #>> '{message,template,name}'
                AND \(fragment: TemplateState.isSent(by: "(v.content -> 'message')", in: "w.language"))
            WHERE r.id = \(run) ORDER BY w.language
            """
        )
        guard let row = rows.first else { return [] }
        // A row for each language that it sends.
        let templates = try rows.compactMap { row -> String? in
            guard try row.decode("name", as: String?.self) != nil else { return nil }
            let state = try TemplateState(row: row)
            return state.remark(storedCategory: nil).map {
                "at WhatsApp, template `\(state.name)` (\(state.language)) \($0)"
            }
        }
        return try Self.remarks(row, now: now) + templates
    }

    private static func remarks(
        _ row: PostgresRow,
        now: Date,
        time: (Date) -> String = { $0.formatted(.iso8601) }
    ) throws -> [String] {
        let sender = try "sender `\(row.decode("sender", as: String.self))`"
        var remarks: [String] = []
        if try row.decode("qualityEvent", as: String?.self) == "FLAGGED" {
            let since = try row.decode("qualityEventAt", as: Date?.self).map { " on \(time($0))" } ?? ""
            remarks.append("WhatsApp flagged the number of \(sender) for its quality\(since)")
        }
        let until = try row.decode("restrictedUntil", as: Date?.self)
        if let restriction = try row.decode("restriction", as: String?.self), until.map({ $0 > now }) ?? true {
            let end = until.map { " until \(time($0))" } ?? ""
            remarks.append("WhatsApp restricted the account of \(sender): \(restriction)\(end)")
        }
        return remarks
    }
}

extension TemplateState {
    init(row: PostgresRow) throws {
        businessAccountID = try row.decode("businessAccountId")
        name = try row.decode("name")
        language = try row.decode("language")
        status = try row.decode("status")
        reason = try row.decode("reason")
        statusAt = try row.decode("statusAt")
        quality = try row.decode("quality")
        category = try row.decode("category")
        nextCategory = try row.decode("nextCategory")
    }
}

extension AccountFact {
    /// True of a report that is not older than what was read since; clocks differ, and reads lag a little behind reports.
    fileprivate static let isNews: PostgresQuery =
        #"(w."readAt" IS NULL OR w."readAt" - interval '60 seconds' <= excluded."toldAt")"#

    /// The statement that keeps the fact, unless a later one is known.
    fileprivate var statement: PostgresQuery {
        switch content {
        case .templateStatus(let name, let language, let status, let reason, let advice):
            """
            INSERT INTO whatsapp_templates AS w (
                "businessAccountId", name, language, status, reason, advice, "statusAt", "toldAt"
            )
            VALUES (
                \(businessAccountID), \(name), \(TemplateState.language(language)), \(status), \(reason), \(advice), \(at), \(at)
            )
            ON CONFLICT ("businessAccountId", name, language) DO UPDATE
                SET status = excluded.status, reason = excluded.reason, advice = excluded.advice,
                    "statusAt" = excluded."statusAt", "toldAt" = greatest(w."toldAt", excluded."toldAt"),
                    "goneAt" = CASE WHEN excluded.status IN ('DELETED', 'PENDING_DELETION') THEN w."goneAt" END
                WHERE (w."statusAt" IS NULL OR w."statusAt" <= excluded."statusAt") AND \(fragment: Self.isNews)
            """
        case .templateQuality(let name, let language, let quality):
            """
            INSERT INTO whatsapp_templates AS w ("businessAccountId", name, language, quality, "qualityAt", "toldAt")
            VALUES (\(businessAccountID), \(name), \(TemplateState.language(language)), \(quality), \(at), \(at))
            ON CONFLICT ("businessAccountId", name, language) DO UPDATE
                SET quality = excluded.quality, "qualityAt" = excluded."qualityAt",
                    "toldAt" = greatest(w."toldAt", excluded."toldAt")
                WHERE (w."qualityAt" IS NULL OR w."qualityAt" <= excluded."qualityAt") AND \(fragment: Self.isNews)
            """
        case .templateCategory(let name, let language, let category, let next):
            """
            INSERT INTO whatsapp_templates AS w (
                "businessAccountId", name, language, category, "nextCategory", "categoryAt", "toldAt"
            )
            VALUES (
                \(businessAccountID), \(name), \(TemplateState.language(language)), \(category), \(next), \(at), \(at)
            )
            ON CONFLICT ("businessAccountId", name, language) DO UPDATE
                SET category = excluded.category, "nextCategory" = excluded."nextCategory",
                    "categoryAt" = excluded."categoryAt", "toldAt" = greatest(w."toldAt", excluded."toldAt"),
                    "previousCategory" = CASE WHEN w.category <> excluded.category THEN w.category
                        ELSE w."previousCategory" END
                WHERE (w."categoryAt" IS NULL OR w."categoryAt" <= excluded."categoryAt") AND \(fragment: Self.isNews)
            """
        case .numberQuality(let display, let event):
            """
            UPDATE senders s SET "qualityEvent" = \(event), "qualityEventAt" = \(at)
            WHERE s."businessAccountId" = \(businessAccountID) AND s."archivedAt" IS NULL
                AND regexp_replace(s."displayPhoneNumber", '[^0-9]', '', 'g')
                    = regexp_replace(\(display)::text, '[^0-9]', '', 'g')
                AND (s."qualityEventAt" IS NULL OR s."qualityEventAt" <= \(at)::timestamptz)
            """
        case .messagingLimit(let limit):
            """
            INSERT INTO whatsapp_accounts AS a ("businessAccountId", "messagingLimit", "limitAt")
            VALUES (\(businessAccountID), \(limit), \(at))
            ON CONFLICT ("businessAccountId") DO UPDATE
                SET "messagingLimit" = excluded."messagingLimit", "limitAt" = excluded."limitAt"
                WHERE a."limitAt" IS NULL OR a."limitAt" <= excluded."limitAt"
            """
        case .restriction(let restriction, let until):
            """
            INSERT INTO whatsapp_accounts AS a (
                "businessAccountId", restriction, "restrictedUntil", "restrictionAt"
            )
            VALUES (\(businessAccountID), \(restriction), \(until), \(at))
            ON CONFLICT ("businessAccountId") DO UPDATE
                SET restriction = excluded.restriction, "restrictedUntil" = excluded."restrictedUntil",
                    "restrictionAt" = excluded."restrictionAt"
                WHERE a."restrictionAt" IS NULL OR a."restrictionAt" <= excluded."restrictionAt"
            """
        }
    }
}
