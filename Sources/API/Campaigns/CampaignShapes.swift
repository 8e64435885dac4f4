import JSON
import Spec
import Store

/// Campaigns in requests and answers.
enum CampaignShapes {
    static let message = Shape.spec(.message)

    private static let contentFields = [
        ShapeField(
            "name",
            .text(upTo: 255),
            isRequired: true,
            "Name of the campaign, as commands use it.",
            example: "spring-offer"
        ),
        ShapeField("title", .nullable(.text(upTo: 255)), "Title for people.", example: "Spring offer"),
        ShapeField(
            "type",
            .choice(CampaignType.self),
            isRequired: true,
            "What starts it: a person, a time, an event, or another module.",
            example: "manual"
        ),
    ]

    private static let audienceField = ShapeField(
        "audienceFilter",
        .nullable(.spec(.filter)),
        "Filter of the recipients. A campaign without one cannot be launched. Contacts who have not opted in never match.",
        example: ["logic": "AND", "conditions": [["field": "tags", "operator": "contains", "value": "vip"]]]
    )

    private static let linkFields = [
        ShapeField("sourceModule", .nullable(.text(upTo: 50)), "Module that created it.", example: "events"),
        ShapeField(
            "sourceReferenceId",
            .nullable(.text(upTo: 100)),
            "Id of the object in that module.",
            example: "event-42"
        ),
        ShapeField("templateId", .nullable(.uuid), "Id of the template of the message."),
        ShapeField(
            "templateParams",
            .nullable(.map(.text(upTo: 1024), keys: 0...50)),
            "A text for each variable of the template, such as `{{name|there}}` for `1`. Needs `templateId`."
        ),
        ShapeField(
            "scheduledAt",
            .nullable(.dateTime),
            "When to send it, once it is scheduled.",
            example: "2027-01-01T09:00:00Z"
        ),
        ShapeField(
            "triggerType",
            .nullable(.formatted(.eventName)),
            "Event that starts it, such as `payment.received`; for the types `event_triggered` and `module_initiated`."
        ),
        ShapeField(
            "triggerConfig",
            .nullable(.map(.any, keys: 0...50)),
            "Values that the event's context must have, such as `premium` for `plan`. Needs `triggerType`."
        ),
    ]

    private static let capField = ShapeField(
        "onUserCap",
        .nullable(
            .anyOf([
                .choice(UserCap.Action.self),
                .object(
                    ObjectShape(
                        nil,
                        nil,
                        [
                            ShapeField("action", .choice(UserCap.Action.self), isRequired: true, "What happens to it."),
                            ShapeField(
                                "every",
                                .formatted(.duration),
                                "From a refusal to the next attempt; 1 hour to 30 days."
                            ),
                            ShapeField(
                                "until",
                                .formatted(.duration),
                                "Since the first refusal, after which a further one fails it; up to 30 days."
                            ),
                        ]
                    )
                ),
            ])
        ),
        "What happens to a message that WhatsApp does not deliver because the person got too many marketing messages (code "
            + "131049). By default it is that of the tenant.",
        example: ["action": "retry", "every": "24h", "until": "72h"]
    )

    /// `CreateCampaignDto`.
    static let create = ObjectShape(
        "CreateCampaign",
        "A new campaign. It needs either `messageTemplate` or `templateId`; with both, the message is made from the "
            + "template.",
        contentFields + [
            ShapeField(
                "sender",
                .text(upTo: 63),
                "Name of the sender; by default the only sender of the tenant.",
                example: "main"
            ),
            ShapeField("senderId", .uuid, "Id of the sender, instead of its name."),
            ShapeField(
                "messageTemplate",
                message,
                "WhatsApp message without recipient; texts may contain placeholders.",
                example: ["type": "text", "text": ["body": "Hi {{name|there}}"]]
            ),
            audienceField, capField,
        ] + linkFields,
        rules: [
            ["anyOf": [["required": ["messageTemplate"]], text("templateId")]],
            ["if": object("templateParams"), "then": text("templateId")],
            ["if": object("triggerConfig"), "then": text("triggerType")],
            [
                "if": text("triggerType"),
                "then": ["properties": ["type": ["enum": ["event_triggered", "module_initiated"]]]],
            ],
        ]
    )

    private static func text(_ field: String) -> JSONValue { holds(field, "string") }

    private static func object(_ field: String) -> JSONValue { holds(field, "object") }

    /// Returns the schema of an object with this field, not null.
    private static func holds(_ field: String, _ type: String) -> JSONValue {
        ["required": [.string(field)], "properties": .object([field: ["type": .string(type)]])]
    }

    static let update = create.allOptional(
        "UpdateCampaign",
        "Changes of a draft: a field that is left out stays, and null removes it."
    )

    static let campaign = ObjectShape(
        "Campaign",
        "A campaign. Fields without a value are left out.",
        [
            ShapeField("id", .uuid, isRequired: true, "Id of the campaign."),
            ShapeField("tenantId", .text(upTo: 50), isRequired: true, "Tenant of the campaign."),
            ShapeField("name", .text(upTo: 255), isRequired: true, "Name of the campaign."),
            ShapeField("title", .text(upTo: 255), "Title for people."),
            ShapeField("type", .choice(CampaignType.self), isRequired: true, "What starts it."),
            ShapeField("status", .choice(CampaignStatus.self), isRequired: true, "State of the campaign."),
            ShapeField("statusReason", .text(0...10_000), "Why it is paused or failed."),
            ShapeField("sourceModule", .text(0...50), "Module that created it."),
            ShapeField("sourceReferenceId", .text(0...100), "Id of the object in that module."),
            ShapeField("senderId", .uuid, "Id of the sender."),
            ShapeField("sender", .text(upTo: 63), "Name of the sender."),
            ShapeField(
                "messageTemplate",
                .map(.any, keys: 0...100),
                isRequired: true,
                "WhatsApp message without recipient."
            ),
            ShapeField("templateId", .uuid, "Id of the template of the message."),
            ShapeField("templateParams", .map(.any, keys: 0...1_000), "Texts for the variables of the template."),
            ShapeField("audienceFilter", .map(.any, keys: 0...100), "Filter of the recipients."),
            ShapeField("recipientCount", .count, isRequired: true, "Recipients of the latest run."),
            ShapeField("scheduledAt", .dateTime, "When to send it."),
            ShapeField("startedAt", .dateTime, "When the latest run started."),
            ShapeField("completedAt", .dateTime, "When the latest run ended."),
            ShapeField(
                "estimatedCompletionAt",
                .dateTime,
                "Estimated end of the run, from what remains, what stands before it on its sender, quiet hours and quota; "
                    + "absent while a person or a guard stops it."
            ),
            ShapeField("waiting", .object(OutlookShapes.waiting), "Why the open run does not send."),
            ShapeField("triggerType", .text(0...50), "Event that starts it."),
            ShapeField("triggerConfig", .map(.any, keys: 0...1_000), "Values that the event's context must have."),
            ShapeField(
                "onUserCap",
                .anyOf([.text(upTo: 10), .map(.any, keys: 0...3)]),
                "What happens to a message that WhatsApp's cap for a person stops; absent if the tenant says it."
            ),
            ShapeField("managedBy", .choice(["spec"]), "`spec` if a spec file owns it: it can only be changed there."),
            ShapeField("sourceFile", .text(0...4_096), "Path of that file."),
            ShapeField("createdBy", .uuid, "Id of the user who created it."),
            ShapeField("createdAt", .dateTime, isRequired: true, "When it was created."),
            ShapeField("updatedAt", .dateTime, isRequired: true, "When it was last changed."),
        ]
    )

    static let list = ObjectShape.page(of: campaign, "CampaignList", "A page of campaigns, newest first.")

    static let createExample: JSONValue = [
        "name": "spring-offer", "type": "manual",
        "messageTemplate": [
            "type": "template",
            "template": ["name": "spring_offer", "language": ["code": "en"]],
        ],
        "audienceFilter": [
            "logic": "AND", "conditions": [["field": "tags", "operator": "contains", "value": "vip"]],
        ],
    ]

    static let example: JSONValue = [
        "id": "0b0e5a4c-6f0e-4f0a-9c39-6f1f3f0a7d11", "tenantId": "acme", "name": "spring-offer", "type": "manual",
        "status": "draft", "sender": "main", "senderId": "5f1f2c1e-9a53-4a3f-8f1e-2d6c0c5b7a10",
        "messageTemplate": [
            "type": "template",
            "template": ["name": "spring_offer", "language": ["code": "en"]],
        ],
        "audienceFilter": [
            "logic": "AND", "conditions": [["field": "tags", "operator": "contains", "value": "vip"]],
        ],
        "recipientCount": 0, "createdAt": "2026-11-20T08:00:00Z", "updatedAt": "2026-11-20T08:00:00Z",
    ]
}

extension CampaignRecord {
    var json: JSONValue {
        .fields([
            "id": .string(id.apiText), "tenantId": .string(tenantID), "name": .string(name),
            "title": title.map(JSONValue.string), "type": .string(type.rawValue), "status": .string(status.rawValue),
            "statusReason": statusReason.map(JSONValue.string), "sourceModule": sourceModule.map(JSONValue.string),
            "sourceReferenceId": sourceReferenceID.map(JSONValue.string),
            "senderId": senderID.map { .string($0.apiText) }, "sender": senderName.map(JSONValue.string),
            "messageTemplate": message, "templateId": templateID.map { .string($0.apiText) },
            "templateParams": templateParams, "audienceFilter": audienceFilter,
            "recipientCount": .integer(recipientCount), "scheduledAt": scheduledAt.map { .string($0.apiText) },
            "startedAt": startedAt.map { .string($0.apiText) }, "completedAt": completedAt.map { .string($0.apiText) },
            "estimatedCompletionAt": estimatedCompletionAt.map { .string($0.apiText) },
            "triggerType": triggerType.map(JSONValue.string), "triggerConfig": triggerConfig,
            "onUserCap": onUserCap, "managedBy": isManagedBySpec ? JSONValue.string("spec") : Optional.none,
            "sourceFile": sourceFile.map(JSONValue.string),
            "createdBy": createdBy.map { .string($0.apiText) }, "createdAt": .string(createdAt.apiText),
            "updatedAt": .string(updatedAt.apiText),
        ])
    }
}
