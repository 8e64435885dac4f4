public import JSON

/// A value that a field is compared with; its case always fits the field.
public enum FilterValue: Hashable, Sendable {
    case text(String)
    case integer(Int)
    /// Only for `metadata` and for whole-number fields compared with a fraction; always finite.
    case number(Double)
    case time(FilterTime)

    /// The value as it stands in a filter.
    public var json: JSONValue {
        switch self {
        case .text(let text): .string(text)
        case .integer(let value): .integer(value)
        case .number(let value): .number(value)
        case .time(let time): .string(time.description)
        }
    }
}
