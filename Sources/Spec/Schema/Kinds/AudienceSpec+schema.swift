import JSON

extension AudienceSpec {
    static var schema: SchemaObject { SchemaObject(AudienceFilter.groupFields) }
}

extension AudienceFilter {
    /// A group, a negation or one condition; told apart by the fields that are there.
    static var schema: SchemaValue {
        let negation = SchemaField(
            "not",
            .definition("Filter"),
            isRequired: true,
            "The filter that must not hold.",
            examples: ["field": "tags", "operator": "contains", "value": "do-not-disturb"]
        )
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

    static var groupFields: [SchemaField] {
        [
            SchemaField(
                "logic",
                .choice(Logic.self) { logic in
                    switch logic {
                    case .and: "All conditions hold (the default)."
                    case .or: "At least one condition holds."
                    }
                },
                "How the conditions are joined.",
                examples: "AND"
            ),
            SchemaField(
                "conditions",
                .list(of: SchemaValue(["$ref": "#/definitions/Filter"])),
                isRequired: true,
                "The conditions, or groups of them; an empty list is everybody who has opted in.",
                examples: [["field": "tags", "operator": "contains_any", "value": ["vip", "gold"]]],
                []
            ),
        ]
    }
}
