import Crypto
public import Foundation
public import JSON
public import Postgres
public import Spec

/// The frozen content of a campaign, from which every message of a run is made.
public struct RevisionContent: Hashable, Sendable {
    /// The WhatsApp payload without its recipient, with placeholders in its texts.
    public let message: JSONValue
    /// The filter for the recipients; `nil` if events or modules name them.
    public let audience: AudienceFilter?
    /// The treatment of texts that the provider refuses; `nil` is that of the tenant.
    public let templateText: TemplateText?
    /// The reaction when WhatsApp caps a person, as stored; `nil` is that of the tenant.
    public let onUserCap: JSONValue?

    /// Reads all from their stored form.
    ///
    /// - Throws: The error of the filter.
    public init(
        message: JSONValue,
        audience: JSONValue?,
        templateText: String? = nil,
        onUserCap: JSONValue? = nil
    ) throws {
        self.message = message
        self.audience = try audience.map { try AudienceFilter(stored: $0) }
        self.templateText = templateText.flatMap(TemplateText.init(rawValue:))
        self.onUserCap = onUserCap
    }

    /// Reads the stored content of a revision.
    public init(json: JSONValue) throws {
        try self.init(
            message: json["message"] ?? .null,
            audience: json["audience"],
            templateText: json["templateText"]?.stringValue,
            onUserCap: json["onUserCap"]
        )
    }

    public var json: JSONValue {
        var fields = ["message": message]
        fields["audience"] = audience?.json
        fields["templateText"] = templateText.map { .string($0.rawValue) }
        fields["onUserCap"] = onUserCap
        return .object(fields)
    }

    /// True for free text, which may be sent only within 24 hours of the contact's last message.
    public var isFreeText: Bool { message["type"] != .string("template") }
}

extension RevisionContent {
    /// Identifies the revision within its campaign: `sha256:` and the hash of the canonical text.
    public var digest: String {
        "sha256:" + SHA256.hash(data: Data(json.canonicalText.utf8)).hexText
    }
}

/// Freezes the contents of campaigns, so that a run can name what it sends.
public struct RevisionRepository: Sendable {
    /// The content of a campaign to freeze.
    public struct Draft: Sendable {
        public let campaignID: UUID
        public let tenantID: String
        public let content: RevisionContent

        public init(campaignID: UUID, tenantID: String, content: RevisionContent) {
            self.campaignID = campaignID
            self.tenantID = tenantID
            self.content = content
        }
    }

    public init() {}

    /// Adds a revision for each content that its campaign never had before.
    ///
    /// - Parameters:
    ///   - drafts: At most one for each campaign.
    ///   - gitCommit: The commit that the contents come from, if known.
    ///   - connection: The connection, in a transaction that has changed the campaigns.
    /// - Throws: `PostgresError`.
    public func add(_ drafts: [Draft], gitCommit: String?, on connection: PostgresConnection) async throws {
        for start in stride(from: 0, to: drafts.count, by: 1_000) {
            let batch = drafts[start..<min(start + 1_000, drafts.count)].map { draft -> JSONValue in
                [
                    "campaignId": .string(draft.campaignID.uuidString), "tenantId": .string(draft.tenantID),
                    "digest": .string(draft.content.digest), "content": draft.content.json,
                ]
            }
            try await connection.execute(
                """
                INSERT INTO campaign_revisions ("campaignId", "tenantId", number, digest, content, "gitCommit")
                SELECT r."campaignId", r."tenantId",
                    1 + coalesce(
                        (SELECT max(v.number) FROM campaign_revisions v WHERE v."campaignId" = r."campaignId"), 0
                    ),
                    r.digest, r.content, \(gitCommit)
                FROM jsonb_to_recordset(\(PostgresJSON(text: JSONValue.array(batch).canonicalText))::jsonb)
                    AS r("campaignId" uuid, "tenantId" text, digest text, content jsonb)
                ON CONFLICT ("campaignId", digest) DO NOTHING
                """,
                deadline: .seconds(120)
            )
        }
    }
}
