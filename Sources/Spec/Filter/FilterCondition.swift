public import JSON

/// One check of one field; field and check always fit each other.
public struct FilterCondition: Hashable, Sendable {
    /// A comparison with a value.
    public enum Comparison: String, Hashable, Sendable, CaseIterable {
        case eq, neq, gt, gte, lt, lte
    }

    /// A check of a field.
    public enum Check: Hashable, Sendable {
        case compare(Comparison, FilterValue)
        /// From the first to the second value, both included; never the other way round.
        case between(FilterValue, FilterValue)
        /// Part of a text, whatever the case; only for text and `metadata`.
        case containsText(String)
        /// The start of a text, whatever the case; only for text and `metadata`.
        case startsWith(String)
        /// The end of a text, whatever the case; only for text and `metadata`.
        case endsWith(String)
        /// `in`: one of a list that is not empty. Each value is compared as it would be alone.
        case isIn([FilterValue])
        /// `not_in`: none of a list that is not empty. Each value is compared as it would be alone.
        case isNotIn([FilterValue])
        /// More than some seconds before the moment of evaluation; only for times.
        case olderThan(seconds: Int)
        /// Less than some seconds before the moment of evaluation; only for times.
        case newerThan(seconds: Int)
        case isNull
        case isNotNull
        /// The list holds this text; only for lists such as `tags`.
        case hasTag(String)
        /// The list holds at least one of these; only for lists.
        case hasAnyTag([String])
        /// The list holds all of these; only for lists.
        case hasAllTags([String])
    }

    public let field: FilterField
    public let check: Check

    /// Makes a condition of parts that fit each other; see ``AudienceFilter/init(json:)`` for unchecked input.
    public init(_ field: FilterField, _ check: Check) {
        (self.field, self.check) = (field, check)
    }

    /// The condition in the form of the filter language.
    public var json: JSONValue {
        let (name, value): (FilterOperator, JSONValue?) =
            switch check {
            case .compare(let comparison, let value):
                (FilterOperator(rawValue: comparison.rawValue) ?? .eq, value.json)
            case .between(let low, let high): (.between, .array([low.json, high.json]))
            case .containsText(let text), .hasTag(let text): (.contains, .string(text))
            case .startsWith(let text): (.startsWith, .string(text))
            case .endsWith(let text): (.endsWith, .string(text))
            case .olderThan(let seconds): (.olderThan, .string(FilterTime.lengthText(seconds: seconds)))
            case .newerThan(let seconds): (.newerThan, .string(FilterTime.lengthText(seconds: seconds)))
            case .isIn(let values): (.isIn, .array(values.map(\.json)))
            case .isNotIn(let values): (.isNotIn, .array(values.map(\.json)))
            case .isNull: (.isNull, nil)
            case .isNotNull: (.isNotNull, nil)
            case .hasAnyTag(let tags): (.containsAny, .array(tags.map(JSONValue.string)))
            case .hasAllTags(let tags): (.containsAll, .array(tags.map(JSONValue.string)))
            }
        var fields = JSONObject(minimumCapacity: 3)
        fields["field"] = .string(field.description)
        fields["operator"] = .string(name.rawValue)
        fields["value"] = value
        return .object(fields)
    }
}

/// The field that a condition checks.
public enum FilterField: Hashable, Sendable, CustomStringConvertible {
    case contact(ContactColumn)
    /// A key of the contact's metadata, compared as text, or as a number if the value is one.
    case metadata(String)

    /// True for a column that holds a list of texts.
    var isList: Bool {
        if case .contact(let column) = self { column.type == .textList } else { false }
    }

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

    /// The text form of the field in a filter.
    public var description: String {
        switch self {
        case .contact(let field): field.rawValue
        case .metadata(let key): "metadata.\(key)"
        }
    }
}

/// The operators of the filter language.
public enum FilterOperator: String, Hashable, Sendable, CaseIterable {
    case eq, neq, gt, gte, lt, lte, between, contains
    case startsWith = "starts_with"
    case endsWith = "ends_with"
    case olderThan = "older_than"
    case newerThan = "newer_than"
    case isIn = "in"
    case isNotIn = "not_in"
    case isNull = "is_null"
    case isNotNull = "is_not_null"
    case containsAny = "contains_any"
    case containsAll = "contains_all"

    /// Returns the operators that a type of field allows.
    static func allowed(for field: FilterField) -> [FilterOperator] {
        switch field {
        case .metadata: return texts
        case .contact(let field):
            switch field.type {
            case .text: return texts
            case .integer: return scalars
            case .timestamp: return times
            case .textList: return lists
            case .boolean, .object: return []
            }
        }
    }

    private static let scalars: [Self] = [
        .eq, .neq, .gt, .gte, .lt, .lte, .between, .isIn, .isNotIn, .isNull, .isNotNull,
    ]
    private static let texts = scalars + [.contains, .startsWith, .endsWith]
    private static let times = scalars + [.olderThan, .newerThan]
    private static let lists: [Self] = [.contains, .containsAny, .containsAll, .isNull, .isNotNull]
}

/// A value that a field is compared with; its case always fits the field.
public enum FilterValue: Hashable, Sendable {
    case text(String)
    case integer(Int)
    /// Only for `metadata` and for whole-number fields compared with a fraction; always finite.
    case number(Double)
    case time(FilterTime)

    /// The JSON form of the value in a filter.
    public var json: JSONValue {
        switch self {
        case .text(let text): .string(text)
        case .integer(let value): .integer(value)
        case .number(let value): .number(value)
        case .time(let time): .string(time.description)
        }
    }
}
