import JSON
import Spec
import Store

/// Contacts that are left out of an audience, in answers.
enum LeftOutShapes {
    static let leftOut = ObjectShape(
        "LeftOut",
        "Contacts within a filter that get no message, by the first reason that applies. Reasons without contacts are left out.",
        LeftOut.Reason.allCases.map { reason in
            ShapeField(reason.rawValue, .count, "Contacts that are left out: \(reason.words).", example: 12)
        }
    )

    static let funnel = ObjectShape(
        "AudienceFunnel",
        "The steps from all contacts of a tenant to the recipients; each is a part of the one before.",
        [
            ShapeField("contacts", .count, isRequired: true, "All contacts.", example: 1_000),
            ShapeField("active", .count, isRequired: true, "Contacts that are not deactivated.", example: 990),
            ShapeField("optedIn", .count, isRequired: true, "Contacts that agreed to get messages.", example: 900),
            ShapeField(
                "notSuppressed",
                .count,
                isRequired: true,
                "Contacts that have not opted out of such messages.",
                example: 890
            ),
            ShapeField("inAudience", .count, isRequired: true, "Contacts within the filter.", example: 120),
            ShapeField("reachable", .count, isRequired: true, "Contacts that the message can reach.", example: 120),
        ]
    )

    static let example: JSONValue = ["optedOut": 12, "marketingStopped": 3]
    static let funnelExample: JSONValue = [
        "contacts": 1_000, "active": 990, "optedIn": 900, "notSuppressed": 890, "inAudience": 120, "reachable": 120,
    ]
}

/// Quotas and audiences in answers.
enum QuotaShapes {
    private static let statusFields = [
        ShapeField(
            "businessSent24h",
            .sum,
            isRequired: true,
            "Business-initiated messages within 24 hours.",
            example: 120
        ),
        ShapeField(
            "tierLimit",
            .nullable(.count),
            isRequired: true,
            "Limit; null if there is none.",
            example: 1_000
        ),
        ShapeField(
            "remaining",
            .nullable(.count),
            isRequired: true,
            "Messages left; null if there is no limit.",
            example: 880
        ),
        ShapeField(
            "tier",
            .nullable(.integer(1...4)),
            isRequired: true,
            "Tier 1 to 4; null if the sender has a limit of its own.",
            example: 1
        ),
    ]

    static let status = ObjectShape(
        "QuotaStatus",
        "The 24-hour quota of a quota group, counted over the current hour and the 24 before it.",
        statusFields
    )

    static let check = ObjectShape(
        "QuotaCheck",
        "Comparison of an audience with a quota.",
        [
            ShapeField(
                "canProceed",
                .bool,
                isRequired: true,
                "False if not a single message can be sent.",
                example: true
            ),
            ShapeField("warning", .text(0...1_000), "Why only a part can be sent."),
            ShapeField("quotaStatus", .object(status), isRequired: true, "State of the quota."),
        ]
    )

    static let sender = ObjectShape(
        "SenderQuota",
        "The quota of a sender; senders of one quota group share it.",
        [
            ShapeField("senderId", .uuid, isRequired: true, "Id of the sender."),
            ShapeField("sender", .text(upTo: 63), isRequired: true, "Name of the sender.", example: "main"),
            ShapeField("phoneNumberId", .text(0...100), isRequired: true, "Id of the phone number at WhatsApp."),
            ShapeField(
                "quotaGroup",
                .text(0...100),
                isRequired: true,
                "Name of the tenant's group that shares the quota."
            ),
        ] + statusFields
    )

    static let list = ObjectShape(
        "SenderQuotaList",
        "Quotas of all senders of the tenant.",
        [
            ShapeField(
                "items",
                .list(.object(sender), count: 0...10_000),
                isRequired: true,
                "Senders in the order of their names."
            )
        ]
    )

    static let sample = ObjectShape(
        "AudienceSample",
        "A recipient with a masked phone number.",
        [
            ShapeField(
                "phone",
                .text(0...ContactRules.longestID),
                isRequired: true,
                "Phone number with its middle digits hidden."
            ),
            ShapeField("name", .text(0...255), "Name of the contact."),
            ShapeField("isInWindow", .bool, isRequired: true, "True if the contact wrote within the last 24 hours."),
        ]
    )

    static let languages = ObjectShape(
        "LanguageCounts",
        "The recipients of a message in several languages.",
        [
            ShapeField(
                "counts",
                .list(
                    .object(
                        ObjectShape(
                            "LanguageCount",
                            "The recipients who get one language.",
                            [
                                ShapeField(
                                    "language",
                                    .text(upTo: 20),
                                    isRequired: true,
                                    "Language code.",
                                    example: "pt_BR"
                                ),
                                ShapeField("recipients", .count, isRequired: true, "Its recipients.", example: 80),
                            ]
                        )
                    ),
                    count: 0...1_000
                ),
                isRequired: true,
                "All languages of the message, in the order of their codes, also those without recipients."
            ),
            ShapeField(
                "fallback",
                .text(upTo: 20),
                isRequired: true,
                "Language of recipients whose own is not there; they are part of its count.",
                example: "en"
            ),
            ShapeField(
                "otherLanguage",
                .count,
                isRequired: true,
                "Recipients of the fallback whose language the message does not have.",
                example: 12
            ),
            ShapeField(
                "notLanguage",
                .count,
                isRequired: true,
                "Those of them whose `metadata.language` is no language that WhatsApp knows.",
                example: 2
            ),
            ShapeField(
                "withoutLanguage",
                .count,
                isRequired: true,
                "Recipients of the fallback whose contacts name no language.",
                example: 28
            ),
        ]
    )

    static let preview = ObjectShape(
        "AudiencePreview",
        "Recipients of an audience at this moment.",
        [
            ShapeField("total", .count, isRequired: true, "Number of recipients."),
            ShapeField(
                "inWindow",
                .count,
                isRequired: true,
                "Recipients who wrote within 24 hours: messages to them are free."
            ),
            ShapeField(
                "outOfWindow",
                .count,
                isRequired: true,
                "Other recipients: each takes one message of the quota."
            ),
            ShapeField(
                "unreachable",
                .count,
                isRequired: true,
                "With `freeText`, contacts that are left out because free text cannot reach them."
            ),
            ShapeField(
                "isEstimate",
                .bool,
                "True if counting took too long, and the numbers are scaled up from a part of the contacts."
            ),
            ShapeField(
                "leftOut",
                .object(LeftOutShapes.leftOut),
                isRequired: true,
                "Contacts within the filter that get no message, by the first reason that applies."
            ),
            ShapeField(
                "funnel",
                .object(LeftOutShapes.funnel),
                isRequired: true,
                "The steps from all contacts of the tenant to the recipients."
            ),
            ShapeField(
                "quotaCheck",
                .object(check),
                "Comparison with the quota of the sender; absent if the tenant has several senders and none was named."
            ),
            ShapeField(
                "cost",
                .object(CostShapes.estimate),
                "The costs of a launch now, estimated from a part of the contacts if there are many; absent without prices."
            ),
            ShapeField(
                "languages",
                .object(languages),
                "The recipients by the language that they get; absent if all get the same, or counting took too long."
            ),
            ShapeField("samples", .list(.object(sample), count: 0...20), isRequired: true, "Some of the recipients."),
        ]
    )

    static let previewExample: JSONValue = [
        "total": 120, "inWindow": 40, "outOfWindow": 80, "unreachable": 0, "leftOut": LeftOutShapes.example,
        "funnel": LeftOutShapes.funnelExample, "quotaCheck": checkExample,
        "samples": [["phone": "+254•••••••78", "name": "Amina", "isInWindow": true]],
    ]

    static let statusExample: JSONValue = ["businessSent24h": 120, "tierLimit": 1_000, "remaining": 880, "tier": 1]
    static let checkExample: JSONValue = ["canProceed": true, "quotaStatus": statusExample]
}
