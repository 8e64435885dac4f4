import Foundation
import HTTPTypes
import JSON
import Spec
import Store

/// Launching campaigns, repeating what failed, and pausing, resuming and cancelling their runs.
struct RunEndpoints: Sendable {
    let campaigns: CampaignRepository
    let runs: RunRepository
    let launches: LaunchRepository
    let retries: RetryRepository

    var all: [Endpoint] { [send, retry, pause, resume, cancel, list] }

    private var send: Endpoint {
        Endpoint(
            method: .post,
            path: "/campaigns/{id}/send",
            noun: "campaign",
            name: "sendCampaign",
            tag: "runs",
            summary: "Launch a campaign",
            details:
                "Opens a run and answers at once; the daemons write and send its messages. Launching twice is one run. "
                + "A campaign that waits for an event listens from then on.\n\n"
                + "With `again`, a campaign that has been sent is sent once more, to its present audience. That needs the header "
                + "`Idempotency-Key` (1 to 200 characters): each key opens one run, and repeats get the same run.",
            body: .optional(.object(RunShapes.send), example: ["again": true]),
            answers: [
                .json(.accepted, "Launched.", .object(RunShapes.launch), example: RunShapes.launchExample)
            ],
            problems: [
                .stateConflict, .managedBySpec, .notReady, .quotaExhausted, .insufficientBalance, .policyViolated,
            ],
            handle: .checked { call in try await send(call) }
        )
    }

    private func send(_ call: APICall) async throws -> APIAnswer {
        let record = try await campaigns.required(call)
        if call.body["again"] == true { return try await sendAgain(call) }
        if record.waitsForEvent {
            let campaign = try await campaigns.activate(record.id, tenant: call.tenant)
            return .json(["campaign": campaign.json, "isNew": true], status: .accepted)
        }
        let (opening, quota) = try await launches.open(.id(record.id), tenant: call.tenant)
        let id: UUID
        let isNew: Bool
        switch opening {
        case .opened(let run): (id, isNew) = (run.id, true)
        case .underWay(let run): (id, isNew) = (run.id, false)
        case .over: throw CampaignError.state(try await campaigns.required(call).status, action: "launched again")
        }
        return try await answer(call, run: id, isNew: isNew, quota: quota)
    }

    private func sendAgain(_ call: APICall) async throws -> APIAnswer {
        guard let key = try IdempotencyKey.read(call.headers) else {
            throw Problem.parameter("Idempotency-Key", "`again` needs this header; each key opens one run")
        }
        let opened = try await launches.openAgain(.id(try call.id()), tenant: call.tenant, key: key)
        return try await answer(
            call,
            run: opened.run.id,
            isNew: opened.isNew,
            previous: opened.previous?.id,
            quota: opened.quota
        )
    }

    private var retry: Endpoint {
        Endpoint(
            method: .post,
            path: "/campaigns/{id}/retry",
            noun: "campaign",
            name: "retryCampaign",
            tag: "runs",
            summary: "Send failed messages again",
            details:
                "Opens a run for those messages of the last run that failed without ever being accepted, and whose "
                + "contacts are opted in and active. A message whose answer was lost is not repeated. Refused while a run is "
                + "open. Analytics of the campaign count each recipient once, in the last run.",
            body: .optional(.object(RunShapes.retry), example: ["codes": ["131026"]]),
            answers: [
                .json(.accepted, "The new run.", .object(RunShapes.launch), example: RunShapes.launchExample)
            ],
            problems: [.stateConflict, .notReady, .quotaExhausted, .insufficientBalance, .policyViolated],
            handle: .checked { call in
                let record = try await campaigns.required(call)
                let codes = call.body["codes"]?.arrayValue?.compactMap(\.stringValue) ?? []
                let retry = try await retries.open(.id(record.id), tenant: call.tenant, codes: codes)
                return try await answer(
                    call,
                    run: retry.run.id,
                    isNew: true,
                    previous: retry.previous.id,
                    quota: retry.quota
                )
            }
        )
    }

    /// The answer to a request that opened a run.
    private func answer(
        _ call: APICall,
        run: UUID,
        isNew: Bool,
        previous: UUID? = nil,
        quota: QuotaCheck?
    ) async throws -> APIAnswer {
        var former: JSONValue?
        if let previous { former = try await runs.campaignRun(previous, tenant: call.tenant)?.json }
        return .json(
            .fields([
                "campaign": try await campaigns.required(call).json,
                "run": try await runs.campaignRun(run, tenant: call.tenant)?.json, "isNew": .bool(isNew),
                "previousRun": former, "quotaCheck": quota?.json,
            ]),
            status: .accepted
        )
    }

    private var pause: Endpoint {
        action("pause", "Pause a campaign", "Acts within a second; requests under way are finished.") { call, reason in
            let record = try await campaigns.required(call)
            guard let open = try await runs.openRun(ofCampaign: record.id, tenant: call.tenant) else {
                return try await campaigns.pauseListening(record.id, tenant: call.tenant, reason: reason)
            }
            guard try await runs.pause(open.run.id, reason: reason) else {
                if open.run.status == .launching {
                    throw CampaignError.incomplete("the messages are still being written; try again")
                }
                throw CampaignError.state(try await campaigns.required(call).status, action: "paused")
            }
            return try await campaigns.required(call)
        }
    }

    private var resume: Endpoint {
        action(
            "resume",
            "Resume a paused campaign",
            "Continues where it was paused; messages that failed stay failed. The guards, which pause a run whose messages "
                + "fail alike or too often, count from the beginning, or with `ignoreGuards` not at all.",
            body: RunShapes.resumption
        ) { call, _ in
            let record = try await campaigns.required(call)
            guard let open = try await runs.openRun(ofCampaign: record.id, tenant: call.tenant) else {
                return try await campaigns.resumeListening(record.id, tenant: call.tenant)
            }
            let ignoresGuards = call.body["ignoreGuards"]?.boolValue ?? false
            guard try await runs.resume(open.run.id, ignoringGuards: ignoresGuards) else {
                throw CampaignError.state(try await campaigns.required(call).status, action: "resumed")
            }
            return try await campaigns.required(call)
        }
    }

    private var cancel: Endpoint {
        action("cancel", "Cancel a campaign", "Messages that were not sent yet never are. Cancelling is final.") {
            call,
            reason in try await campaigns.cancel(try call.id(), tenant: call.tenant, reason: reason)
        }
    }

    private func action(
        _ verb: String,
        _ summary: String,
        _ details: String,
        body: ObjectShape = RunShapes.reason,
        _ act: @escaping @Sendable (APICall, _ reason: String) async throws -> CampaignRecord
    ) -> Endpoint {
        Endpoint(
            method: .post,
            path: "/campaigns/{id}/\(verb)",
            noun: "campaign",
            name: "\(verb)Campaign",
            tag: "runs",
            summary: summary,
            details: details,
            body: .optional(.object(body), example: ["reason": "wrong price"]),
            answers: [
                .json(.ok, "The campaign.", .object(CampaignShapes.campaign), example: CampaignShapes.example)
            ],
            problems: [.stateConflict, .notReady] + (verb == "resume" ? [.insufficientBalance] : []),
            handle: .checked { call in
                let reason = call.body["reason"]?.stringValue ?? "by request"
                return .json(try await act(call, reason).json)
            }
        )
    }

    private var list: Endpoint {
        Endpoint(
            method: .get,
            path: "/campaigns/{id}/runs",
            noun: "campaign",
            name: "listRuns",
            tag: "runs",
            summary: "List the runs of a campaign, newest first",
            query: [.page, .limit],
            answers: [
                .json(
                    .ok,
                    "A page of runs.",
                    .object(RunShapes.list),
                    example: ["items": [RunShapes.runExample], "page": 1, "limit": 20, "total": 1]
                )
            ],
            handle: .checked { call in
                let record = try await campaigns.required(call)
                let (found, total) = try await runs.runs(
                    ofCampaign: record.id,
                    tenant: call.tenant,
                    page: call.page,
                    limit: call.limit
                )
                return call.page(found.map(\.json), total: total)
            }
        )
    }
}

/// Runs and launches in requests and answers.
private enum RunShapes {
    private static let reasonField = ShapeField(
        "reason",
        .text(upTo: 255),
        "A text for people, shown with the campaign.",
        example: "wrong price"
    )

    static let reason = ObjectShape("Reason", "The reason of an action.", [reasonField])

    static let resumption = ObjectShape(
        "Resumption",
        "How a run is resumed.",
        [
            reasonField,
            ShapeField(
                "ignoreGuards",
                .bool,
                "True if no guard is to pause the run until it is resumed again.",
                example: true
            ),
        ]
    )

    static let send = ObjectShape(
        "LaunchRequest",
        "How to launch a campaign.",
        [
            ShapeField(
                "again",
                .bool,
                "Send a campaign once more; needs the header `Idempotency-Key`.",
                example: true
            )
        ]
    )

    static let retry = ObjectShape(
        "RetryRequest",
        "Which failed messages to send again.",
        [
            ShapeField(
                "codes",
                .list(.text(upTo: 50), count: 0...100),
                "Only messages that failed with one of these codes; all if absent or empty.",
                example: ["131026"]
            )
        ]
    )

    private static let counters = ObjectShape(
        "MessageCounters",
        "Messages by status; each message counts once.",
        MessageStatus.allCases.map { status in
            ShapeField(status.rawValue, .count, isRequired: true, "Messages that are \(status.rawValue).", example: 0)
        }
    )

    private static let run = ObjectShape(
        "Run",
        "One execution of a campaign. Fields without a value are left out.",
        [
            ShapeField("id", .uuid, isRequired: true, "Id of the run."),
            ShapeField("campaignId", .uuid, isRequired: true, "Id of the campaign."),
            ShapeField(
                "revision",
                .integer(1...Int(Int32.max)),
                isRequired: true,
                "Number of the revision that it sends."
            ),
            ShapeField("status", .choice(RunStatus.self), isRequired: true, "State of the run."),
            ShapeField("statusReason", .text(0...10_000), "Why it is paused or failed."),
            ShapeField("sender", .text(upTo: 63), isRequired: true, "Name of the sender."),
            ShapeField("expectedCount", .count, isRequired: true, "Recipients counted before the launch."),
            ShapeField("recipientCount", .count, isRequired: true, "Messages written so far."),
            ShapeField(
                "inWindowCount",
                .count,
                isRequired: true,
                "Messages to contacts who wrote within the last 24 hours."
            ),
            ShapeField(
                "unreachableCount",
                .count,
                isRequired: true,
                "Contacts of the audience that free text could not reach: they wrote more than 24 hours ago."
            ),
            ShapeField("messages", .object(counters), isRequired: true, "Messages by status."),
            ShapeField(
                "held",
                .count,
                isRequired: true,
                "Messages among the sent ones that WhatsApp holds back, to assess the quality of their template for example."
            ),
            ShapeField("scheduledFor", .dateTime, "The time of the schedule that opened it."),
            ShapeField("retryOf", .uuid, "Id of the run before it, if it repeats failed messages."),
            ShapeField("createdAt", .dateTime, isRequired: true, "When it was opened."),
            ShapeField("startedAt", .dateTime, "When sending started."),
            ShapeField("completedAt", .dateTime, "When it ended."),
            ShapeField("estimatedCompletionAt", .dateTime, "Estimated end."),
        ]
    )

    static let list = ObjectShape.page(of: run, "RunList", "A page of runs, newest first.")

    static let launch = ObjectShape(
        "Launch",
        "The result of a launch. A campaign that waits for an event has no run yet.",
        [
            ShapeField("campaign", .object(CampaignShapes.campaign), isRequired: true, "The campaign."),
            ShapeField("run", .object(run), "The run."),
            ShapeField(
                "isNew",
                .bool,
                isRequired: true,
                "False if the campaign was already running: launching twice is one run."
            ),
            ShapeField("previousRun", .object(run), "The last run before it; absent after the first launch."),
            ShapeField("quotaCheck", .object(QuotaShapes.check), "Comparison of the audience with the 24-hour quota."),
        ]
    )

    static let runExample: JSONValue = [
        "id": "019aa1b2-c3d4-8e5f-8a6b-7c0000000000", "campaignId": "0b0e5a4c-6f0e-4f0a-9c39-6f1f3f0a7d11",
        "revision": 1, "status": "running", "sender": "main", "expectedCount": 120, "recipientCount": 120,
        "inWindowCount": 40, "unreachableCount": 0,
        "messages": [
            "pending": 80, "queued": 30, "sending": 2, "sent": 5, "delivered": 2, "read": 1, "failed": 0,
            "cancelled": 0, "unconfirmed": 0,
        ],
        "held": 0,
        "createdAt": "2026-11-20T08:00:00Z", "startedAt": "2026-11-20T08:00:00Z",
        "estimatedCompletionAt": "2026-11-20T08:00:02Z",
    ]

    static let launchExample: JSONValue = [
        "campaign": CampaignShapes.example, "run": runExample, "isNew": true, "quotaCheck": QuotaShapes.checkExample,
    ]
}

extension CampaignRunRecord {
    fileprivate var json: JSONValue {
        .fields([
            "id": .string(run.id.apiText), "campaignId": .string(run.campaignID.apiText),
            "revision": .integer(revision), "status": .string(run.status.rawValue),
            "statusReason": run.statusReason.map(JSONValue.string), "sender": .string(run.senderName),
            "expectedCount": .integer(run.expectedCount), "recipientCount": .integer(run.recipientCount),
            "inWindowCount": .integer(run.inWindowCount), "unreachableCount": .integer(run.unreachableCount),
            "messages": .object(
                Dictionary(
                    uniqueKeysWithValues: MessageStatus.allCases.map {
                        ($0.rawValue, .integer(max(0, run.counters[$0])))
                    }
                )
            ),
            "held": .integer(max(0, run.held)),
            "scheduledFor": scheduledFor.map { .string($0.apiText) },
            "retryOf": run.retryOf.map { .string($0.apiText) }, "createdAt": .string(createdAt.apiText),
            "startedAt": run.startedAt.map { .string($0.apiText) },
            "completedAt": run.completedAt.map { .string($0.apiText) },
            "estimatedCompletionAt": run.estimatedCompletionAt.map { .string($0.apiText) },
        ])
    }
}
