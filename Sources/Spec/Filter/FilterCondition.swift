public import JSON

/// One check of one field; field and check always fit each other.
public struct FilterCondition: Hashable, Sendable {
    /// How a value is compared.
    public enum Comparison: String, Hashable, Sendable, CaseIterable {
        case eq, neq, gt, gte, lt, lte
    }

    /// What is checked.
    public enum Check: Hashable, Sendable {
        case compare(Comparison, FilterValue)
        /// Part of a text, whatever the case; only for text and `metadata`.
        case containsText(String)
        /// `in`: one of a list that is not empty; all values have the same case.
        case isIn([FilterValue])
        /// `not_in`: none of a list that is not empty; all values have the same case.
        case isNotIn([FilterValue])
        case isNull
        case isNotNull
        /// The list of tags holds this one; only for `tags`.
        case hasTag(String)
        /// The list of tags holds at least one of these; only for `tags`.
        case hasAnyTag([String])
        /// The list of tags holds all of these; only for `tags`.
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
            case .containsText(let text), .hasTag(let text): (.contains, .string(text))
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
