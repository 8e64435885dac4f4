public import Foundation
import JSON
import Spec

/// The outcome of an event: messages, and the reasons of those that it lacks; stored with the event, and given again if the event is repeated.
public struct TriggerOutcome: Hashable, Sendable, Codable {
    /// A message on its way.
    public struct Match: Hashable, Sendable, Codable {
        public let campaignId: UUID
        public let campaign: String
        public let messageId: UUID

        public init(campaignId: UUID, campaign: String, messageId: UUID) {
            (self.campaignId, self.campaign, self.messageId) = (campaignId, campaign, messageId)
        }
    }

    /// A message that will not be sent.
    public struct Refusal: Hashable, Sendable, Codable {
        /// The campaign; `nil` if the refusal concerns every campaign that waits for the event.
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

    /// Adds the outcome as JSON, with sorted keys: in the form that is stored and that the sender of the event gets.
    ///
    /// - Parameters:
    ///   - bytes: The buffer to append to.
    ///   - isNamed: False to leave out the event's name, which means nothing to the sender if we made it up.
    package func append(to bytes: inout [UInt8], isNamed: Bool = true) {
        bytes += #"{"contactId":"#.utf8
        JSONText.append(contactId, to: &bytes)
        if isNamed, let eventId {
            bytes += #","eventId":"#.utf8
            JSONText.append(eventId, to: &bytes)
        }
        bytes += #","matched":["#.utf8
        for (index, match) in matched.enumerated() {
            bytes += (index == 0 ? #"{"campaign":"# : #",{"campaign":"#).utf8
            JSONText.append(match.campaign, to: &bytes)
            bytes += #","campaignId":""#.utf8
            bytes += match.campaignId.apiText.utf8
            bytes += #"","messageId":""#.utf8
            bytes += match.messageId.apiText.utf8
            bytes += #""}"#.utf8
        }
        bytes += #"],"refused":["#.utf8
        for (index, refusal) in refused.enumerated() {
            bytes += (index == 0 ? "{" : ",{").utf8
            if let campaign = refusal.campaign {
                bytes += #""campaign":"#.utf8
                JSONText.append(campaign, to: &bytes)
                bytes.append(UInt8(ascii: ","))
            }
            if let campaignId = refusal.campaignId {
                bytes += #""campaignId":""#.utf8
                bytes += campaignId.apiText.utf8
                bytes += #"","#.utf8
            }
            bytes += #""reason":""#.utf8
            bytes += refusal.reason.rawValue.utf8
            bytes += #""}"#.utf8
        }
        bytes += "]}".utf8
    }

    /// The outcome as it is stored.
    var text: String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(256)
        append(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// The reason why an event leads to no message.
public enum TriggerRefusal: String, Hashable, Sendable, Codable, CaseIterable {
    /// The tenant has no such contact.
    case noContact = "no_contact"
    case notOptedIn = "not_opted_in"
    case deactivated
    /// The contact is not within the campaign's audience.
    case notInAudience = "not_in_audience"
    /// The campaign sends an authentication template, and only a user id of the contact is known.
    case noNumber = "no_number"
    /// The contact had a message of the campaign within its cooldown.
    case cooldown
    /// The campaign sends free text, and the contact has not written within 24 hours.
    case windowClosed = "window_closed"
    case campaignPaused = "campaign_paused"
    /// The campaign is being sent to its whole audience.
    case campaignBusy = "campaign_busy"
    /// The policy of the tenant forbids the campaign.
    case policyViolated = "policy_violated"
    /// The campaign lacks what a message needs, such as a sender.
    case campaignIncomplete = "campaign_incomplete"
    /// The tenant's wallet does not pay for another message.
    case insufficientBalance = "insufficient_balance"
    /// The sender's name for the event was used for another contact or context.
    case eventIDReused = "event_id_reused"
}
