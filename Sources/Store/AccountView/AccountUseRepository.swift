public import Postgres

/// The parts of its accounts at WhatsApp that a tenant uses.
public struct AccountUse: Sendable {
    /// A number that sends.
    public struct Sender: Sendable {
        public let name: String
        public let phoneNumberID: String
        /// A reference, never the token.
        public let accessToken: String
        /// The name of the account; `nil` for a tenant without accounts.
        public let account: String?
        /// Business-initiated messages in 24 hours, as the spec has it; `nil` for no limit.
        public let dailyLimit: Int?
        /// The quota group as its spec names it, and the number if it names none.
        public let quotaGroup: String
    }

    /// A template that campaigns send, in one language.
    public struct Template: Sendable {
        public let whatsappName: String
        public let language: String
        public let category: String
        public let account: String?
        /// The names of the campaigns.
        public let campaigns: [String]
    }

    public let senders: [Sender]
    public let templates: [Template]
}

/// Reads what tenants use of their accounts.
public struct AccountUseRepository: Sendable {
    private let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Returns what a tenant uses.
    ///
    /// - Throws: `PostgresError`.
    public func use(of tenant: String) async throws -> AccountUse {
        try await pool.transaction(isolation: .repeatableRead, readOnly: true) { connection in
            let senders = try await connection.query(
                """
                SELECT s.name, s."phoneNumberId", s."accessToken", a.name AS account, s."dailyLimit", s."quotaGroup"
                FROM senders s LEFT JOIN accounts a ON a.id = s."accountId"
                WHERE s."tenantId" = \(tenant) AND s."archivedAt" IS NULL ORDER BY s.name
                """
            )
            let templates = try await connection.query(
                """
                SELECT t."whatsappName", l.code AS language, t.category, a.name AS account,
                    array_agg(DISTINCT c.name::text ORDER BY c.name::text) AS campaigns
                FROM campaigns c JOIN templates t ON t.id = c."templateId" LEFT JOIN accounts a ON a.id = t."accountId"
                -- At WhatsApp each language is a template of its own.
                CROSS JOIN LATERAL (
                    SELECT t.language::text AS code UNION SELECT jsonb_object_keys(t.parts -> 'languages')
                ) l
                WHERE c."tenantId" = \(tenant) AND c."archivedAt" IS NULL
                    AND c.status NOT IN (\(campaign: .completed), \(campaign: .cancelled))
                GROUP BY 1, 2, 3, 4 ORDER BY 1, 2
                """
            )
            return AccountUse(
                senders: try senders.map(AccountUse.Sender.init(row:)),
                templates: try templates.map(AccountUse.Template.init(row:))
            )
        }
    }
}

extension AccountUse.Sender {
    init(row: PostgresRow) throws {
        name = try row.decode("name")
        phoneNumberID = try row.decode("phoneNumberId")
        accessToken = try row.decode("accessToken")
        account = try row.decode("account")
        dailyLimit = try row.decode("dailyLimit")
        quotaGroup = try row.decode("quotaGroup")
    }
}

extension AccountUse.Template {
    init(row: PostgresRow) throws {
        whatsappName = try row.decode("whatsappName")
        language = try row.decode("language")
        category = try row.decode("category")
        account = try row.decode("account")
        campaigns = try row.decode("campaigns")
    }
}
