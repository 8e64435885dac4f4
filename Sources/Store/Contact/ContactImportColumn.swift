/// The columns of `contacts` that an import may fill, in the order in which they are staged.
public enum ContactImportColumn: String, CaseIterable, Hashable, Sendable {
    case contactId, name, email, pin, yearOfBirth, messageCount, firstSeen, lastSeen, tags, paymentStatus, optedIn
    case optedInAt, deactivatedAt, metadata

    /// The most characters that the column takes; `nil` for columns that are no limited text.
    public var maximumLength: Int? {
        switch self {
        case .name, .email: 255
        case .contactId, .pin: 50
        case .paymentStatus: 20
        case .yearOfBirth, .messageCount, .firstSeen, .lastSeen, .tags, .optedIn, .optedInAt, .deactivatedAt, .metadata:
            nil
        }
    }

    /// The type under which the column is staged.
    var stagedType: String {
        switch self {
        case .contactId, .name, .email, .pin, .paymentStatus: "text"
        case .yearOfBirth, .messageCount: "integer"
        case .firstSeen, .lastSeen, .optedInAt, .deactivatedAt: "timestamptz"
        case .tags: "text[]"
        case .optedIn: "boolean"
        case .metadata: "jsonb"
        }
    }

    /// What a staged row writes into a new contact; an empty cell becomes the default where NULL is not allowed.
    var proposed: String {
        switch self {
        case .messageCount: "coalesce(i.\"messageCount\", 0)"
        case .tags: "coalesce(i.tags, '{}')"
        case .optedIn: "coalesce(i.\"optedIn\", true)"
        case .metadata: "coalesce(i.metadata, '{}')"
        default: "i.\"\(rawValue)\""
        }
    }

    /// What a contact that exists gets.
    var merged: String {
        switch self {
        // A contact cannot have been seen last earlier than we know already.
        case .lastSeen: "greatest(c.\"lastSeen\", excluded.\"lastSeen\")"
        case .metadata: "c.metadata || excluded.metadata"
        default: "excluded.\"\(rawValue)\""
        }
    }
}
