import AccessTokens
import Foundation
import HTTPTypes
package import JSON
import Logging
import Spec
package import Store

/// Tests of campaigns: their message to named people, before it goes out.
struct TestEndpoints: Sendable {
    let campaigns: CampaignRepository
    let tests: TestSendRepository

    var all: [Endpoint] { [send, list, cancel] }

    private var send: Endpoint {
        Endpoint(
            method: .post,
            path: "/campaigns/{id}/test",
            noun: "campaign",
            name: "testCampaign",
            tag: "runs",
            summary: "Send the message to test recipients",
            details:
                "Sends the message of the campaign, in any state, to some of the numbers in `testRecipients` of the tenant's spec. "
                + "It goes through the queue of the sender like any message: with its pace, quiet hours, quota, wallet and "
                + "retries. The campaign keeps its state, and its runs and analytics do not contain it. A person who opted out "
                + "is refused, and so is a number that is no contact. With the header `Idempotency-Key` (1 to 200 characters) the request may be repeated: each key "
                + "sends one test.",
            access: .token(.operate),
            body: .required(.object(TestShapes.request), example: ["to": ["+254700000017"], "reason": "new wording"]),
            responses: [.json(.accepted, "The test.", .object(TestShapes.answer), example: TestShapes.answerExample)],
            problems: [.notReady, .quotaExhausted, .insufficientBalance, .policyViolated],
            handle: .checked { call in
                let record = try await campaigns.required(call)
                let opened = try await tests.open(
                    .id(record.id),
                    tenant: call.tenant,
                    to: call.body["to"]?.arrayValue?.compactMap(\.stringValue) ?? [],
                    key: try IdempotencyKey.read(call.headers),
                    reason: call.body["reason"]?.stringValue,
                    by: call.actor
                )
                if opened.isNew {
                    let metadata: Logger.Metadata = [
                        "tenant": "\(call.tenant)", "campaign": "\(record.name)", "who": "\(call.actor)",
                        "recipients": "\(opened.test.recipients.count)",
                    ]
                    call.logger.notice("Campaign tested", metadata: metadata)
                }
                return .json(opened.json(shown: call.shown, words: call.hidingNumbers), status: .accepted)
            }
        )
    }

    private var cancel: Endpoint {
        Endpoint(
            method: .post,
            path: "/campaigns/{id}/tests/{testId}/cancel",
            noun: "campaign",
            name: "cancelTest",
            tag: "runs",
            summary: "Cancel a test",
            details:
                "Messages that were not sent never are; requests under way are finished. The campaign and its other tests go on. "
                + "A test that is over answers 409.",
            access: .token(.operate),
            body: .optional(.object(RunShapes.reason), example: ["reason": "wrong price"]),
            responses: [.json(.ok, "The test.", .object(TestShapes.test), example: TestShapes.example)],
            problems: [.stateConflict],
            handle: .checked { call in
                let record = try await campaigns.required(call)
                guard let id = call.ids["testId"],
                    let (test, isChanged) = try await tests.cancel(
                        id,
                        ofCampaign: record.id,
                        tenant: call.tenant,
                        reason: call.body["reason"]?.stringValue ?? "by request",
                        by: call.actor
                    )
                else { throw Problem.notFound("test") }
                guard isChanged else {
                    throw Problem.conflict(status: test.run.status.rawValue, "the test is \(test.run.status.rawValue)")
                }
                let metadata: Logger.Metadata = [
                    "tenant": "\(call.tenant)", "campaign": "\(record.name)", "who": "\(call.actor)",
                ]
                call.logger.notice("Test cancelled", metadata: metadata)
                return .json(test.json(shown: call.shown, words: call.hidingNumbers))
            }
        )
    }

    private var list: Endpoint {
        Endpoint(
            method: .get,
            path: "/campaigns/{id}/tests",
            noun: "campaign",
            name: "listTests",
            tag: "runs",
            summary: "List the tests of a campaign",
            query: [QueryParameter("limit", .integer(1...100), "Number of tests.", fallback: 20)],
            responses: [
                .json(
                    .ok,
                    "The latest tests, newest first.",
                    .object(TestShapes.list),
                    example: ["items": [TestShapes.example]]
                )
            ],
            handle: .checked { call in
                let record = try await campaigns.required(call)
                let found = try await tests.tests(
                    ofCampaign: record.id,
                    tenant: call.tenant,
                    limit: call.query["limit"]?.integerValue ?? 20
                )
                return .json(["items": .array(found.map { $0.json(shown: call.shown, words: call.hidingNumbers) })])
            }
        )
    }
}

/// Tests in requests and answers.
enum TestShapes {
    static let request = ObjectShape(
        "TestRequest",
        "The people who get a test.",
        [
            ShapeField(
                "to",
                .list(.text(upTo: 50), count: 1...TestSendRepository.mostRecipients),
                isRequired: true,
                "Numbers in any usual spelling, each one of the tenant's `testRecipients`."
            ),
            ShapeField("reason", .text(upTo: 1_000), "The reason, for the list of tests.", example: "new wording"),
        ]
    )

    private static let recipient = ObjectShape(
        "TestRecipient",
        "A person of a test.",
        [
            ShapeField("to", .text(0...ContactRules.longestID), isRequired: true, "Number.", example: "+254700000017"),
            ShapeField("status", .choice(MessageStatus.self), isRequired: true, "State of the message."),
            ShapeField("errorCode", .text(0...50), "Why it failed or was not sent."),
            ShapeField("errorMessage", .text(0...10_000), "The reason in words."),
            ShapeField("sentAt", .dateTime, "When WhatsApp accepted it."),
            ShapeField("deliveredAt", .dateTime, "When it was delivered."),
            ShapeField("readAt", .dateTime, "When it was read."),
        ]
    )

    static let test = ObjectShape(
        "Test",
        "A test of a campaign.",
        [
            ShapeField("id", .uuid, isRequired: true, "Id of the test, which is that of its run."),
            ShapeField("status", .choice(RunStatus.self), isRequired: true, "State of the test."),
            ShapeField("statusReason", .text(0...10_000), "Why it is paused or was cancelled."),
            ShapeField(
                "who",
                .text(0...300),
                "Who sent it: `api:` and the subject of the token, or `command:` and the user."
            ),
            ShapeField("reason", .text(0...10_000), "The reason that was given."),
            ShapeField("createdAt", .dateTime, isRequired: true, "When it was requested."),
            ShapeField(
                "estimatedCost",
                .object(CostShapes.estimate),
                "The costs as they were estimated when it was requested; absent without prices."
            ),
            ShapeField(
                "recipients",
                .list(.object(recipient), count: 0...TestSendRepository.mostRecipients),
                isRequired: true,
                "The people, in the order of the request."
            ),
        ]
    )

    private static let fallback = ObjectShape(
        "TestFallback",
        "A placeholder without a value.",
        [
            ShapeField("placeholder", .text(0...200), isRequired: true, "What it names.", example: "name"),
            ShapeField("text", .text(0...10_000), "The text that is sent in its place.", example: "there"),
        ]
    )

    private static let filling = ObjectShape(
        "TestFilling",
        "How the message to one person is filled.",
        [
            ShapeField("to", .text(0...ContactRules.longestID), isRequired: true, "Number.", example: "+254700000017"),
            ShapeField(
                "fallbacks",
                .list(.object(fallback), count: 0...1_000),
                isRequired: true,
                "Placeholders without a value."
            ),
        ]
    )

    static let answer = ObjectShape(
        "TestAnswer",
        "The result of a test request.",
        [
            ShapeField("test", .object(test), isRequired: true, "The test."),
            ShapeField(
                "isNew",
                .bool,
                isRequired: true,
                "False if an earlier request with the same key sent it."
            ),
            ShapeField(
                "fillings",
                .list(.object(filling), count: 0...TestSendRepository.mostRecipients),
                isRequired: true,
                "The values of placeholders for each person; empty if the test is not new."
            ),
            ShapeField("quotaCheck", .object(QuotaShapes.check), "Comparison of the test with the 24-hour quota."),
        ]
    )

    static let list = ObjectShape(
        "TestList",
        "Tests of a campaign, newest first.",
        [ShapeField("items", .list(.object(test), count: 0...100), isRequired: true, "The tests.")]
    )

    static let example: JSONValue = [
        "id": "019aa1b2-c3d4-8e5f-8a6b-7c0000000000", "status": "completed", "who": "api:jane@example.com",
        "reason": "new wording", "createdAt": "2026-11-20T08:00:00Z",
        "recipients": [["to": "+254700000017", "status": "delivered", "sentAt": "2026-11-20T08:00:01Z"]],
    ]

    static let answerExample: JSONValue = [
        "test": example, "isNew": true,
        "fillings": [
            ["to": "+254700000017", "fallbacks": [["placeholder": "name", "text": "there"]]]
        ],
        "quotaCheck": QuotaShapes.checkExample,
    ]
}

extension TestSend {
    /// Writes the test as answers show it.
    ///
    /// - Parameters:
    ///   - shown: Hides numbers from callers that may not see them.
    ///   - words: Hides numbers in WhatsApp's words from such callers.
    /// - Returns: The object.
    package func json(
        shown: (String) -> String = { $0 },
        words: (String) -> String = { $0 }
    ) -> JSONValue {
        .fields([
            "id": .string(run.id.apiText), "status": .string(run.status.rawValue),
            "statusReason": run.statusReason.map(JSONValue.string), "who": action.map { .string($0.actor.description) },
            "reason": action?.reason.map(JSONValue.string), "createdAt": .string(createdAt.apiText),
            "estimatedCost": run.estimatedCost?.json,
            "recipients": .array(
                recipients.map { recipient in
                    .fields([
                        "to": .string(shown(recipient.number)), "status": .string(recipient.status.rawValue),
                        "errorCode": recipient.errorCode.map(JSONValue.string),
                        "errorMessage": recipient.errorMessage.map { .string(words($0)) },
                        "sentAt": recipient.sentAt.map { .string($0.apiText) },
                        "deliveredAt": recipient.deliveredAt.map { .string($0.apiText) },
                        "readAt": recipient.readAt.map { .string($0.apiText) },
                    ])
                }
            ),
        ])
    }
}

extension TestSendRepository.Opened {
    /// Writes the result of the request as answers show it.
    ///
    /// - Parameters:
    ///   - shown: Hides numbers from callers that may not see them.
    ///   - words: Hides numbers in WhatsApp's words from such callers.
    /// - Returns: The object.
    package func json(
        shown: (String) -> String = { $0 },
        words: (String) -> String = { $0 }
    ) -> JSONValue {
        .fields([
            "test": test.json(shown: shown, words: words), "isNew": .bool(isNew),
            "fillings": .array(
                fillings.map { filling in
                    [
                        "to": .string(shown(filling.number)),
                        "fallbacks": .array(
                            filling.fallbacks.map {
                                .fields(["placeholder": .string($0.path), "text": $0.text.map(JSONValue.string)])
                            }
                        ),
                    ]
                }
            ),
            "quotaCheck": quota?.json,
        ])
    }
}
