import Foundation
import Postgres
import Spec

/// A campaign that somebody wishes to launch, locked against changes until the run exists.
struct LaunchCandidate: Sendable {
    let id: UUID
    let tenantID: String
    let name: String
    let status: String
    let senderID: UUID
    let ratePerSecond: Int
    private let message: String
    private let audience: String

    /// Reads and locks the campaign.
    ///
    /// - Throws: ``LaunchError`` when there is none, or it lacks what a launch needs.
    static func lock(
        _ key: CampaignKey,
        tenant: String,
        on connection: PostgresConnection
    ) async throws -> LaunchCandidate {
        let rows = try await connection.query(
            """
            SELECT c.id, c.name, c.type, c.status, c."senderId", s."ratePerSecond", c."messageTemplate", c."audienceFilter"
            FROM campaigns c LEFT JOIN senders s ON s.id = c."senderId"
            WHERE c."tenantId" = \(tenant) AND \(fragment: key.condition) AND c."archivedAt" IS NULL
            ORDER BY c."createdAt" DESC LIMIT 1
            FOR UPDATE OF c
            """
        )
        guard let row = rows.first else {
            throw LaunchError.unknownCampaign(
                tenant: tenant,
                name: key.description,
                known: try await knownNames(tenant: tenant, on: connection)
            )
        }
        let name = try row.decode("name", as: String.self)
        guard try row.decode("type", as: String.self) != "event_triggered" else {
            throw LaunchError.triggered(campaign: name)
        }
        guard let sender = try row.decode("senderId", as: UUID?.self),
            let rate = try row.decode("ratePerSecond", as: Int?.self)
        else {
            throw LaunchError.noSender(campaign: name)
        }
        guard let audience = try row.decode("audienceFilter", as: PostgresJSON?.self) else {
            throw LaunchError.noAudience(campaign: name)
        }
        return LaunchCandidate(
            id: try row.decode("id"),
            tenantID: tenant,
            name: name,
            status: try row.decode("status"),
            senderID: sender,
            ratePerSecond: rate,
            message: try row.decode("messageTemplate", as: PostgresJSON.self).text,
            audience: audience.text
        )
    }

    /// What a run of the campaign sends, and to whom.
    func content() throws -> RevisionContent {
        guard ["draft", "scheduled"].contains(status) else {
            throw LaunchError.notLaunchable(campaign: name, status: status)
        }
        do {
            return try RevisionContent(message: JSONValue(parsing: message), audience: JSONValue(parsing: audience))
        } catch {
            throw LaunchError.unreadableAudience(campaign: name, problem: "\(error)")
        }
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
