/// The events that are known without being declared.
public enum TriggerEvent: String, Hashable, Sendable, CaseIterable {
    case ticketPurchased = "ticket.purchased"
    case eventCheckin = "event.checkin"
    case eventRegistration = "event.registration"
    case surveyCompleted = "survey.completed"
    case contentPublished = "content.published"
    case contactCreated = "contact.created"
    case paymentReceived = "payment.received"
    case paymentOverdue = "payment.overdue"
    case sessionResolved = "session.resolved"

    /// Whether a text can be the name of an event: 1 to 50 letters, digits, `.`, `_` and `-`, not first a sign.
    public static func isName(_ text: String) -> Bool {
        let bytes = text.utf8
        guard (1...50).contains(bytes.count), let first = bytes.first, isLetterOrDigit(first) else { return false }
        return bytes.allSatisfy { byte in
            isLetterOrDigit(byte) || [UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-")].contains(byte)
        }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}
