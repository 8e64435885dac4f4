import JSON
import Spec
import Store

/// What campaigns look like in requests and answers.
enum CampaignShapes {
    static let message = Shape.spec(.message)

    private static let contentFields = [
        ShapeField(
            "name",
            .text(upTo: 255),
            isRequired: true,
            "What the campaign is called, also by the commands.",
            example: "spring-offer"
        ),
        ShapeField("title", .nullable(.text(upTo: 255)), "The name that people see.", example: "Spring offer"),
        ShapeField(
            "type",
            .choice(CampaignType.self),
            isRequired: true,
            "What starts it: somebody, a time, an event, or another module.",
            example: "manual"
        ),
    ]

    private static let audienceField = ShapeField(
        "audienceFilter",
        .nullable(.spec(.filter)),
        "Who gets it; without one it cannot be launched. Contacts who have not opted in are never part of it.",
        example: ["logic": "AND", "conditions": [["field": "tags", "operator": "contains", "value": "vip"]]]
    )

    private static let linkFields = [
        ShapeField("sourceModule", .nullable(.text(upTo: 50)), "The module that made it.", example: "events"),
        ShapeField(
            "sourceReferenceId",
            .nullable(.text(upTo: 100)),
            "What it belongs to in that module.",
            example: "event-42"
        ),
        ShapeField("templateId", .nullable(.uuid), "The template that the message is made from."),
        ShapeField(
            "templateParams",
            .nullable(.map(.text(upTo: 1024), keys: 0...50)),
            "A text for each variable of the template, such as `{{name|there}}` for `1`. Needs `templateId`."
        ),
        ShapeField(
            "scheduledAt",
            .nullable(.dateTime),
            "When it is to be sent, once it is scheduled.",
            example: "2027-01-01T09:00:00Z"
        ),
        ShapeField(
            "triggerType",
            .nullable(.formatted(.eventName)),
            "The event that starts it, such as `payment.received`; for the types `event_triggered` and `module_initiated`."
        ),
        ShapeField(
            "triggerConfig",
            .nullable(.map(.any, keys: 0...50)),
            "What the event's context must say, such as `premium` for `plan`. Needs `triggerType`."
        ),
    ]

    /// `CreateCampaignDto`.
    static let create = ObjectShape(
        "CreateCampaign",
        "A new campaign. `messageTemplate` is needed unless the message is made from a template; beside `templateId` it is "
            + "replaced by what the template makes.",
        contentFields + [
            ShapeField(
                "sender",
                .text(upTo: 63),
                "The name of the sender; by default the only one that the tenant has.",
                example: "main"
            ),
            ShapeField("senderId", .uuid, "The sender, instead of its name."),
            ShapeField(
                "messageTemplate",
                message,
                "The WhatsApp message without its recipient; texts may hold placeholders.",
                example: ["type": "text", "text": ["body": "Hi {{name|there}}"]]
            ),
            audienceField,
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

    /// That a field is there, and not null.
    private static func holds(_ field: String, _ type: String) -> JSONValue {
        ["required": [.string(field)], "properties": .object([field: ["type": .string(type)]])]
    }

    /// What is left out stays; null takes away.
    static let update = create.allOptional(
        "UpdateCampaign",
        "Changes to a draft: what is left out stays, null takes away."
    )

    static let campaign = ObjectShape(
        "Campaign",
        "A campaign. Fields without a value are left out.",
        [
            ShapeField("id", .uuid, isRequired: true, "Its id."),
            ShapeField("tenantId", .text(upTo: 50), isRequired: true, "Whose it is."),
            ShapeField("name", .text(upTo: 255), isRequired: true, "What it is called."),
            ShapeField("title", .text(upTo: 255), "The name that people see."),
            ShapeField("type", .choice(CampaignType.self), isRequired: true, "What starts it."),
            ShapeField("status", .choice(CampaignStatus.self), isRequired: true, "Where it stands."),
            ShapeField("statusReason", .text(0...10_000), "Why it is paused or failed."),
            ShapeField("sourceModule", .text(0...50), "The module that made it."),
            ShapeField("sourceReferenceId", .text(0...100), "What it belongs to in that module."),
            ShapeField("senderId", .uuid, "The sender."),
            ShapeField("sender", .text(upTo: 63), "The name of the sender."),
            ShapeField("messageTemplate", .map(.any, keys: 0...100), isRequired: true, "The WhatsApp message."),
            ShapeField("templateId", .uuid, "The template that the message is made from."),
            ShapeField("templateParams", .map(.any, keys: 0...1_000), "The texts for its variables."),
            ShapeField("audienceFilter", .map(.any, keys: 0...100), "Who gets it."),
            ShapeField("recipientCount", .count, isRequired: true, "Recipients of the last run."),
            ShapeField("scheduledAt", .dateTime, "When it is to be sent."),
            ShapeField("startedAt", .dateTime, "When the last run started."),
            ShapeField("completedAt", .dateTime, "When the last run was complete."),
            ShapeField("estimatedCompletionAt", .dateTime, "When the run is expected to be complete."),
            ShapeField("triggerType", .text(0...50), "The event that starts it."),
            ShapeField("triggerConfig", .map(.any, keys: 0...1_000), "What the event's context must say."),
            ShapeField("managedBy", .choice(["spec"]), "`spec`: a file owns it, and only the file changes it."),
            ShapeField("sourceFile", .text(0...4_096), "The file that owns it."),
            ShapeField("createdBy", .uuid, "Who made it."),
            ShapeField("createdAt", .dateTime, isRequired: true, "When it was made."),
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
            "managedBy": isManagedBySpec ? JSONValue.string("spec") : Optional.none,
            "sourceFile": sourceFile.map(JSONValue.string),
            "createdBy": createdBy.map { .string($0.apiText) }, "createdAt": .string(createdAt.apiText),
            "updatedAt": .string(updatedAt.apiText),
        ])
    }
}
