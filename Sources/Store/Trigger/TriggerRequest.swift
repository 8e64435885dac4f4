public import JSON
import Spec

/// One event about one contact.
public struct TriggerRequest: Hashable, Sendable {
    /// The contact's `contactId`, which is its phone number.
    public let contactID: String
    /// What the event brings along: campaigns match on it, and messages show it as `{{context.…}}`.
    public let context: JSONValue?
    /// The sender's own name for the event; one that was seen before gets its former answer.
    public let eventID: String?

    /// Makes a request.
    ///
    /// - Parameters:
    ///   - contactID: At most 50 characters.
    ///   - context: An object, or nothing.
    ///   - eventID: At most 255 characters.
    public init(contactID: String, context: JSONValue? = nil, eventID: String? = nil) {
        (self.contactID, self.context, self.eventID) = (contactID, context, eventID)
    }
}
