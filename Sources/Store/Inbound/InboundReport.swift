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

    /// The person whom a webhook is about, by the ids that it has.
    public struct Person: Hashable, Sendable {
        /// The number without a plus sign, or the user id of a person whose number is hidden.
        public let id: String
        /// Business-scoped user ids.
        public let userIDs: [String]
        /// WhatsApp's id of the message that the person answers.
        public let repliesTo: String?
        /// The name that the person has in WhatsApp.
        public let name: String?

        public init(_ id: String, userIDs: [String] = [], repliesTo: String? = nil, name: String? = nil) {
            (self.id, self.userIDs, self.repliesTo, self.name) = (id, userIDs, repliesTo, name)
        }

        /// All ids, each once.
        var ids: [String] { [id] + userIDs.filter { $0 != id } }
    }

    /// A message of any type from a contact; it opens the 24 hour window.
    public struct Message: Hashable, Sendable {
        public let id: String
        /// The number of ours that it was sent to.
        public let phoneNumberID: String
        public let person: Person
        public let at: Date
        /// The text, or the label and the payload of the button that was pressed.
        public let texts: [String]
        /// True if a button was pressed.
        public let isButton: Bool

        public init(
            id: String,
            phoneNumberID: String,
            person: Person,
            at: Date,
            texts: [String],
            isButton: Bool = false
        ) {
            (self.id, self.phoneNumberID, self.person, self.at) = (id, phoneNumberID, person, at)
            (self.texts, self.isButton) = (texts, isButton)
        }

        public init(
            id: String,
            phoneNumberID: String,
            from: String,
            at: Date,
            texts: [String],
            isButton: Bool = false
        ) {
            self.init(
                id: id,
                phoneNumberID: phoneNumberID,
                person: Person(from),
                at: at,
                texts: texts,
                isButton: isButton
            )
        }
    }

    /// The consent to marketing messages that a contact chose in WhatsApp's own settings.
    public struct Preference: Hashable, Sendable {
        public let phoneNumberID: String
        public let person: Person
        public let isOptedIn: Bool
        public let at: Date

        public init(phoneNumberID: String, person: Person, isOptedIn: Bool, at: Date) {
            (self.phoneNumberID, self.person, self.isOptedIn, self.at) = (phoneNumberID, person, isOptedIn, at)
        }

        public init(phoneNumberID: String, from: String, isOptedIn: Bool, at: Date) {
            self.init(phoneNumberID: phoneNumberID, person: Person(from), isOptedIn: isOptedIn, at: at)
        }
    }

    /// A person who uses another number, or has another user id, from now on.
    public struct Move: Hashable, Sendable {
        public let phoneNumberID: String
        /// The person, by the former ids.
        public let person: Person
        /// The new number without a plus sign; `nil` if only the user id is new.
        public let number: String?
        public let userIDs: [String]
        public let at: Date

        public init(phoneNumberID: String, person: Person, number: String?, userIDs: [String] = [], at: Date) {
            (self.phoneNumberID, self.person, self.number) = (phoneNumberID, person, number)
            (self.userIDs, self.at) = (userIDs, at)
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
        /// True if WhatsApp has paused the template for a time: runs go on when it is approved again.
        public let isHold: Bool

        public init(
            businessAccountID: String,
            subject: Subject,
            reason: String,
            at: Date = Date(),
            isHold: Bool = false
        ) {
            (self.businessAccountID, self.subject) = (businessAccountID, subject)
            (self.reason, self.at, self.isHold) = (reason, at, isHold)
        }
    }

    public var numbers: Set<Number> = []
    public var messages: [Message] = []
    public var preferences: [Preference] = []
    public var moves: [Move] = []
    public var stops: [Stop] = []
    public var facts: [AccountFact] = []
    /// The accounts of which something has changed that is worth a reading.
    public var changedAccounts: Set<String> = []

    public init() {}

    public var isEmpty: Bool {
        numbers.isEmpty && messages.isEmpty && preferences.isEmpty && moves.isEmpty && stops.isEmpty && facts.isEmpty
            && changedAccounts.isEmpty
    }

    /// Appends a later report.
    public mutating func append(_ other: InboundReport) {
        numbers.formUnion(other.numbers)
        messages += other.messages
        preferences += other.preferences
        moves += other.moves
        stops += other.stops
        facts += other.facts
        changedAccounts.formUnion(other.changedAccounts)
    }
}
