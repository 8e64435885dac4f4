public import Foundation
public import JSON
import Postgres
import Spec

/// The state of one template of a tenant, in one language: its spec, the one at WhatsApp, and the last wish.
public struct TemplateStanding: Sendable {
    /// The template of ours, by its name.
    public let template: String
    /// `nil` if it belongs to no account, and is managed in WhatsApp Manager.
    public let account: String?
    /// The name at WhatsApp.
    public let name: String
    public let language: String
    /// The category of the spec.
    public let category: String
    /// The template at WhatsApp; `nil` if it has none, or was not read.
    public let seen: SeenTemplate?
    /// The end of the last whole reading of the account; `nil` if it was never read.
    public let readAt: Date?
    /// The last wish that was not superseded.
    public let wish: SubmissionRecord?

    /// The standing in a word: WhatsApp's status, or what is to come.
    public var status: String {
        if let status = seen?.status { return status }
        if account == nil { return "unmanaged" }
        return readAt == nil ? "not read" : "absent"
    }

    /// The standing as JSON, with the names of the HTTP API; fields that are not known are left out.
    public var json: JSONValue {
        var fields: JSONObject = [
            "name": .string(template), "whatsappName": .string(name), "language": .string(language),
            "status": .string(status), "category": .string(category),
        ]
        fields["account"] = account.map(JSONValue.string)
        fields["reason"] = seen?.reason.map(JSONValue.string)
        fields["advice"] = seen?.advice.map(JSONValue.string)
        fields["quality"] = seen?.quality.map(JSONValue.string)
        fields["whatsappCategory"] = seen?.category.map(JSONValue.string)
        fields["nextCategory"] = seen?.nextCategory.map(JSONValue.string)
        fields["readAt"] = (seen?.readAt ?? readAt).map { .string($0.formatted(.iso8601)) }
        fields["submission"] = wish?.json
        return .object(fields)
    }
}

extension SubmissionRecord {
    /// The wish as JSON, with the names of the HTTP API.
    public var json: JSONValue {
        var fields: JSONObject = [
            "action": .string(wish.action.rawValue), "status": .string(status.rawValue),
            "attempts": .integer(attempts), "createdAt": .string(createdAt.formatted(.iso8601)),
        ]
        if status.isOpen { fields["dueAt"] = .string(dueAt.formatted(.iso8601)) }
        fields["sentAt"] = sentAt.map { .string($0.formatted(.iso8601)) }
        fields["settledAt"] = settledAt.map { .string($0.formatted(.iso8601)) }
        fields["category"] = category.map(JSONValue.string)
        fields["error"] = error.map(JSONValue.string)
        return .object(fields)
    }
}

extension TemplateRepository {
    /// Returns where the templates of a tenant stand, by name and language.
    ///
    /// - Parameters:
    ///   - tenant: The tenant.
    ///   - templates: Some of its templates; `nil` for all.
    /// - Returns: One standing for each language of each template.
    /// - Throws: `PostgresError`.
    public func standings(tenant: String, of templates: [TemplateRecord]? = nil) async throws -> [TemplateStanding] {
        try await pool.transaction(isolation: .repeatableRead, readOnly: true) { connection in
            let records: [TemplateRecord]
            if let templates {
                records = templates
            } else {
                records = try await connection.query(
                    """
                    \(fragment: TemplateRecord.selection)
                    WHERE t."tenantId" = \(tenant) AND t."archivedAt" IS NULL ORDER BY t.name, t.id
                    """
                )
                .map(TemplateRecord.init(row:))
            }
            let views = try await AccountViewRepository.views(
                tenants: [tenant],
                withComponents: false,
                on: connection
            )
            let wishes = try await SubmissionRepository.recent(tenants: [tenant], on: connection)
                .filter { $0.status != .superseded }
            return records.flatMap { record in
                record.spec.submissions.map { spec in
                    let language = TemplateState.language(spec.language ?? "")
                    let view = views.first { $0.name == spec.account }
                    return TemplateStanding(
                        template: spec.name,
                        account: spec.account,
                        name: spec.whatsappName,
                        language: language,
                        category: spec.category.rawValue,
                        seen: view?.template(spec.whatsappName, language),
                        readAt: view?.sweptAt,
                        wish: wishes.first {
                            $0.accountID == view?.accountID && $0.wabaID == view?.wabaID
                                && $0.wish.name == spec.whatsappName
                                && $0.wish.language == language
                        }
                    )
                }
            }
        }
    }
}
