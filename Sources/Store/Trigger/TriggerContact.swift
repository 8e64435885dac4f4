import Foundation
import Postgres
import Spec

/// A contact as a triggered campaign sees it.
struct TriggerContact: Sendable {
    let id: UUID
    let contactID: String
    let isOptedIn: Bool
    let isActive: Bool
    let isInWindow: Bool
    /// Whether it is within the campaign's audience.
    let isMeant: Bool
    /// Whether it had a message of the campaign within its cooldown.
    let isCooling: Bool

    /// Looks contacts up for one campaign, whose standing run the caller holds.
    ///
    /// A number is found with and without its plus sign, whichever way the caller and the contact have it; of two contacts
    /// the one that has it as the caller.
    static func find(
        _ contactIDs: [String],
        tenant: String,
        campaign: TriggeredCampaign,
        now: Date,
        on connection: isolated PostgresConnection
    ) async throws -> [String: TriggerContact] {
        let meant = campaign.audience?.condition(now: now) ?? "true"
        let last: PostgresQuery =
            campaign.cooldown.map { cooldown in
                """
                EXISTS (
                    SELECT FROM campaign_messages m
                    WHERE m."contactId" = c.id AND m."campaignId" = \(campaign.id) AND m."triggerEventId" IS NOT NULL
                        AND m.status NOT IN ('failed', 'cancelled')
                        AND m."createdAt" > now() - \(Double(cooldown)) * interval '1 second'
                )
                """
            } ?? "false"
        let rows = try await connection.query(
            """
            SELECT c.id, c."contactId", c."optedIn", c."deactivatedAt" IS NULL,
                coalesce(c."lastSeen" > \(now.addingTimeInterval(-AudienceQuery.windowLength)), false),
                coalesce((\(fragment: meant)), false), \(fragment: last)
            FROM contacts c
            WHERE c."tenantId" = \(tenant) AND c."contactId" = ANY(\(contactIDs.flatMap { [$0, respelled($0)] })::text[])
            """
        )
        var contacts: [String: TriggerContact] = [:]
        for row in rows {
            let contact = TriggerContact(
                id: try row.decode(0),
                contactID: try row.decode(1),
                isOptedIn: try row.decode(2),
                isActive: try row.decode(3),
                isInWindow: try row.decode(4),
                isMeant: try row.decode(5),
                isCooling: try row.decode(6)
            )
            contacts[contact.contactID] = contact
        }
        for contactID in contactIDs where contacts[contactID] == nil {
            contacts[contactID] = contacts[respelled(contactID)]
        }
        return contacts
    }

    private static func respelled(_ contactID: String) -> String {
        contactID.hasPrefix("+") ? String(contactID.dropFirst()) : "+" + contactID
    }

    /// Why the campaign sends it nothing; `nil` when it does.
    func refusal(by campaign: TriggeredCampaign) -> TriggerRefusal? {
        if !isActive { return .deactivated }
        if !isOptedIn { return .notOptedIn }
        if !isMeant { return .notInAudience }
        if campaign.isFreeText && !isInWindow { return .windowClosed }
        return isCooling ? .cooldown : nil
    }
}
