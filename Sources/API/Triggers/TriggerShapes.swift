import HTTPTypes
import JSON
import Spec
import Store

/// What the trigger hook takes and answers.
enum TriggerShapes {
    /// Events in one request.
    static let largestBatch = 1_000

    static let request = ObjectShape(
        "TriggerRequest",
        "One event about one contact.",
        [
            ShapeField(
                "contactId",
                .text(upTo: 50),
                isRequired: true,
                "The contact's phone number, as the contact has it.",
                example: "254712345678"
            ),
            ShapeField(
                "context",
                .map(.any, keys: 0...100),
                "What the event brings along: campaigns match on it, and messages show it as `{{context.amount}}`.",
                example: ["amount": "12.50"]
            ),
            ShapeField(
                "eventId",
                .text(upTo: 255),
                "Your own name for the event. One that was seen before gets its former answer, and sends nothing.",
                example: "invoice-17"
            ),
        ]
    )

    private static let match = ObjectShape(
        "TriggerMatch",
        "A message on its way.",
        [
            ShapeField("campaignId", .uuid, isRequired: true, "The campaign that waited for the event."),
            ShapeField("campaign", .text(upTo: 255), isRequired: true, "Its name."),
            ShapeField("messageId", .uuid, isRequired: true, "The message."),
        ]
    )

    private static let refusal = ObjectShape(
        "TriggerRefusal",
        "A message that there will not be.",
        [
            ShapeField("reason", .choice(TriggerRefusal.self), isRequired: true, "Why."),
            ShapeField("campaignId", .uuid, "The campaign; missing when it concerns all of them."),
            ShapeField("campaign", .text(upTo: 255), "Its name."),
        ]
    )

    static let answer = ObjectShape(
        "TriggerAnswer",
        "What an event led to. Campaigns that do not wait for it are not mentioned.",
        [
            ShapeField("contactId", .text(upTo: 50), isRequired: true, "The contact."),
            ShapeField("eventId", .text(upTo: 255), "Your name for the event."),
            ShapeField("matched", .list(.object(match), count: 0...10_000), isRequired: true, "Messages on their way."),
            ShapeField("refused", .list(.object(refusal), count: 0...10_000), isRequired: true, "What was refused."),
        ]
    )

    static let body = Shape.anyOf([
        .list(.object(request), count: 1...largestBatch), .object(request),
    ])

    static let endpoint = Endpoint(
        method: .post,
        path: "/triggers/{event}",
        name: "fireTrigger",
        tag: "triggers",
        summary: "Tell that something happened to contacts",
        details: """
            Sends the campaigns that wait for the event. Answered once everything is committed.

            Instead of an access token a request may be signed with the tenant's secret from TRIGGER_SECRETS: \
            `X-Campaigns-Tenant: acme` and `X-Campaigns-Signature: t=<seconds since 1970>,v1=<hex of HMAC-SHA-256>` over \
            `<t>.<tenant>.<event>.<body>`.

            With an `eventId`, or the header `Idempotency-Key` (at most 200 characters; for events without an `eventId`, \
            with an access token), repeats are harmless: they get the same answer. It is remembered for 30 days.

            A tenant may send TRIGGER_RATE_LIMIT events in a second, in as many requests as it likes. A list passes as a \
            whole as long as anything may pass; what was too much is waited for afterwards (429 with `Retry-After`).
            """,
        pathShapes: ["event": .formatted(.eventName)],
        body: .required(body, example: ["contactId": "254712345678", "context": ["amount": "12.50"]]),
        answers: [
            .json(
                .accepted,
                "Committed. One answer for one event, a list for a list.",
                .anyOf([.list(.object(answer), count: 1...largestBatch), .object(answer)]),
                example: [
                    "contactId": "254712345678",
                    "matched": [
                        [
                            "campaignId": "2f9d0a3e-6a44-4a57-9d3c-0c6a3a1a2b4c", "campaign": "overdue-reminder",
                            "messageId": "01a209a8-09d6-87a1-a9ed-6d0000000001",
                        ]
                    ],
                    "refused": [],
                ]
            )
        ],
        problems: [.malformedRequest, .internalError, .unavailable, .invalidParameter]
    )
}
