import Foundation
import JSON
public import Postgres

/// Reads what tenants may see of their accounts at WhatsApp; there is no other way to it.
///
/// Two tenants can name one account. What is known of it is shown to a tenant only once the token of its own account has read it.
public struct AccountViewRepository: Sendable {
    private let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Returns the accounts of a tenant with all that may be seen of them, by name.
    ///
    /// - Parameters:
    ///   - tenant: The tenant; `nil` for all.
    ///   - withComponents: False to leave out the parts of templates, which are large.
    /// - Returns: The accounts.
    /// - Throws: `PostgresError`.
    public func views(tenant: String?, withComponents: Bool = true) async throws -> [AccountView] {
        try await pool.transaction(isolation: .repeatableRead, readOnly: true) { connection in
            try await Self.views(tenants: tenant.map { [$0] }, withComponents: withComponents, on: connection)
        }
    }

    /// An account that cannot be read, or whose number WhatsApp has marked.
    public struct Trouble: Sendable {
        public let tenantID: String
        public let account: String
        public let reason: String
    }

    /// Returns what is wrong with accounts and their numbers, for those who run the daemons.
    ///
    /// - Parameter limit: The most entries.
    /// - Returns: The troubles, by tenant and account.
    /// - Throws: `PostgresError`.
    public func troubles(limit: Int) async throws -> [Trouble] {
        let rows = try await pool.query(
            """
            SELECT a."tenantId", a.name, s.error AS reason FROM account_sweeps s JOIN accounts a ON a.id = s."accountId"
            WHERE a."archivedAt" IS NULL AND s.error IS NOT NULL
            UNION ALL
            SELECT a."tenantId", a.name, 'number ' || coalesce(n."displayPhoneNumber", n."phoneNumberId") || ': ' ||
                CASE WHEN n."goneAt" IS NOT NULL THEN 'not in the account any more'
                    ELSE concat_ws(', ', 'status ' || n.status, 'quality ' || n.quality) END
            FROM accounts a
            JOIN account_sweeps s ON s."accountId" = a.id AND s."businessAccountId" = a."wabaId" AND s."sweptAt" IS NOT NULL
            JOIN whatsapp_numbers n ON n."businessAccountId" = a."wabaId"
            WHERE a."archivedAt" IS NULL
                AND (n."goneAt" IS NOT NULL OR n.status <> 'CONNECTED' OR n.quality IN ('RED', 'YELLOW'))
                AND EXISTS (
                    SELECT FROM senders x
                    WHERE x."accountId" = a.id AND x."phoneNumberId" = n."phoneNumberId" AND x."archivedAt" IS NULL
                )
            ORDER BY 1, 2, 3 LIMIT \(limit)
            """
        )
        return try rows.map { row in
            Trouble(
                tenantID: try row.decode("tenantId"),
                account: try row.decode("name"),
                reason: try row.decode("reason")
            )
        }
    }

    /// Returns the accounts of some tenants with all that may be seen of them.
    ///
    /// - Parameters:
    ///   - tenants: The tenants; `nil` for all.
    ///   - withTemplates: False to leave out the templates.
    ///   - withComponents: False to leave out the parts of templates, which are large.
    ///   - connection: The connection to use.
    /// - Returns: The accounts by tenant and name; empty for a role that may not read the tables, which are younger than some readers.
    /// - Throws: `PostgresError`.
    public static func views(
        tenants: [String]?,
        withTemplates: Bool = true,
        withComponents: Bool = true,
        on connection: PostgresConnection
    ) async throws -> [AccountView] {
        let mayRead = try await connection.query(
            """
            SELECT bool_and(has_table_privilege(t, 'SELECT')) FROM unnest(ARRAY[
                'accounts', 'account_sweeps', 'whatsapp_accounts', 'whatsapp_numbers', 'whatsapp_templates'
            ]) AS t
            """
        )
        guard try mayRead[0].decode(0) else { return [] }
        let owner: PostgresQuery = if let tenants { #"a."tenantId" = ANY(\#(tenants)::text[])"# } else { "true" }
        let rows = try await connection.query(
            """
            SELECT a.id, a."tenantId", a.name AS "specName", a."wabaId", a."accessToken", a."appId",
                a."businessId" AS "specBusinessId", s."sweptAt", s."sweptFrom", s."dueAt", s.error, s."errorAt", w.*
            FROM accounts a
            LEFT JOIN account_sweeps s ON s."accountId" = a.id AND s."businessAccountId" = a."wabaId"
            LEFT JOIN whatsapp_accounts w ON w."businessAccountId" = a."wabaId" AND s."sweptAt" IS NOT NULL
            WHERE a."archivedAt" IS NULL AND \(fragment: owner) ORDER BY a."tenantId", a.name
            """
        )
        let isRead = { (row: PostgresRow) in try row.decode("sweptAt", as: Date?.self) != nil }
        let read = try Set(rows.filter(isRead).map { try $0.decode("wabaId", as: String.self) })
        let parts: PostgresQuery = withComponents ? "t.components" : "NULL::jsonb AS components"
        let numbers = try await seen(
            #"SELECT t.* FROM whatsapp_numbers t"#,
            #"t."phoneNumberId""#,
            of: read,
            on: connection,
            SeenNumber.init(row:)
        )
        let templates = try await seen(
            """
            SELECT t."businessAccountId", t.name, t.language, t."whatsappId", t.status, t.reason, t.advice, t.category,
                t."previousCategory", t."nextCategory", t.quality, \(fragment: parts), t."parameterFormat",
                t."ttlSeconds", t."readAt", t."goneAt", t."formerStatus"
            FROM whatsapp_templates t
            """,
            "t.name, t.language",
            of: withTemplates ? read : [],
            on: connection,
            SeenTemplate.init(row:)
        )
        return try rows.map { row in
            let waba = try row.decode("wabaId", as: String.self)
            let isRead = try isRead(row)
            return AccountView(
                accountID: try row.decode("id"),
                tenantID: try row.decode("tenantId"),
                name: try row.decode("specName"),
                wabaID: waba,
                accessToken: try row.decode("accessToken"),
                appID: try row.decode("appId"),
                businessID: try row.decode("specBusinessId"),
                sweptAt: try row.decode("sweptAt"),
                sweptFrom: try row.decode("sweptFrom"),
                dueAt: try row.decode("dueAt"),
                error: try row.decode("error"),
                errorAt: try row.decode("errorAt"),
                profile: isRead ? try AccountProfile(row: row) : nil,
                numbers: isRead ? numbers[waba] ?? [] : [],
                templates: isRead ? templates[waba] ?? [] : []
            )
        }
    }

    /// Reads rows `t` of some accounts, by the account, in an order.
    private static func seen<Value>(
        _ selection: PostgresQuery,
        _ order: PostgresQuery,
        of accounts: Set<String>,
        on connection: PostgresConnection,
        _ read: (PostgresRow) throws -> Value
    ) async throws -> [String: [Value]] {
        guard !accounts.isEmpty else { return [:] }
        let rows = try await connection.query(
            """
            \(fragment: selection) WHERE t."businessAccountId" = ANY(\(accounts.sorted())::text[])
            ORDER BY \(fragment: order)
            """
        )
        var groups: [String: [Value]] = [:]
        for row in rows { groups[try row.decode("businessAccountId"), default: []].append(try read(row)) }
        return groups
    }
}

extension AccountProfile {
    init(row: PostgresRow) throws {
        self.init()
        name = try row.decode("name")
        currency = try row.decode("currency")
        businessID = try row.decode("businessId")
        reviewStatus = try row.decode("reviewStatus")
        verification = try row.decode("verification")
        templateCount = try row.decode("templateCount")
        templateLimit = try row.decode("templateLimit")
        messagingLimit = try row.decode("messagingLimit")
    }
}

extension SeenNumber {
    init(row: PostgresRow) throws {
        self.init(phoneNumberID: try row.decode("phoneNumberId"), readAt: try row.decode("readAt"))
        displayPhoneNumber = try row.decode("displayPhoneNumber")
        verifiedName = try row.decode("verifiedName")
        status = try row.decode("status")
        nameStatus = try row.decode("nameStatus")
        quality = try row.decode("quality")
        throughput = try row.decode("throughput")
        messagingTier = try row.decode("messagingTier")
        platform = try row.decode("platform")
        webhooks = try row.json("webhooks")
        goneAt = try row.decode("goneAt")
    }
}

extension SeenTemplate {
    init(row: PostgresRow) throws {
        self.init(name: try row.decode("name"), language: try row.decode("language"))
        whatsappID = try row.decode("whatsappId")
        status = try row.decode("status")
        formerStatus = try row.decode("formerStatus")
        reason = try row.decode("reason")
        advice = try row.decode("advice")
        category = try row.decode("category")
        previousCategory = try row.decode("previousCategory")
        nextCategory = try row.decode("nextCategory")
        quality = try row.decode("quality")
        components = try row.json("components")
        parameterFormat = try row.decode("parameterFormat")
        ttlSeconds = try row.decode("ttlSeconds")
        readAt = try row.decode("readAt")
        goneAt = try row.decode("goneAt")
    }
}
