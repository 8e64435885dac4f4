import JSON
import Spec
import Store

/// What quotas and audiences look like in answers.
enum QuotaShapes {
    private static let statusFields = [
        ShapeField("businessSent24h", .sum, isRequired: true, "Business-initiated messages in 24 hours.", example: 120),
        ShapeField(
            "tierLimit",
            .nullable(.count),
            isRequired: true,
            "How many are allowed; null: any.",
            example: 1_000
        ),
        ShapeField("remaining", .nullable(.count), isRequired: true, "How many are left; null: any.", example: 880),
        ShapeField(
            "tier",
            .nullable(.integer(1...4)),
            isRequired: true,
            "1 to 4; null: a limit of its own.",
            example: 1
        ),
    ]

    static let status = ObjectShape(
        "QuotaStatus",
        "The 24 h quota of a sender's quota group, counted over this hour and the 23 before.",
        statusFields
    )

    static let check = ObjectShape(
        "QuotaCheck",
        "How an audience fits into a quota.",
        [
            ShapeField(
                "canProceed",
                .bool,
                isRequired: true,
                "False when not one message could go out.",
                example: true
            ),
            ShapeField("warning", .text(0...1_000), "What will stop it on its way."),
            ShapeField("quotaStatus", .object(status), isRequired: true, "Where the quota stands."),
        ]
    )

    static let sender = ObjectShape(
        "SenderQuota",
        "The quota of one sender; senders of one quota group share it.",
        [
            ShapeField("senderId", .uuid, isRequired: true, "The sender."),
            ShapeField("sender", .text(upTo: 63), isRequired: true, "Its name.", example: "main"),
            ShapeField("phoneNumberId", .text(0...100), isRequired: true, "Its number at WhatsApp."),
            ShapeField("quotaGroup", .text(0...100), isRequired: true, "Who shares the quota."),
        ] + statusFields
    )

    static let list = ObjectShape(
        "SenderQuotaList",
        "The quotas of all senders of the tenant.",
        [ShapeField("items", .list(.object(sender), count: 0...10_000), isRequired: true, "The senders, by name.")]
    )

    static let sample = ObjectShape(
        "AudienceSample",
        "A recipient, with a phone number that cannot be called.",
        [
            ShapeField("phone", .text(0...50), isRequired: true, "The number, all but its ends hidden."),
            ShapeField("name", .text(0...255), "The name."),
            ShapeField("isInWindow", .bool, isRequired: true, "Whether they wrote within 24 hours."),
        ]
    )

    static let preview = ObjectShape(
        "AudiencePreview",
        "Who an audience would reach at this moment.",
        [
            ShapeField("total", .count, isRequired: true, "Recipients."),
            ShapeField("inWindow", .count, isRequired: true, "Who wrote within 24 hours: free."),
            ShapeField("outOfWindow", .count, isRequired: true, "Who did not: each costs a slot of the quota."),
            ShapeField(
                "quotaCheck",
                .object(check),
                "How they fit into the quota of the sender; absent when the tenant has several and none was named."
            ),
            ShapeField("samples", .list(.object(sample), count: 0...20), isRequired: true, "The first of them."),
        ]
    )

    static let statusExample: JSONValue = ["businessSent24h": 120, "tierLimit": 1_000, "remaining": 880, "tier": 1]
    static let checkExample: JSONValue = ["canProceed": true, "quotaStatus": statusExample]
}

extension QuotaStatus {
    var fields: [String: JSONValue] {
        [
            "businessSent24h": .integer(businessSent24h), "tierLimit": tierLimit.map(JSONValue.integer) ?? .null,
            "remaining": remaining.map(JSONValue.integer) ?? .null, "tier": tier.map(JSONValue.integer) ?? .null,
        ]
    }
}

extension QuotaCheck {
    var json: JSONValue {
        .fields([
            "canProceed": .bool(canProceed), "warning": warning.map(JSONValue.string),
            "quotaStatus": .object(quotaStatus.fields),
        ])
    }
}
