public import Foundation

/// The contents of a webhook besides statuses.
public struct InboundReport: Hashable, Sendable {
    /// One of our numbers, by the identifiers of WhatsApp.
    public struct Number: Hashable, Sendable {
        public let phoneNumberID: String
        public let displayPhoneNumber: String?
        /// The WhatsApp Business Account that it belongs to.
        public let businessAccountID: String?

        public init(phoneNumberID: String, displayPhoneNumber: String?, businessAccountID: String?) {
            self.phoneNumberID = phoneNumberID
            self.displayPhoneNumber = displayPhoneNumber
            self.businessAccountID = businessAccountID
        }
    }

    /// A message of any type from a contact; it opens the 24 hour window.
    public struct Message: Hashable, Sendable {
        public let id: String
        /// The number of ours that it was sent to.
        public let phoneNumberID: String
        /// The contact's number, without a plus sign.
        public let from: String
        public let at: Date
        /// The text, or the label and the payload of the button that was pressed.
        public let texts: [String]

        public init(id: String, phoneNumberID: String, from: String, at: Date, texts: [String]) {
            (self.id, self.phoneNumberID, self.from, self.at, self.texts) = (id, phoneNumberID, from, at, texts)
        }
    }

    /// The consent that a contact chose in WhatsApp's own settings.
    public struct Preference: Hashable, Sendable {
        public let phoneNumberID: String
        public let from: String
        public let isOptedIn: Bool
        public let at: Date

        public init(phoneNumberID: String, from: String, isOptedIn: Bool, at: Date) {
            (self.phoneNumberID, self.from, self.isOptedIn, self.at) = (phoneNumberID, from, isOptedIn, at)
        }
    }

    /// A template, number or account that WhatsApp has stopped.
    public struct Stop: Hashable, Sendable {
        public enum Subject: Hashable, Sendable {
            case template(name: String, language: String)
            /// A number, in the form that people write.
            case number(display: String)
            /// The whole account.
            case account
        }

        public let businessAccountID: String
        public let subject: Subject
        /// The reason, for people.
        public let reason: String
        /// The time of WhatsApp's report; a later report on the template overrides it.
        public let at: Date

        public init(businessAccountID: String, subject: Subject, reason: String, at: Date = Date()) {
            (self.businessAccountID, self.subject) = (businessAccountID, subject)
            (self.reason, self.at) = (reason, at)
        }
    }

    public var numbers: Set<Number> = []
    public var messages: [Message] = []
    public var preferences: [Preference] = []
    public var stops: [Stop] = []
    public var facts: [AccountFact] = []

    public init() {}

    public var isEmpty: Bool {
        numbers.isEmpty && messages.isEmpty && preferences.isEmpty && stops.isEmpty && facts.isEmpty
    }

    /// Appends a later report.
    public mutating func append(_ other: InboundReport) {
        numbers.formUnion(other.numbers)
        messages += other.messages
        preferences += other.preferences
        stops += other.stops
        facts += other.facts
    }
}
