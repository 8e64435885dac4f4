import Foundation
import JSON
import Spec
import Store

/// The people whom webhooks are about: some have a number, some a business-scoped user id, most have both.
extension WebhookPayload.Change {
    private static let userIDs = ["from_user_id", "user_id", "from_parent_user_id", "parent_user_id"]

    /// Reads the person of a message or a preference; `nil` if it has no id at all.
    ///
    /// - Parameters:
    ///   - element: The message or preference.
    ///   - number: Its number, which is missing for people who hide it.
    ///   - message: The id of the message that it answers.
    /// - Returns: The person.
    func person(_ element: JSONValue, number: JSONValue?, repliesTo message: JSONValue? = nil) -> InboundReport.Person?
    {
        let number = number.flatMap(Self.id)
        var userIDs = Self.userIDs.compactMap { element[$0].flatMap(Self.id) }
        let contacts = value["contacts"]?.arrayValue ?? []
        let contact: JSONValue? =
            contacts.first { contact in
                contact["wa_id"].flatMap(Self.id).map { $0 == number } ?? false
                    || contact["user_id"].flatMap(Self.id).map(userIDs.contains) ?? false
            } ?? (contacts.count == 1 ? contacts.first : JSONValue?.none)
        userIDs += Self.userIDs.compactMap { contact?[$0].flatMap(Self.id) }
        userIDs = userIDs.enumerated().filter { userIDs.firstIndex(of: $1) == $0 }.map(\.element)
        guard let id = number ?? contact?["wa_id"].flatMap(Self.id) ?? userIDs.first else { return nil }
        return InboundReport.Person(
            id,
            userIDs: userIDs,
            repliesTo: message?.stringValue.flatMap(WebhookPayload.id),
            name: contact?["profile"]?["name"]?.stringValue?.replacing("\0", with: "")
        )
    }

    /// Reads the people who have changed their number, or whom WhatsApp gave another user id.
    func moves(to phoneNumberID: String, receivedAt now: Date) -> [InboundReport.Move] {
        (value["messages"]?.arrayValue ?? []).compactMap { message in
            guard message["type"] == "system", let system = message["system"],
                ["user_changed_number", "customer_changed_number", "user_changed_user_id"].contains(system["type"]),
                let person = person(message, number: message["from"] ?? system["customer"])
            else { return nil }
            let number = (system["wa_id"] ?? system["new_wa_id"]).flatMap(Self.id)
            let userIDs = [system["user_id"], system["parent_user_id"]].compactMap { $0.flatMap(Self.id) }
            guard number != nil || !userIDs.isEmpty else { return nil }
            return InboundReport.Move(
                phoneNumberID: phoneNumberID,
                person: person,
                number: number,
                userIDs: userIDs,
                at: min(WebhookPayload.time(message["timestamp"]) ?? now, now)
            )
        }
    }

    /// Reads an id that a row can hold.
    static func id(_ value: JSONValue) -> String? { value.stringValue.flatMap(LearnedIDs.storable) }
}

extension WebhookPayload {
    /// Returns the ids that statuses name for the contacts of our messages.
    func learnedIDs() -> [LearnedIDs] {
        changes.flatMap { change -> [LearnedIDs] in
            let contacts = change.value["contacts"]?.arrayValue ?? []
            return (change.value["statuses"]?.arrayValue ?? []).compactMap { status in
                guard let message = status["id"]?.stringValue.flatMap(Self.id), status["recipient_type"] != "group"
                else { return nil }
                let number = status["recipient_id"].flatMap(Change.id)
                let user = status["recipient_user_id"].flatMap(Change.id)
                let contact: JSONValue? =
                    contacts.count == 1
                    ? contacts.first
                    : contacts.first { contact in
                        contact["wa_id"].flatMap(Change.id).map { $0 == number } ?? false
                            || contact["user_id"].flatMap(Change.id).map { $0 == user } ?? false
                    }
                let parents = [status["recipient_parent_user_id"], contact?["parent_user_id"]]
                let named = [user, contact?["user_id"].flatMap(Change.id)] + parents.map { $0.flatMap(Change.id) }
                let userIDs = Set(named.compactMap(\.self))
                let waID = number ?? contact?["wa_id"].flatMap(Change.id)
                // Without a user id, only a number that WhatsApp may have rewritten is worth a look at the contact.
                guard !userIDs.isEmpty || waID.map({ PhoneNumberAliases.of($0).count > 1 }) ?? false else { return nil }
                return LearnedIDs(
                    messageID: status["biz_opaque_callback_data"]?.stringValue.flatMap(UUID.init(apiText:)),
                    waMessageID: message,
                    waID: waID,
                    userIDs: userIDs.sorted()
                )
            }
        }
    }
}
