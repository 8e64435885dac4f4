import JSON

extension TriggerSpec {
    static var schema: SchemaObject {
        let known = TriggerEvent.allCases.map { JSONValue.string($0.rawValue) }
        return SchemaObject(
            fields,
            rules: .when(
                SchemaRule.has("event", known),
                then: [:],
                otherwise: ["required": ["custom"], "properties": ["custom": ["const": true]]]
            )
        )
    }

    private static var fields: [SchemaField] {
        [
            SchemaField(
                "campaign",
                .slug,
                isRequired: true,
                "The campaign, by its name; it has the type `event_triggered`.",
                examples: "overdue-reminder"
            ),
            SchemaField(
                "event",
                .anyOf(
                    .choice(TriggerEvent.self) { "The predefined event \($0.rawValue)." },
                    .text(upTo: 50, pattern: "^[A-Za-z0-9][A-Za-z0-9._-]*$")
                ),
                isRequired: true,
                "The name of the event: a predefined one, or one of your own with `custom: true`.",
                examples: "payment.overdue",
                "appointment.due"
            ),
            SchemaField("custom", .bool, "That the event is one of your own, and not misspelt.", examples: true),
            SchemaField(
                "match",
                .mapping(to: SchemaValue(["type": ["string", "number", "boolean"]])),
                "What the event's context has to hold.",
                examples: ["plan": "premium"]
            ),
            SchemaField(
                "cooldown",
                .duration,
                "The shortest time between two messages to one contact; at most 365 days.",
                examples: "24h"
            ),
            SchemaField("isActive", .bool, "Whether events are listened to; `true` by default.", examples: false),
        ]
    }
}
