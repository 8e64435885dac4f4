/// What a condition looks at.
public enum FilterField: Hashable, Sendable, CustomStringConvertible {
    case contact(ContactColumn)
    /// A key of the contact's metadata, compared as text, or as a number if the value is one.
    case metadata(String)

    /// Reads `lastSeen` or `metadata.company`; everything else is `nil`.
    public init?(_ text: String) {
        if text.hasPrefix("metadata.") {
            let key = text.dropFirst("metadata.".count)
            guard !key.isEmpty, key.unicodeScalars.count <= 100 else { return nil }
            self = .metadata(String(key))
        } else if let column = ContactColumn(rawValue: text), column.definition.isFilterable {
            self = .contact(column)
        } else {
            return nil
        }
    }

    /// The field as it stands in a filter.
    public var description: String {
        switch self {
        case .contact(let field): field.rawValue
        case .metadata(let key): "metadata.\(key)"
        }
    }
}
