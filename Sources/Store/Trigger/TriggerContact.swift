import Foundation
import Postgres
import Spec

/// A contact as a triggered campaign sees it.
struct TriggerContact: Sendable {
    let id: UUID
    let contactID: String
    /// True if it agrees to the messages of the campaign.
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
    /// A number is found with and without its plus sign. If contacts exist for both, the one that equals the number in
    /// the event counts.
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
        for start in stride(from: 0, to: campaigns.count, by: campaignsOfAQuery) {
            var query: PostgresQuery = ""
            for (index, campaign) in campaigns[start...].prefix(campaignsOfAQuery).enumerated() {
                if index > 0 { query.append(" UNION ALL ") }
                query.append(select(for: campaign, in: batch, tenant: tenant, now: now))
            }
            for row in try await connection.query(query) {
                let contact = TriggerContact(
                    id: try row.decode(1),
                    contactID: try row.decode(2),
                    isOptedIn: try row.decode(3),
                    isActive: try row.decode(4),
                    isInWindow: try row.decode(5),
                    isMeant: try row.decode(6),
                    isCooling: try row.decode(7)
                )
                contacts[try row.decode(0), default: [:]][contact.contactID] = contact
            }
        }
        for campaign in campaigns {
            guard var found = contacts[campaign.id] else { continue }
            for name in campaign.events.map({ batch.requests[$0].contactID }) where found[name] == nil {
                found[name] = found[respelled(name)]
            }
            contacts[campaign.id] = found
        }
        return contacts
    }

    private static func select(
        for campaign: TriggeredCampaign,
        in batch: TriggerBatch,
        tenant: String,
        now: Date
    ) -> PostgresQuery {
        let names = Set(campaign.events.map { batch.requests[$0].contactID }.flatMap { [$0, respelled($0)] }).sorted()
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
            SELECT \(campaign.id)::uuid, c.id, c."contactId",
                coalesce(\(fragment: ConsentCondition.allows(isMarketing: campaign.isMarketing)), false), c."deactivatedAt" IS NULL,
                coalesce(c."lastSeen" > \(now.addingTimeInterval(-AudienceQuery.windowLength)), false),
                coalesce((\(fragment: campaign.audience?.condition(now: now) ?? "true")), false), \(fragment: isCooling)
            FROM unnest(\(names)::text[]) AS n(name)
            CROSS JOIN LATERAL (
                SELECT * FROM contacts c WHERE c."tenantId" = \(tenant) AND \(only: #"c."contactId""#, is: "n.name")
            ) c
            """
    }

    /// Returns the same number with its plus sign, or without.
    static func respelled(_ contactID: String) -> String {
        contactID.hasPrefix("+") ? String(contactID.dropFirst()) : "+" + contactID
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
