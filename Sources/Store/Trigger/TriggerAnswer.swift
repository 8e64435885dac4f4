public import Foundation
public import Spec

/// What an event led to; kept with the event, and repeated to whoever repeats it.
public struct TriggerAnswer: Hashable, Sendable, Codable {
    /// A message on its way.
    public struct Match: Hashable, Sendable, Codable {
        public let campaignId: UUID
        public let campaign: String
        public let messageId: UUID

        public init(campaignId: UUID, campaign: String, messageId: UUID) {
            (self.campaignId, self.campaign, self.messageId) = (campaignId, campaign, messageId)
        }
    }

    /// A message that there will not be.
    public struct Refusal: Hashable, Sendable, Codable {
        /// `nil` when it concerns every campaign that waits for the event.
        public let campaignId: UUID?
        public let campaign: String?
        public let reason: TriggerRefusal

        public init(campaignId: UUID? = nil, campaign: String? = nil, reason: TriggerRefusal) {
            (self.campaignId, self.campaign, self.reason) = (campaignId, campaign, reason)
        }
    }

    public let contactId: String
    public let eventId: String?
    public var matched: [Match]
    public var refused: [Refusal]

    public init(contactId: String, eventId: String?, matched: [Match] = [], refused: [Refusal] = []) {
        (self.contactId, self.eventId, self.matched, self.refused) = (contactId, eventId, matched, refused)
    }

    /// The answer as it is kept, and as its sender sees it.
    public var json: JSONValue {
        var fields: [String: JSONValue] = [
            "contactId": .string(contactId),
            "matched": .array(
                matched.map { match in
                    [
                        "campaignId": .string(match.campaignId.apiText), "campaign": .string(match.campaign),
                        "messageId": .string(match.messageId.apiText),
                    ]
                }
            ),
            "refused": .array(
                refused.map { refusal in
                    var fields: [String: JSONValue] = ["reason": .string(refusal.reason.rawValue)]
                    fields["campaignId"] = refusal.campaignId.map { .string($0.apiText) }
                    fields["campaign"] = refusal.campaign.map(JSONValue.string)
                    return .object(fields)
                }
            ),
        ]
        fields["eventId"] = eventId.map(JSONValue.string)
        return .object(fields)
    }
}

/// Why an event leads to no message.
public enum TriggerRefusal: String, Hashable, Sendable, Codable, CaseIterable {
    /// The tenant has no such contact.
    case noContact = "no_contact"
    case notOptedIn = "not_opted_in"
    case deactivated
    /// The contact is not within the campaign's audience.
    case notInAudience = "not_in_audience"
    /// The contact had a message of the campaign within its cooldown.
    case cooldown
    /// The campaign sends free text, and the contact has not written within 24 hours.
    case windowClosed = "window_closed"
    case campaignPaused = "campaign_paused"
    /// The campaign lacks what a message needs, such as a sender.
    case campaignIncomplete = "campaign_incomplete"
    /// The tenant's wallet does not pay for another message.
    case insufficientBalance = "insufficient_balance"
    /// The sender's name for the event was used for another contact or context.
    case eventIDReused = "event_id_reused"
}
