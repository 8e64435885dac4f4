import JSON

extension TenantSpec {
    static var schema: SchemaObject {
        SchemaObject(
            [
                SchemaField(
                    "timeZone",
                    .text(),
                    "The zone whose clocks quiet hours are on: a name of the IANA database.",
                    examples: "Africa/Nairobi",
                    "Europe/London"
                ),
                SchemaField(
                    "quietHours",
                    quietHours.value,
                    "When nobody is written to by the business; needs `timeZone`.",
                    examples: ["from": "21:00", "to": "07:30", "action": "wait"]
                ),
                SchemaField(
                    "frequencyCap",
                    frequencyCap.value,
                    "How many campaign messages one contact gets at most.",
                    examples: ["messages": 3, "within": "7d", "action": "skip"]
                ),
                SchemaField(
                    "defaults",
                    defaults.value,
                    "What specs of the tenant take when they say nothing.",
                    examples: ["sender": "main", "language": "en"]
                ),
                SchemaField(
                    "policy",
                    policy.value,
                    "What plans may not go beyond, unless `--allow-policy` says so.",
                    examples: ["maxRecipients": 20_000, "allowedCategories": ["marketing", "utility"]]
                ),
                SchemaField(
                    "optOutWords",
                    .list(of: optOutWord, isSet: true),
                    "Words that opt a contact out, beside the built-in ones such as STOP.",
                    examples: ["no thanks"]
                ),
            ],
            rules: .needs("quietHours", "timeZone")
        )
    }

    private static var optOutWord: SchemaValue {
        SchemaValue(["type": "string", "minLength": 1, "maxLength": 100, "not": ["pattern": "^\\s|\\s$"]])
    }

    private static var quietHours: SchemaObject {
        SchemaObject([
            SchemaField("from", .timeOfDay, isRequired: true, "When they start; in quotes.", examples: "21:00"),
            SchemaField(
                "to",
                .timeOfDay,
                isRequired: true,
                "When they end; earlier than `from` if they pass midnight.",
                examples: "07:30"
            ),
            SchemaField(
                "action",
                .choice(QuietHours.Action.self) { action in
                    switch action {
                    case .wait: "The message is sent when they end (the default)."
                    case .skip: "The message is never sent."
                    }
                },
                "What happens to a message that falls into them.",
                examples: "wait"
            ),
        ])
    }

    private static var frequencyCap: SchemaObject {
        SchemaObject([
            SchemaField("messages", .integer(1...1_000), isRequired: true, "How many messages.", examples: 3),
            SchemaField("within", .duration, isRequired: true, "In which time; at most 90 days.", examples: "7d"),
            SchemaField(
                "action",
                .choice(FrequencyCap.Action.self) { action in
                    switch action {
                    case .skip: "The message is never sent (the default)."
                    case .wait: "The message is sent as soon as the cap allows."
                    }
                },
                "What happens to a message that is one too many.",
                examples: "skip"
            ),
        ])
    }

    private static var defaults: SchemaObject {
        SchemaObject([
            SchemaField("sender", .slug, "The sender of campaigns that name none.", examples: "main"),
            SchemaField("language", TemplateSpec.languageValue, "The language of templates.", examples: "en", "pt_BR"),
        ])
    }

    private static var policy: SchemaObject {
        SchemaObject([
            SchemaField(
                "maxRecipients",
                .integer(0...1_000_000_000),
                "The largest audience of one campaign.",
                examples: 20_000
            ),
            SchemaField("maxCampaigns", .integer(0...1_000_000), "The most campaigns of the tenant.", examples: 20),
            SchemaField(
                "allowedCategories",
                .list(of: TemplateSpec.categoryValue, 1...Int.max),
                "The categories that templates may have; all by default.",
                examples: ["marketing", "utility"]
            ),
            SchemaField(
                "minScheduleInterval",
                .duration,
                "The shortest time between two starts of a schedule; at most 366 days.",
                examples: "12h"
            ),
        ])
    }
}
