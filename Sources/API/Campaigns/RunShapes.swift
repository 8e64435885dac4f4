import JSON
import Spec
import Store

/// What runs and launches look like in answers.
enum RunShapes {
    static let counters = ObjectShape(
        "MessageCounters",
        "Messages by status; each message counts once.",
        MessageStatus.allCases.map { status in
            ShapeField(status.rawValue, .count, isRequired: true, "Messages that are \(status.rawValue).", example: 0)
        }
    )

    static let run = ObjectShape(
        "Run",
        "One execution of a campaign. Fields without a value are left out.",
        [
            ShapeField("id", .uuid, isRequired: true, "Its id."),
            ShapeField("campaignId", .uuid, isRequired: true, "The campaign."),
            ShapeField("revision", .integer(1...Int(Int32.max)), isRequired: true, "The number of what it sends."),
            ShapeField("status", .choice(RunStatus.self), isRequired: true, "Where it stands."),
            ShapeField("statusReason", .text(0...10_000), "Why it is paused or failed."),
            ShapeField("sender", .text(upTo: 63), isRequired: true, "The name of its sender."),
            ShapeField("expectedCount", .count, isRequired: true, "Recipients counted before the launch."),
            ShapeField("recipientCount", .count, isRequired: true, "Messages written so far."),
            ShapeField("inWindowCount", .count, isRequired: true, "Of these, to contacts who wrote within 24 hours."),
            ShapeField("messages", .object(counters), isRequired: true, "Messages by status."),
            ShapeField("scheduledFor", .dateTime, "The time of the schedule that it was made for."),
            ShapeField("createdAt", .dateTime, isRequired: true, "When it was opened."),
            ShapeField("startedAt", .dateTime, "When it started."),
            ShapeField("completedAt", .dateTime, "When it was over."),
            ShapeField("estimatedCompletionAt", .dateTime, "When it is expected to be complete."),
        ]
    )

    static let list = ObjectShape.page(of: run, "RunList", "A page of runs, newest first.")

    static let launch = ObjectShape(
        "Launch",
        "What a launch did. A campaign that waits for its event has no run yet.",
        [
            ShapeField("campaign", .object(CampaignShapes.campaign), isRequired: true, "The campaign."),
            ShapeField("run", .object(run), "The run that sends it."),
            ShapeField(
                "isNew",
                .bool,
                isRequired: true,
                "False when the campaign was under way already: launching twice is one run."
            ),
            ShapeField("quotaCheck", .object(QuotaShapes.check), "How its audience fits into the 24 h quota."),
        ]
    )

    static let runExample: JSONValue = [
        "id": "019aa1b2-c3d4-8e5f-8a6b-7c0000000000", "campaignId": "0b0e5a4c-6f0e-4f0a-9c39-6f1f3f0a7d11",
        "revision": 1,
        "status": "running", "sender": "main", "expectedCount": 120, "recipientCount": 120, "inWindowCount": 40,
        "messages": [
            "pending": 80, "queued": 30, "sending": 2, "sent": 5, "delivered": 2, "read": 1, "failed": 0,
            "cancelled": 0,
            "unconfirmed": 0,
        ],
        "createdAt": "2026-11-20T08:00:00Z", "startedAt": "2026-11-20T08:00:00Z",
        "estimatedCompletionAt": "2026-11-20T08:00:02Z",
    ]

    static let launchExample: JSONValue = [
        "campaign": CampaignShapes.example, "run": runExample, "isNew": true, "quotaCheck": QuotaShapes.checkExample,
    ]
}

extension CampaignRunRecord {
    var json: JSONValue {
        .fields([
            "id": .string(run.id.apiText), "campaignId": .string(run.campaignID.apiText),
            "revision": .integer(revision), "status": .string(run.status.rawValue),
            "statusReason": run.statusReason.map(JSONValue.string), "sender": .string(run.senderName),
            "expectedCount": .integer(run.expectedCount), "recipientCount": .integer(run.recipientCount),
            "inWindowCount": .integer(run.inWindowCount), "messages": run.counters.json,
            "scheduledFor": scheduledFor.map { .string($0.apiText) }, "createdAt": .string(createdAt.apiText),
            "startedAt": run.startedAt.map { .string($0.apiText) },
            "completedAt": run.completedAt.map { .string($0.apiText) },
            "estimatedCompletionAt": run.estimatedCompletionAt.map { .string($0.apiText) },
        ])
    }
}

extension RunCounters {
    var json: JSONValue {
        .object(
            Dictionary(uniqueKeysWithValues: MessageStatus.allCases.map { ($0.rawValue, .integer(max(0, self[$0]))) })
        )
    }
}
