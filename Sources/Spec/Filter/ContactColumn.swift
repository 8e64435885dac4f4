/// The columns of `contacts` that filters, placeholders and imports use.
///
/// A new column needs a migration, and here a case with its definition.
public enum ContactColumn: String, Hashable, Sendable, CaseIterable {
    case name, email, contactId, pin, yearOfBirth, messageCount, firstSeen, lastSeen, paymentStatus, tags
    case optedIn, optedInAt, deactivatedAt, metadata

    /// The type of a column.
    public enum ValueType: Hashable, Sendable, CaseIterable {
        case text, integer, timestamp, textList, boolean, object
    }

    /// The form of a cell in an imported file.
    public enum Cell: Hashable, Sendable {
        /// A phone number in international form.
        case phone
        /// A text of at most `maximum` characters, the length of the column.
        case text(maximum: Int)
        case number(ClosedRange<Int>)
        case time
        case boolean
        case tags
        /// Not a cell: the columns `metadata.<key>` of a file make one object.
        case keys
    }

    /// The effect of an import on a contact that already has a value.
    public enum Merge: Hashable, Sendable {
        case replace
        /// The later of both times.
        case latest
        /// Keys are added to the object.
        case addKeys
    }

    /// The properties of a column.
    public struct Definition: Hashable, Sendable {
        public let type: ValueType
        public let cell: Cell
        /// True if a filter may name it; its type then has operators.
        public var isFilterable = true
        /// True if a placeholder such as `{{name}}` may name it; its type is a text, a number or a time.
        public var isPlaceholder = true
        /// True if the column is NOT NULL; an empty cell becomes its default then.
        public var isRequired = false
        public var merge = Merge.replace
    }

    public var definition: Definition {
        switch self {
        case .name, .email: Definition(type: .text, cell: .text(maximum: 255))
        case .contactId: Definition(type: .text, cell: .phone, isRequired: true)
        case .pin: Definition(type: .text, cell: .text(maximum: 50))
        case .yearOfBirth: Definition(type: .integer, cell: .number(1...9999))
        case .messageCount: Definition(type: .integer, cell: .number(0...Int(Int32.max)), isRequired: true)
        case .firstSeen: Definition(type: .timestamp, cell: .time)
        case .lastSeen: Definition(type: .timestamp, cell: .time, merge: .latest)
        case .paymentStatus: Definition(type: .text, cell: .text(maximum: 20))
        case .tags: Definition(type: .textList, cell: .tags, isPlaceholder: false, isRequired: true)
        case .optedIn:
            Definition(type: .boolean, cell: .boolean, isFilterable: false, isPlaceholder: false, isRequired: true)
        case .optedInAt, .deactivatedAt:
            Definition(type: .timestamp, cell: .time, isFilterable: false, isPlaceholder: false)
        case .metadata:
            Definition(
                type: .object,
                cell: .keys,
                isFilterable: false,
                isPlaceholder: false,
                isRequired: true,
                merge: .addKeys
            )
        }
    }

    public var type: ValueType { definition.type }

    /// The columns that a filter may name.
    public static let filterable = allCases.filter { $0.definition.isFilterable }
    /// The columns that a placeholder may name.
    public static let placeholders = allCases.filter { $0.definition.isPlaceholder }
    /// The columns of an imported file, `contactId` first; `metadata` comes as `metadata.<key>`.
    public static let importable = [contactId] + allCases.filter { $0 != .contactId && $0 != .metadata }
}
