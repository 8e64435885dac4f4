public import Foundation
import JSON
import Postgres
import Spec

/// The name or id by which a request names a campaign of a tenant.
public enum CampaignKey: Hashable, Sendable, CustomStringConvertible {
    /// The campaign of a spec with this name, or else the only campaign with it.
    case name(String)
    case id(UUID)

    public var description: String {
        switch self {
        case .name(let name): name
        case .id(let id): id.uuidString.lowercased()
        }
    }

    /// A condition on `campaigns AS c`.
    var condition: PostgresQuery {
        switch self {
        case .name(let name): "c.name = \(name)"
        case .id(let id): "c.id = \(id)"
        }
    }
}

/// A campaign that is about to be launched, locked against changes until the run exists.
struct LaunchCandidate: Sendable {
    private(set) var id: UUID
    let tenantID: String
    let name: String
    let status: CampaignStatus
    let senderID: UUID
    let ratePerSecond: Int
    /// The business number whose own 24 hour window counts; `nil` if any of the tenant's does.
    let windowNumber: String?
    /// True if a spec owns it.
    let isManaged: Bool
    /// True if it waits for events, which name its recipients.
    let isTriggered: Bool
    private let message: String
    private let audience: String?
    private let templateText: String?
    private let onUserCap: String?
    /// True if a launch waits for the approval of the template.
    let startsWhenApproved: Bool

    /// Reads and locks the campaign.
    ///
    /// - Throws: ``LaunchError`` if the campaign does not exist, or lacks something that a launch needs.
    static func lock(
        _ key: CampaignKey,
        tenant: String,
        on connection: PostgresConnection
    ) async throws -> LaunchCandidate {
        let row = try await lockedRow(key, tenant: tenant, on: connection)
        let isTriggered = try row.decode("type", as: String.self) == CampaignType.eventTriggered.rawValue
        if isTriggered {
            let name = try row.decode("name", as: String.self)
            guard try row.decode("managedBy", as: String?.self) == nil else {
                throw LaunchError.triggered(campaign: name)
            }
            guard try row.decode("triggerType", as: String?.self) != nil else {
                throw LaunchError.noEvent(campaign: name)
            }
        }
        return try LaunchCandidate(row: row, needsAudience: !isTriggered)
    }

    /// Reads and locks a campaign whose message is to be tested; it may be started in any way, and needs no audience.
    ///
    /// - Throws: ``LaunchError`` if the campaign does not exist, or has no sender.
    static func lockForTest(
        _ key: CampaignKey,
        tenant: String,
        on connection: PostgresConnection
    ) async throws -> LaunchCandidate {
        let row = try await lockedRow(key, tenant: tenant, on: connection)
        return try LaunchCandidate(row: row, needsAudience: false)
    }

    private static func lockedRow(
        _ key: CampaignKey,
        tenant: String,
        on connection: PostgresConnection
    ) async throws -> PostgresRow {
        let rows = try await connection.query(
            """
            \(fragment: selection)
            WHERE c."tenantId" = \(tenant) AND \(fragment: key.condition) AND c."archivedAt" IS NULL
            ORDER BY c."managedBy" IS NULL, c."createdAt" DESC LIMIT 20
            FOR NO KEY UPDATE OF c
            """
        )
        if rows.count > 1, try rows[0].decode("managedBy", as: String?.self) == nil {
            let ids = try rows.map { try $0.decode("id", as: UUID.self).uuidString.lowercased() }
            throw LaunchError.ambiguousName(campaign: key.description, ids: ids)
        }
        guard let row = rows.first else {
            throw LaunchError.unknownCampaign(
                tenant: tenant,
                name: key.description,
                known: try await knownNames(tenant: tenant, on: connection)
            )
        }
        return row
    }

    /// Returns the same campaign with the id of a copy of it.
    func renamed(_ copy: UUID) -> LaunchCandidate {
        var candidate = self
        candidate.id = copy
        return candidate
    }

    /// Reads and locks the campaign with an id.
    ///
    /// - Returns: The campaign; `nil` if it does not exist or is archived.
    /// - Throws: ``LaunchError`` if it lacks something that a run needs.
    static func lock(
        id: UUID,
        needsAudience: Bool = true,
        on connection: PostgresConnection
    ) async throws -> LaunchCandidate? {
        let rows = try await connection.query(
            """
            \(fragment: selection) WHERE c.id = \(id) AND c."archivedAt" IS NULL FOR NO KEY UPDATE OF c
            """
        )
        return try rows.first.map { try LaunchCandidate(row: $0, needsAudience: needsAudience) }
    }

    /// Reads a campaign of a tenant without locking it.
    ///
    /// - Returns: The campaign; `nil` if the tenant has no such campaign, or it is archived.
    /// - Throws: ``LaunchError`` if it lacks something that a run needs.
    static func find(
        _ id: UUID,
        tenant: String,
        needsAudience: Bool = true,
        on connection: PostgresConnection
    ) async throws -> LaunchCandidate? {
        let rows = try await connection.query(
            """
            \(fragment: selection) WHERE c.id = \(id) AND coalesce(c."tenantId" = \(tenant) AND c."archivedAt" IS NULL, false)
            """
        )
        return try rows.first.map { try LaunchCandidate(row: $0, needsAudience: needsAudience) }
    }

    private static let selection: PostgresQuery = """
        SELECT c.id, c."tenantId", c.name, c.type, c.status, c."senderId", s."ratePerSecond", c."messageTemplate",
            c."audienceFilter", c."templateText", c."onUserCap", c."startWhenApproved", c."triggerType",
            c."managedBy",
            \(fragment: ContactWindow.numberOfSender) AS "windowNumber"
        FROM campaigns c LEFT JOIN senders s ON s.id = c."senderId"
        """

    private init(row: PostgresRow, needsAudience: Bool) throws {
        let name = try row.decode("name", as: String.self)
        guard let sender = try row.decode("senderId", as: UUID?.self),
            let rate = try row.decode("ratePerSecond", as: Int?.self)
        else {
            throw LaunchError.noSender(campaign: name)
        }
        let audience = try row.decode("audienceFilter", as: PostgresJSON?.self)?.text
        guard audience != nil || !needsAudience else { throw LaunchError.noAudience(campaign: name) }
        id = try row.decode("id")
        tenantID = try row.decode("tenantId")
        self.name = name
        status = try row.decode("status")
        senderID = sender
        ratePerSecond = rate
        windowNumber = try row.decode("windowNumber")
        isManaged = try row.decode("managedBy", as: String?.self) != nil
        isTriggered = try row.decode("type", as: String.self) == CampaignType.eventTriggered.rawValue
        message = try row.decode("messageTemplate", as: PostgresJSON.self).text
        self.audience = audience
        templateText = try row.decode("templateText")
        onUserCap = try row.decode("onUserCap", as: PostgresJSON?.self)?.text
        startsWhenApproved = try row.decode("startWhenApproved", as: Bool?.self) ?? false
    }

    /// True if it may be started by a time of a schedule.
    var startsBySchedule: Bool { CampaignStatus.sources(of: .startBySchedule).contains(status) }

    /// Returns true if a run of either would have the same recipients.
    func hasSameAudience(as other: LaunchCandidate) -> Bool {
        (audience, message, windowNumber) == (other.audience, other.message, other.windowNumber)
    }

    /// Returns the message and the audience that a run of the campaign freezes.
    ///
    /// - Parameter event: The event that opens the run.
    /// - Returns: The current content.
    /// - Throws: ``LaunchError`` if the event may not happen in its state, or its audience cannot be read.
    func content(for event: CampaignStatus.Event) throws -> RevisionContent {
        guard CampaignStatus.sources(of: event).contains(status) else {
            throw LaunchError.notLaunchable(campaign: name, status: status)
        }
        return try content()
    }

    /// Returns the message and the audience, whatever the state of the campaign.
    ///
    /// - Throws: ``LaunchError/unreadableAudience(campaign:problem:)``.
    func content() throws -> RevisionContent {
        do {
            return try RevisionContent(
                message: JSONValue(parsing: message),
                audience: audience.map { try JSONValue(parsing: $0) },
                templateText: templateText,
                onUserCap: onUserCap.map { try JSONValue(parsing: $0) }
            )
        } catch {
            throw LaunchError.unreadableAudience(campaign: name, problem: "\(error)")
        }
    }

    /// Returns the category of the template that a message names; `nil` if it names none.
    func category(of content: RevisionContent, on connection: PostgresConnection) async throws -> String? {
        guard !content.isFreeText else { return nil }
        let name = content.message["template"]?["name"]?.stringValue ?? ""
        let code = content.message["template"]?["language"]?["code"]?.stringValue?.replacing("-", with: "_") ?? ""
        let rows = try await connection.query(
            """
            SELECT coalesce((
                SELECT t.category FROM (SELECT "templateId" FROM campaigns WHERE id = \(id) OFFSET 0) c
                JOIN templates t ON \(key: "t.id", of: #"c."templateId""#)
                WHERE t."tenantId" = \(tenantID) AND t."whatsappName" = \(name)
            ), category_of_template(
                \(tenantID), \(name), \(code),
                (SELECT s."accountId" FROM campaigns c JOIN senders s ON s.id = c."senderId" WHERE c.id = \(id))
            ))
            """
        )
        return try rows[0].decode(0, as: String?.self) ?? PolicyLimit.unknownCategory.description
    }

    /// Returns the category by which the contacts of the message are chosen.
    ///
    /// Free text, and a template whose category is not known, may be marketing. What WhatsApp has made marketing in a language
    /// that is sent is paid as such, and goes to nobody who stopped marketing.
    func reach(of content: RevisionContent, on connection: PostgresConnection) async throws -> TemplateSpec.Category {
        let category = try await category(of: content, on: connection)
        guard let known = category.flatMap(TemplateSpec.Category.init(rawValue:)), !known.isMarketing,
            let name = content.message["template"]?["name"]?.stringValue
        else { return .marketing }
        let codes = MessageLanguages.all(of: content.message).compactMap { message in
            message["template"]?["language"]?["code"]?.stringValue.map(TemplateState.language)
        }
        let rows = try await connection.query(
            """
            SELECT EXISTS (
                SELECT FROM senders s LEFT JOIN accounts a ON \(key: "a.id", of: #"s."accountId""#)
                JOIN whatsapp_templates w ON w."businessAccountId" = coalesce(a."wabaId", s."businessAccountId")
                WHERE s.id = \(senderID) AND w.name = \(name) AND w.language = ANY(\(codes)::text[])
                    AND \(fragment: TemplateState.isMarketing)
            )
            """
        )
        return try rows[0].decode(0) ? .marketing : known
    }

    private static func knownNames(tenant: String, on connection: PostgresConnection) async throws -> [String] {
        let rows = try await connection.query(
            """
            SELECT name FROM campaigns WHERE "tenantId" = \(tenant) AND "archivedAt" IS NULL ORDER BY name LIMIT 20
            """
        )
        return try rows.map { try $0.decode(0, as: String.self) }
    }
}
