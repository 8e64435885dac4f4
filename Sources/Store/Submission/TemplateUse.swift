import Foundation
public import Postgres
import Spec

/// Something that sends a template at WhatsApp, which a deletion there would break.
public struct TemplateUse: Hashable, Sendable {
    public let tenantID: String
    /// WhatsApp's id of the account; `nil` if it could be any account of the tenant.
    public let wabaID: String?
    /// The name at WhatsApp.
    public let name: String
    /// With an underscore; `nil` if it may be any.
    public let language: String?
    /// True for the row of a spec, which a plan of that tenant may change.
    public let isManaged: Bool
    /// Its name for people, such as `acme/Campaign/hello`.
    public let words: String
}

extension TemplateUse {
    /// Reads what sends templates: templates of specs, campaigns that are not over, and open runs, which send the message
    /// that they began with.
    ///
    /// - Parameters:
    ///   - names: The names at WhatsApp; `nil` for all.
    ///   - connection: The connection to use.
    /// - Returns: The uses of all tenants, because tenants can share an account.
    /// - Throws: `PostgresError`.
    public static func read(names: [String]?, on connection: PostgresConnection) async throws -> [TemplateUse] {
        let condition: PostgresQuery = if let names { "u.name = ANY(\(names)::text[])" } else { "u.name IS NOT NULL" }
        let rows = try await connection.query(
            """
            SELECT * FROM (
                SELECT t."tenantId", a."wabaId", t."whatsappName" AS name, l.language, true AS "isManaged",
                    t."tenantId" || '/Template/' || t.name AS words
                FROM templates t JOIN accounts a ON a.id = t."accountId"
                CROSS JOIN LATERAL (
                    SELECT t.language UNION SELECT jsonb_object_keys(
                        CASE WHEN jsonb_typeof(t.parts -> 'languages') = 'object' THEN t.parts -> 'languages' ELSE '{}' END
                    )
                ) l(language)
                WHERE t."archivedAt" IS NULL AND t."managedBy" IS NOT NULL
                UNION ALL
                SELECT c."tenantId", coalesce(a."wabaId", s."businessAccountId"),
                    c."messageTemplate" #>> '{template,name}', NULL, c."managedBy" IS NOT NULL,
                    CASE WHEN c."managedBy" IS NULL THEN 'a campaign of ' || c."tenantId" || ' that no spec manages'
                        ELSE c."tenantId" || '/Campaign/' || c.name END
                FROM campaigns c LEFT JOIN senders s ON s.id = c."senderId" LEFT JOIN accounts a ON a.id = s."accountId"
                WHERE c."archivedAt" IS NULL
                    AND (c."managedBy" IS NOT NULL OR c.status NOT IN \(anyOf: [CampaignStatus.completed, .failed, .cancelled]))
                UNION ALL
                SELECT r."tenantId", coalesce(a."wabaId", s."businessAccountId"),
                    v.content #>> '{message,template,name}', NULL, false,
                    'the open run ' || r.id || ' of ' || r."tenantId"
                FROM campaign_runs r
                JOIN senders s ON \(key: "s.id", of: #"r."senderId""#)
                JOIN campaign_revisions v ON \(key: "v.id", of: #"r."revisionId""#)
                LEFT JOIN accounts a ON a.id = s."accountId"
                WHERE r.status IN \(anyOf: RunStatus.open)
            ) u
            WHERE \(fragment: condition) ORDER BY words, language
            """
        )
        return try rows.map { row in
            TemplateUse(
                tenantID: try row.decode("tenantId"),
                wabaID: try row.decode("wabaId"),
                name: try row.decode("name"),
                language: try row.decode("language", as: String?.self).map(TemplateState.language),
                isManaged: try row.decode("isManaged"),
                words: try row.decode("words")
            )
        }
    }
}
