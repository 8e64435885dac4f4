import Foundation
import Postgres
import Spec

/// A contact as a triggered campaign sees it.
struct TriggerContact: Sendable {
    let id: UUID
    /// The number to which a message goes; empty if only a user id is known.
    let phone: String
    let isOptedIn: Bool
    let isActive: Bool
    let isInWindow: Bool
    /// True if it is within the campaign's audience.
    let isMeant: Bool
    /// True if it had a message of the campaign within its cooldown.
    let isCooling: Bool

    /// Campaigns per query.
    private static let campaignsOfAQuery = 50

    /// Looks up the contacts of the events that campaigns wait for, whose standing runs the caller has locked.
    ///
    /// A contact is found by any spelling of its number, and else by the ids that WhatsApp has for it. If several contacts
    /// have the number, the one that equals the number in the event counts.
    ///
    /// - Returns: The contacts by the numbers in the events, for each campaign id.
    static func find(
        _ campaigns: [TriggeredCampaign],
        in batch: TriggerBatch,
        tenant: String,
        now: Date,
        on connection: isolated PostgresConnection
    ) async throws -> [UUID: [String: TriggerContact]] {
        var contacts: [UUID: [String: TriggerContact]] = [:]
        try await find(campaigns, in: batch, tenant: tenant, now: now, by: .contactID, into: &contacts, on: connection)
        let known = contacts
        let others = campaigns.filter { campaign in
            campaign.events.contains { known[campaign.id]?[batch.requests[$0].contactID] == nil }
        }
        try await find(others, in: batch, tenant: tenant, now: now, by: .learnedID, into: &contacts, on: connection)
        return contacts
    }

    /// The ids by which contacts are found.
    private enum Name {
        case contactID, learnedID
    }

    /// Adds the contacts that are not found yet.
    private static func find(
        _ campaigns: [TriggeredCampaign],
        in batch: TriggerBatch,
        tenant: String,
        now: Date,
        by name: Name,
        into contacts: inout [UUID: [String: TriggerContact]],
        on connection: isolated PostgresConnection
    ) async throws {
        for start in stride(from: 0, to: campaigns.count, by: campaignsOfAQuery) {
            var query: PostgresQuery = ""
            for (index, campaign) in campaigns[start...].prefix(campaignsOfAQuery).enumerated() {
                if index > 0 { query.append(" UNION ALL ") }
                let asked = Set(campaign.events.map { batch.requests[$0].contactID })
                let names = asked.subtracting(contacts[campaign.id].map { Set($0.keys) } ?? []).sorted()
                query.append(select(for: campaign, names, tenant: tenant, now: now, by: name))
            }
            for row in try await connection.query(query) {
                let contact = TriggerContact(
                    id: try row.decode(1),
                    phone: try row.decode(4),
                    isOptedIn: try row.decode(5),
                    isActive: try row.decode(6),
                    isInWindow: try row.decode(7),
                    isMeant: try row.decode(8),
                    isCooling: try row.decode(9)
                )
                let (campaign, name) = (try row.decode(0, as: UUID.self), try row.decode(2, as: String.self))
                let isExact = try row.decode(3, as: String.self) == name
                if isExact || contacts[campaign]?[name] == nil { contacts[campaign, default: [:]][name] = contact }
            }
        }
    }

    private static func select(
        for campaign: TriggeredCampaign,
        _ names: [String],
        tenant: String,
        now: Date,
        by name: Name
    ) -> PostgresQuery {
        let window = ContactWindow(at: now, number: campaign.windowNumber)
        let contacts: PostgresQuery
        switch name {
        case .contactID: contacts = ContactLookup.byContactID("contact_key(n.name)", of: "\(tenant)")
        case .learnedID:
            contacts = """
                SELECT c.* FROM (\(fragment: ContactLookup.byLearnedID("contact_key(n.name)", of: "\(tenant)"))) k
                JOIN contacts c ON \(key: "c.id", of: #"k."contactId""#)
                """
        }
        let isCooling: PostgresQuery =
            campaign.cooldown.map { cooldown in
                """
                EXISTS (
                    -- A contact has few messages; a campaign has many.
                    SELECT FROM (SELECT * FROM campaign_messages m WHERE m."contactId" = c.id OFFSET 0) m
                    WHERE m."campaignId" = \(campaign.id) AND m."triggerEventId" IS NOT NULL
                        AND m.status NOT IN \(anyOf: [MessageStatus.failed, .cancelled])
                        AND m."createdAt" > now() - \(Double(cooldown)) * interval '1 second'
                )
                """
            } ?? "false"
        return """
            SELECT \(campaign.id)::uuid, c.id, n.name, c."contactId", \(fragment: Recipient.phone),
                coalesce(c."optedIn", false), c."deactivatedAt" IS NULL, coalesce(\(fragment: window.isOpen), false),
                coalesce((\(fragment: campaign.audience?.condition(now: now) ?? "true")), false), \(fragment: isCooling)
            FROM unnest(\(names)::text[]) AS n(name)
            CROSS JOIN LATERAL (\(fragment: contacts)) c
            """
    }

    /// Returns the reason why the campaign sends it nothing; `nil` if it sends a message.
    func refusal(by campaign: TriggeredCampaign) -> TriggerRefusal? {
        if !isActive { return .deactivated }
        if !isOptedIn { return .notOptedIn }
        if !isMeant { return .notInAudience }
        if campaign.isFreeText && !isInWindow { return .windowClosed }
        return isCooling ? .cooldown : nil
    }
}
