import Foundation
public import JSON
import Spec

/// One event about one contact.
public struct TriggerRequest: Hashable, Sendable {
    /// The contact's `contactId`, which is its phone number.
    public let contactID: String
    /// The data of the event: campaigns match on it, and messages show it as `{{context.…}}`.
    public let context: JSONValue?
    /// The idempotency key: the sender's own name for the event; a repeated event gets its former outcome.
    public let eventID: String?

    /// Makes a request.
    ///
    /// - Parameters:
    ///   - contactID: At most 150 characters.
    ///   - context: An object, or `nil`.
    ///   - eventID: At most 255 characters.
    public init(contactID: String, context: JSONValue? = nil, eventID: String? = nil) {
        (self.contactID, self.context, self.eventID) = (contactID, context, eventID)
    }
}

/// Decides whether an event is one that a campaign waits for; a pure function.
enum TriggerMatch {
    /// Returns true if a context holds everything that a configuration asks for.
    ///
    /// Objects are compared key by key and may have additional keys. Numbers are compared by their value, so that 1
    /// equals 1.0. Everything else has to be equal. A campaign that asks for nothing takes every event.
    static func holds(_ wanted: JSONValue?, in context: JSONValue?) -> Bool {
        switch (wanted, context) {
        case (nil, _), (.null?, nil), (.null?, .null?): true
        case (.object(let fields)?, _) where fields.isEmpty: true
        case (.object(let fields)?, .object(let found)?): fields.allSatisfy { holds($0.value, in: found[$0.key]) }
        case (.integer(let number)?, .number(let found)?): Double(number) == found
        case (.number(let number)?, .integer(let found)?): number == Double(found)
        case (let wanted?, let found?): wanted == found
        default: false
        }
    }
}

/// A batch of events of one kind; makes decisions about them, without I/O.
struct TriggerBatch: Sendable {
    /// A message to be written.
    struct Message: Sendable {
        let contact: UUID
        let phone: String
        let isBusinessInitiated: Bool
        let event: UUID
        let context: String?
    }

    let requests: [TriggerRequest]
    /// The contexts of the events as JSON; `nil` for events without one.
    let contexts: [String?]
    /// The ids under which the events are stored.
    let ids: [UUID]
    private(set) var outcomes: [TriggerOutcome]
    /// The indices of the events that have not been seen before.
    private(set) var open: [Int]
    /// The index of the first event for each event that came twice in one batch.
    private var firsts: [Int: Int] = [:]

    init(_ requests: [TriggerRequest]) {
        self.requests = requests
        contexts = requests.map { $0.context?.canonicalText }
        ids = requests.map { _ in UUID.timeOrdered() }
        outcomes = requests.map { TriggerOutcome(contactId: $0.contactID, eventId: $0.eventID) }
        open = []
        var byName: [String: Int] = [:]
        for (index, request) in requests.enumerated() {
            guard let name = request.eventID else {
                open.append(index)
                continue
            }
            if let first = byName[name] {
                firsts[index] = first
                if !requests[first].isSame(as: request) { refuseReuse(index) }
            } else {
                byName[name] = index
                open.append(index)
            }
        }
    }

    /// Gives an event its former outcome.
    mutating func recall(_ former: TriggerRequest, outcome: TriggerOutcome) {
        for index in requests.indices where requests[index].eventID == former.eventID {
            if requests[index].isSame(as: former) { outcomes[index] = outcome } else { refuseReuse(index) }
        }
        open.removeAll { requests[$0].eventID == former.eventID }
    }

    private mutating func refuseReuse(_ index: Int) {
        outcomes[index].refused = [TriggerOutcome.Refusal(reason: .eventIDReused)]
    }

    /// Returns the events that a campaign with such a `triggerConfig` waits for.
    func matching(_ wanted: JSONValue?) -> [Int] {
        open.filter { TriggerMatch.holds(wanted, in: requests[$0].context ?? .object([:])) }
    }

    /// Refuses the events that a campaign waits for, because it takes no messages.
    mutating func refuse(by campaign: TriggeredCampaign, _ reason: TriggerRefusal) {
        for index in campaign.events { refuse(index, by: campaign, reason) }
    }

    /// Decides about each event that a campaign waits for, in order.
    ///
    /// - Parameters:
    ///   - campaign: The campaign.
    ///   - run: Its standing run.
    ///   - position: The position of the next message.
    ///   - contacts: The contacts that were found.
    ///   - affordable: The number of messages that the tenant's wallet covers; `nil` if the tenant is not billed.
    /// - Returns: The messages of the events that are not refused; the first one gets `position`.
    mutating func decide(
        for campaign: TriggeredCampaign,
        run: UUID,
        from position: Int,
        contacts: [String: TriggerContact],
        affordable: Int?
    ) -> [Message] {
        var messages: [Message] = []
        var reached: Set<UUID> = []
        for index in campaign.events {
            let request = requests[index]
            guard let contact = contacts[request.contactID] else {
                refuse(index, by: nil, .noContact)
                continue
            }
            if let reason = contact.refusal(by: campaign) {
                refuse(index, by: campaign, reason)
                continue
            }
            if let affordable, messages.count >= affordable {
                refuse(index, by: campaign, .insufficientBalance)
                continue
            }
            // The messages of this batch count for the cooldown, too.
            if campaign.cooldown != nil, !reached.insert(contact.id).inserted {
                refuse(index, by: campaign, .cooldown)
                continue
            }
            outcomes[index].matched.append(
                TriggerOutcome.Match(
                    campaignId: campaign.id,
                    campaign: campaign.name,
                    messageId: MessageID.make(run: run, position: position + messages.count)
                )
            )
            messages.append(
                Message(
                    contact: contact.id,
                    phone: contact.phone,
                    isBusinessInitiated: !contact.isInWindow,
                    event: ids[index],
                    context: contexts[index]
                )
            )
        }
        return messages
    }

    private mutating func refuse(_ index: Int, by campaign: TriggeredCampaign?, _ reason: TriggerRefusal) {
        let refusal = TriggerOutcome.Refusal(campaignId: campaign?.id, campaign: campaign?.name, reason: reason)
        if !outcomes[index].refused.contains(refusal) { outcomes[index].refused.append(refusal) }
    }

    /// Returns the outcomes, with those of repetitions within the batch.
    func completed() -> [TriggerOutcome] {
        outcomes.indices.map { index in
            guard let first = firsts[index], outcomes[index].refused.first?.reason != .eventIDReused else {
                return outcomes[index]
            }
            return outcomes[first]
        }
    }
}

extension TriggerRequest {
    /// Returns true if a repetition has the same contact and context.
    func isSame(as other: TriggerRequest) -> Bool {
        contactID == other.contactID && TriggerMatch.holds(context, in: other.context)
            && TriggerMatch.holds(other.context, in: context)
    }
}
