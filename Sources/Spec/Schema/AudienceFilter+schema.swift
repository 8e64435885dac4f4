import JSON

extension AudienceFilter {
    /// A group, a negation or one condition; told apart by the fields that are present.
    static var schema: SchemaValue {
        let isGroup: JSONValue = ["anyOf": [SchemaRule.requires("conditions"), SchemaRule.requires("logic")]]
        let single = SchemaRule.when(
            SchemaRule.requires("not"),
            then: SchemaObject([negation]).json,
            otherwise: FilterCondition.schema
        )
        var keywords: [String: JSONValue] = [
            "type": "object",
            "description": "A condition, a group of filters, or the negation of one.",
        ]
        keywords["if"] = isGroup
        keywords["then"] = SchemaObject(groupFields).json
        keywords["else"] = single.json
        return SchemaValue(keywords)
    }

    static var negation: SchemaField {
        SchemaField(
            "not",
            .definition("Filter", words: "[filter](#filters)"),
            isRequired: true,
            "The filter that must not hold; contacts with a missing value are selected too.",
            examples: ["field": "tags", "operator": "contains", "value": "do-not-disturb"]
        )
    }

    static var groupFields: [SchemaField] {
        [
            SchemaField(
                "logic",
                .choice(Logic.self) { logic in
                    switch logic {
                    case .and: "All conditions hold."
                    case .or: "At least one condition holds."
                    }
                },
                default: "AND",
                "How the conditions are joined.",
                examples: "AND"
            ),
            SchemaField(
                "conditions",
                .list(of: SchemaValue(["$ref": "#/definitions/Filter"], words: "[filter](#filters)")),
                isRequired: true,
                "The conditions, or groups of them; an empty list selects every contact who has opted in.",
                examples: [["field": "tags", "operator": "contains_any", "value": ["vip", "gold"]]],
                []
            ),
        ]
    }
}

extension FilterCondition {
    static var schema: JSONValue {
        var value = SchemaObject(fields).value
        value.keywords["allOf"] = .array(shapeRules + fieldRules + [timeRule, metadataRule])
        return value.json
    }

    static var fields: [SchemaField] {
        [
            SchemaField(
                "field",
                .anyOf(
                    .choice(ContactColumn.filterable) { "Holds \(FilterField.contact($0).words)." },
                    .text(pattern: metadataPattern, words: "`metadata.<key>`")
                ),
                isRequired: true,
                "A column of the contact, or `metadata.<key>`.",
                examples: "lastSeen",
                "metadata.plan"
            ),
            SchemaField(
                "operator",
                .choice(FilterOperator.self) { $0.meaning },
                isRequired: true,
                "How the field is checked.",
                examples: "eq",
                "contains_any"
            ),
            SchemaField(
                "value",
                SchemaValue([:]),
                "The value that the field is compared with. Times are `2025-01-31`, `2025-01-31T08:00:00Z`, or `-7d` for "
                    + "seven days ago; lengths of time are `30m`, `12h`, `7d` or `2w`.",
                examples: "unpaid",
                ["vip", "gold"],
                "-90d"
            ),
        ]
    }

    /// The value that each operator takes.
    private static var shapeRules: [JSONValue] {
        let nothing: [FilterOperator] = [.isNull, .isNotNull]
        let lists: [FilterOperator] = [.isIn, .isNotIn, .between, .containsAny, .containsAll]
        let texts: [FilterOperator] = [.contains, .startsWith, .endsWith]
        let length: JSONValue = ["type": "string", "pattern": .string(lengthPattern)]
        let one: JSONValue = ["type": ["string", "number", "boolean"]]
        let several: JSONValue = ["type": "array", "minItems": 1, "items": one]
        return [
            when(nothing, then: ["properties": ["value": ["type": "null"]]], otherwise: SchemaRule.requires("value")),
            when(lists, then: ["properties": ["value": several]]),
            when(
                FilterOperator.allCases.filter { !lists.contains($0) && !nothing.contains($0) },
                then: [
                    "properties": ["value": one]
                ]
            ),
            when(texts, then: ["properties": ["value": ["type": "string"]]]),
            when([.between], then: ["properties": ["value": ["minItems": 2, "maxItems": 2]]]),
            when(lengths, then: ["properties": ["value": length]]),
        ]
    }

    /// The operators and values that the type of each field allows.
    private static var fieldRules: [JSONValue] {
        ContactColumn.ValueType.allCases.compactMap { type in
            let fields = ContactColumn.filterable.filter { $0.type == type }
            guard !fields.isEmpty else { return nil }
            let allowed = fields.first.map { FilterOperator.allowed(for: .contact($0)) } ?? []
            let item: JSONValue =
                switch type {
                case .text, .textList: ["type": "string"]
                case .boolean: ["type": "boolean"]
                case .object: ["type": "object"]
                case .integer: ["type": "number"]
                // The form of a time depends on the operator.
                case .timestamp: ["type": "string"]
                }
            return [
                "if": SchemaRule.has("field", fields.map { .string($0.rawValue) }),
                "then": [
                    "properties": [
                        "operator": ["enum": .array(allowed.map { .string($0.rawValue) })],
                        "value": ["anyOf": [item, ["type": "array", "items": item], ["type": "null"]]],
                    ]
                ],
            ]
        }
    }

    /// The form of times, where the operator takes no length of time.
    private static var timeRule: JSONValue {
        let fields = ContactColumn.filterable.filter { $0.type == .timestamp }.map { JSONValue.string($0.rawValue) }
        let time: JSONValue = ["type": "string", "pattern": .string(timePattern)]
        let value: JSONValue = ["anyOf": [time, ["type": "array", "items": time], ["type": "null"]]]
        let operators = FilterOperator.allCases.filter { !lengths.contains($0) }
        return [
            "if": [
                "allOf": [
                    SchemaRule.has("field", fields),
                    SchemaRule.has("operator", operators.map { .string($0.rawValue) }),
                ]
            ],
            "then": ["properties": ["value": value]],
        ]
    }

    /// The operators that values without a type allow.
    private static var metadataRule: JSONValue {
        let allowed = FilterOperator.allowed(for: .metadata("key"))
        return [
            "if": ["required": ["field"], "properties": ["field": ["pattern": .string(metadataPattern)]]],
            "then": ["properties": ["operator": ["enum": .array(allowed.map { .string($0.rawValue) })]]],
        ]
    }

    private static let metadataPattern = "^metadata\\.[^\\u0000]{1,100}$"

    private static let lengths: [FilterOperator] = [.olderThan, .newerThan]

    private static let lengthPattern = "^[0-9]{1,9}[smhdw]$"

    private static let timePattern =
        "^(-[0-9]{1,9}[smhdw]|\(TextPattern.date)"
        + "([Tt]\(TextPattern.hour):[0-5][0-9]:[0-5][0-9](\\.[0-9]+)?([Zz]|[+-]\(TextPattern.hour):[0-5][0-9]))?)$"

    private static func when(
        _ operators: [FilterOperator],
        then: JSONValue,
        otherwise: JSONValue? = nil
    ) -> JSONValue {
        let isMeant = SchemaRule.has("operator", operators.map { .string($0.rawValue) })
        return SchemaRule.when(isMeant, then: then, otherwise: otherwise).json
    }
}

extension FilterOperator {
    fileprivate var meaning: String {
        switch self {
        case .eq: "Equal to the value."
        case .neq: "Not equal to the value."
        case .gt: "Greater, or later."
        case .gte: "Greater, later or equal."
        case .lt: "Less, or earlier."
        case .lte: "Less, earlier or equal."
        case .between: "From the first of two values to the second, both included."
        case .contains: "The text has this part, or the tags have this one."
        case .startsWith: "The text starts with this part."
        case .endsWith: "The text ends with this part."
        case .olderThan: "Longer ago than a length of time."
        case .newerThan: "Less long ago than a length of time."
        case .isIn: "One of a list."
        case .isNotIn: "None of a list."
        case .isNull: "The field is empty; takes no value."
        case .isNotNull: "The field is not empty; takes no value."
        case .containsAny: "The tags have at least one of a list."
        case .containsAll: "The tags have all of a list."
        }
    }
}
