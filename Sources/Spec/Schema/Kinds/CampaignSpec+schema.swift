import JSON

extension CampaignSpec {
    static var schema: SchemaObject {
        SchemaObject(
            fields,
            rules: .excludes("message", ["template", "params"]),
            .anyOf(["template", "message"]),
            .when(SchemaRule.has("type", "manual", "scheduled"), then: SchemaRule.requires("audience"))
        )
    }

    private static var fields: [SchemaField] {
        [
            SchemaField(
                "title",
                .text(upTo: 255),
                "The name that people see; `name` by default.",
                examples: "Overdue payment reminder"
            ),
            SchemaField("type", typeValue, isRequired: true, "What starts the campaign.", examples: "manual"),
            SchemaField(
                "sender",
                .slug,
                "The sender, by its name; the tenant's `defaults.sender` if absent.",
                examples: "main"
            ),
            SchemaField(
                "template",
                .slug,
                "The template, by its name in the specs. Excludes `message`.",
                examples: "payment-reminder"
            ),
            SchemaField(
                "params",
                .mapping(to: .text()),
                "A text for each variable of the template: `\"1\"` or `first_name` for the body, `header` for a positional "
                    + "header, `button.0` for a button. Placeholders are `{{name}}`, `{{metadata.company}}`, "
                    + "`{{context.amount}}`, with a default as in `{{name|there}}`.",
                examples: ["1": "{{name|there}}", "2": "{{context.amount}}"]
            ),
            SchemaField(
                "message",
                .definition("Message"),
                "A message of the WhatsApp API, without a recipient. Excludes `template`; unless it is a template message, "
                    + "it reaches only those who wrote within 24 hours.",
                examples: ["type": "text", "text": ["body": "Hi {{name|there}}, did we answer your question?"]]
            ),
            SchemaField(
                "audience",
                SchemaValue([
                    "if": ["type": "string"], "then": SchemaValue.slug.json,
                    "else": SchemaValue.reference("Filter"),
                ]),
                "Who gets the message: the name of an audience, or a filter. Needed by `manual` and `scheduled` campaigns.",
                examples: "subscribers",
                ["conditions": [["field": "tags", "operator": "contains", "value": "vip"]]]
            ),
        ]
    }

    private static var typeValue: SchemaValue {
        .choice(CampaignType.self) { type in
            switch type {
            case .manual: "Somebody launches it."
            case .scheduled: "A Schedule starts it."
            case .eventTriggered: "A Trigger sends it to the contact that an event is about."
            case .moduleInitiated: "Another program names the recipients."
            }
        }
    }
}
