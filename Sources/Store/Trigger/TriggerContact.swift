import Foundation
import Postgres
import Spec

/// A contact as a triggered campaign sees it.
struct TriggerContact: Sendable {
    let id: UUID
    /// The number to which a message goes; empty if only a user id is known.
    let phone: String
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
    /// A contact is found by any spelling of its number, else by the ids that WhatsApp has for it, else by a national number of
    /// the tenant's country. If several contacts have the number, the one that equals the number in the event counts.
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
        // Nearly all events end the search here.
        var open = Search(campaigns, in: batch, known: contacts)
        try await find(open, .contactID, tenant: tenant, now: now, into: &contacts, on: connection)
        open = Search(campaigns, in: batch, known: contacts)
        try await find(open, .learnedID, tenant: tenant, now: now, into: &contacts, on: connection)
        open = Search(campaigns, in: batch, known: contacts)
        guard let national = try await open.national(tenant: tenant, on: connection) else { return contacts }
        try await find(national, .contactID, tenant: tenant, now: now, into: &contacts, on: connection)
        return contacts
    }

    /// The ids by which contacts are found.
    private enum Name {
        case contactID, learnedID
    }

    /// The names in events for which no contact is found yet, by campaign.
    private struct Search {
        /// The campaigns, each with the ids to look for by the names in the events.
        var wanted: [(campaign: TriggeredCampaign, ids: [String: String])]

        init(_ campaigns: [TriggeredCampaign], in batch: TriggerBatch, known: [UUID: [String: TriggerContact]]) {
            wanted = campaigns.compactMap { campaign in
                let names = Set(campaign.events.map { batch.requests[$0].contactID })
                let ids = names.filter { known[campaign.id]?[$0] == nil }.map { ($0, $0) }
                return ids.isEmpty ? nil : (campaign, Dictionary(uniqueKeysWithValues: ids))
            }
        }

        /// Returns the search for those names that are national numbers in the tenant's country; `nil` if there are none.
        func national(tenant: String, on connection: isolated PostgresConnection) async throws -> Search? {
            guard !wanted.isEmpty, let country = try await TenantCountry.of(tenant, on: connection) else { return nil }
            let reader = PhoneNumberReader(country: country)
            var search = self
            search.wanted = wanted.compactMap { campaign, ids in
                // A name that is no number at all stays unknown.
                let numbers = ids.compactMapValues { try? reader.read($0).digits }.filter { $0.key != $0.value }
                return numbers.isEmpty ? nil : (campaign, numbers)
            }
            return search.wanted.isEmpty ? nil : search
        }
    }

    /// Adds the contacts that a search finds.
    private static func find(
        _ search: Search,
        _ name: Name,
        tenant: String,
        now: Date,
        into contacts: inout [UUID: [String: TriggerContact]],
        on connection: isolated PostgresConnection
    ) async throws {
        for start in stride(from: 0, to: search.wanted.count, by: campaignsOfAQuery) {
            var query: PostgresQuery = ""
            for (index, wanted) in search.wanted[start...].prefix(campaignsOfAQuery).enumerated() {
                if index > 0 { query.append(" UNION ALL ") }
                query.append(select(for: wanted.campaign, wanted.ids, tenant: tenant, now: now, by: name))
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
        _ ids: [String: String],
        tenant: String,
        now: Date,
        by name: Name
    ) -> PostgresQuery {
        let names = ids.keys.sorted()
        let window = ContactWindow(at: now, number: campaign.windowNumber)
        let contacts: PostgresQuery
        switch name {
        case .contactID: contacts = ContactLookup.byContactID("contact_key(n.id)", of: "\(tenant)")
        case .learnedID:
            contacts = """
                SELECT c.* FROM (\(fragment: ContactLookup.byLearnedID("contact_key(n.id)", of: "\(tenant)"))) k
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
                coalesce(\(fragment: ConsentCondition.allows(campaign.category)), false),
                c."deactivatedAt" IS NULL, coalesce(\(fragment: window.isOpen), false),
                coalesce((\(fragment: campaign.audience?.condition(now: now) ?? "true")), false), \(fragment: isCooling)
            FROM unnest(\(names)::text[], \(names.map { ids[$0] })::text[]) AS n(name, id)
            CROSS JOIN LATERAL (\(fragment: contacts)) c
            """
    }

    /// Returns the reason why the campaign sends it nothing; `nil` if it sends a message.
    func refusal(by campaign: TriggeredCampaign) -> TriggerRefusal? {
        if !isActive { return .deactivated }
        if !isOptedIn { return .notOptedIn }
        if !isMeant { return .notInAudience }
        if campaign.category.needsNumber && phone.isEmpty { return .noNumber }
        if campaign.isFreeText && !isInWindow { return .windowClosed }
        return isCooling ? .cooldown : nil
    }
}
