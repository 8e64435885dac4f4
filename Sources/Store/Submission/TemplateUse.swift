import Foundation
import JSON
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
    /// True for a run, which ends by itself unless it is that of a trigger, and for a campaign that no spec manages while one is open.
    public let isRun: Bool
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
                SELECT t."tenantId", a."wabaId", t."whatsappName" AS name, l.language, true AS "isManaged", false AS "isRun",
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
                    c."managedBy" IS NULL AND EXISTS (
                        SELECT FROM campaign_runs r WHERE r."campaignId" = c.id AND r.status IN \(anyOf: RunStatus.open)
                    ),
                    CASE WHEN c."managedBy" IS NULL THEN 'a campaign of ' || c."tenantId" || ' that no spec manages'
                        ELSE c."tenantId" || '/Campaign/' || c.name END
                FROM campaigns c LEFT JOIN senders s ON s.id = c."senderId" LEFT JOIN accounts a ON a.id = s."accountId"
                WHERE c."archivedAt" IS NULL
                    AND (c."managedBy" IS NOT NULL OR c.status NOT IN \(anyOf: [CampaignStatus.completed, .failed, .cancelled]))
                UNION ALL
                SELECT r."tenantId", coalesce(a."wabaId", s."businessAccountId"),
                    v.content #>> '{message,template,name}', NULL, false, true,
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
                isRun: try row.decode("isRun"),
                words: try row.decode("words")
            )
        }
    }
}

extension TemplateUse {
    /// Returns the key of the lock that a launch shares and a deletion has alone: a name in an account of WhatsApp.
    private static func key(_ account: PostgresQuery, _ name: String) -> PostgresQuery {
        SchemaScope.key(of: "\(fragment: account) || '/' || \(name)")
    }

    /// Returns what keeps a template from being deleted at WhatsApp; until the end of the transaction, nothing begins to send it.
    ///
    /// The plan has asked before. What has opened since is asked here, in the transaction that records the request.
    ///
    /// - Parameters:
    ///   - wish: The deletion.
    ///   - account: WhatsApp's id of the account.
    ///   - connection: The connection of the transaction.
    /// - Returns: Something that uses it; `nil` if nothing does.
    /// - Throws: `PostgresError`.
    static func first(
        against wish: SubmissionWish,
        account: String,
        on connection: PostgresConnection
    ) async throws -> TemplateUse? {
        try await connection.execute("SELECT pg_advisory_xact_lock(\(fragment: key("\(account)::text", wish.name)))")
        let tenants = try await connection.query(
            """
            SELECT a."tenantId" FROM accounts a WHERE a."wabaId" = \(account) AND a."archivedAt" IS NULL
            """
        )
        .map { try $0.decode(0, as: String.self) }
        let uses = try await read(names: [wish.name], on: connection).filter { use in
            guard use.wabaID == account || (use.wabaID == nil && tenants.contains(use.tenantID)) else { return false }
            guard let language = wish.language else { return true }
            // The languages that campaigns of specs send are those of their templates, which stand here as well.
            return use.language == language || (use.language == nil && !use.isManaged)
        }
        // What ends by itself is waited for, unless something else remains after it.
        return uses.first { !$0.isRun } ?? uses.last
    }

    /// Keeps the template of a message from being deleted at WhatsApp until the end of the transaction, in which a run of it opens.
    ///
    /// - Parameters:
    ///   - message: The message of the run.
    ///   - sender: Its sender.
    ///   - campaign: The name of its campaign.
    ///   - connection: The connection of the transaction.
    /// - Throws: ``LaunchError/template(campaign:problem:)`` if a request to delete the template may be on its way, or was done and the
    ///   account was hardly read since.
    static func begin(
        _ message: JSONValue,
        sender: UUID,
        campaign: String,
        on connection: PostgresConnection
    ) async throws {
        guard let name = message["template"]?["name"]?.stringValue else { return }
        let accounts = try await connection.query(
            """
            SELECT w.account, pg_advisory_xact_lock_shared(\(fragment: key("w.account", name)))
            FROM (
                SELECT coalesce(a."wabaId", s."businessAccountId") AS account
                FROM senders s LEFT JOIN accounts a ON a.id = s."accountId" WHERE s.id = \(sender)
            ) w
            WHERE w.account IS NOT NULL
            """
        )
        guard let account = try accounts.first?.decode(0, as: String.self) else { return }
        let codes = MessageLanguages.all(of: message).compactMap { variant in
            variant["template"]?["language"]?["code"]?.stringValue.map(TemplateState.language)
        }
        let deletions = try await connection.query(
            """
            SELECT s.language FROM template_submissions s
            WHERE s."wabaId" = \(account) AND s.name = \(name) AND s.action = 'delete'
                AND (s.language IS NULL OR s.language = ANY(\(codes)::text[]))
                AND (
                    s.status IN (\(submission: .sending), \(submission: .unsettled))
                    OR (s.status = \(submission: .done) AND s."settledAt" > now() - interval '10 minutes')
                )
                AND NOT EXISTS (
                    SELECT FROM template_submissions o
                    WHERE o."wabaId" = s."wabaId" AND o.name = s.name AND o.action <> 'delete'
                        AND o.status = \(submission: .done) AND o."settledAt" > s."settledAt"
                )
            LIMIT 1
            """
        )
        guard let deletion = deletions.first else { return }
        let language = try deletion.decode(0, as: String?.self).map { " (\($0))" } ?? ""
        throw LaunchError.template(
            campaign: campaign,
            problem: "sends template `\(name)\(language)`, which is being deleted at WhatsApp; name another one"
        )
    }
}
