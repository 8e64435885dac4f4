/// The columns of a contact that filters and placeholders may name.
public enum ContactField: String, Hashable, Sendable, CaseIterable {
    case name, email, contactId, pin, yearOfBirth, messageCount, firstSeen, lastSeen, paymentStatus, tags

    /// The type of a field.
    public enum ValueType: Hashable, Sendable, CaseIterable {
        case text, integer, timestamp, textList
    }

    /// The type of the column.
    public var type: ValueType {
        switch self {
        case .name, .email, .contactId, .pin, .paymentStatus: .text
        case .yearOfBirth, .messageCount: .integer
        case .firstSeen, .lastSeen: .timestamp
        case .tags: .textList
        }
    }
}
