import AccessTokens
import Foundation
import HTTPTypes
package import JSON
import Logging
import Spec
package import Store

/// Launching campaigns, repeating what failed, and pausing, resuming and cancelling their runs.
struct RunEndpoints: Sendable {
    let campaigns: CampaignRepository
    let runs: RunRepository
    let launches: LaunchRepository
    let retries: RetryRepository
    let outlooks: OutlookRepository
    let actions: RunActionRepository

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
            access: .token(.operate),
            body: .optional(.object(RunShapes.send), example: ["again": true]),
            responses: [
                .json(.accepted, "Launched.", .object(RunShapes.launch), example: RunShapes.launchExample)
            ],
            problems: [
                .stateConflict, .managedBySpec, .notReady, .quotaExhausted, .insufficientBalance, .policyViolated,
            ],
            handle: .checked { call in try await send(call) }
        )
    }

    private func send(_ call: APICall) async throws -> APIResponse {
        let record = try await campaigns.required(call)
        if call.body["again"] == true { return try await sendAgain(record, call) }
        if record.waitsForEvent {
            let campaign = try await campaigns.activate(record.id, tenant: call.tenant)
            return .json(["campaign": campaign.json(nil, for: call), "isNew": true], status: .accepted)
        }
        let (opening, quota) = try await launches.open(.id(record.id), tenant: call.tenant, by: call.actor)
        let id: UUID
        let isNew: Bool
        switch opening {
        case .opened(let run): (id, isNew) = (run.id, true)
        case .underWay(let run): (id, isNew) = (run.id, false)
        case .over: throw CampaignError.state(try await campaigns.required(call).status, action: "launched again")
        }
        if isNew { log(.send, of: record, by: call) }
        return try await answer(call, run: id, isNew: isNew, quota: quota)
    }

    private func sendAgain(_ record: CampaignRecord, _ call: APICall) async throws -> APIResponse {
        guard let key = try IdempotencyKey.read(call.headers) else {
            throw Problem.parameter("Idempotency-Key", "`again` needs this header; each key opens one run")
        }
        let opened = try await launches.openAgain(.id(record.id), tenant: call.tenant, key: key, by: call.actor)
        if opened.isNew { log(.again, of: record, by: call) }
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
                + "open. Analytics of the campaign count each recipient once, in the last run. With the header "
                + "`Idempotency-Key` (1 to 200 characters) the request may be repeated: each key opens one run.",
            access: .token(.operate),
            body: .optional(.object(RunShapes.retry), example: ["codes": ["131026"]]),
            responses: [
                .json(.accepted, "The new run.", .object(RunShapes.launch), example: RunShapes.launchExample)
            ],
            problems: [.stateConflict, .notReady, .quotaExhausted, .insufficientBalance, .policyViolated],
            handle: .checked { call in
                let record = try await campaigns.required(call)
                let codes = call.body["codes"]?.arrayValue?.compactMap(\.stringValue) ?? []
                let retry = try await retries.open(
                    .id(record.id),
                    tenant: call.tenant,
                    codes: codes,
                    key: try IdempotencyKey.read(call.headers),
                    by: call.actor
                )
                if retry.isNew { log(.retry, of: record, by: call) }
                return try await answer(
                    call,
                    run: retry.run.id,
                    isNew: retry.isNew,
                    previous: retry.previous?.id,
                    quota: retry.quota
                )
            }
        )
    }

    /// Makes the answer to a request that opened a run.
    private func answer(
        _ call: APICall,
        run: UUID,
        isNew: Bool,
        previous: UUID? = nil,
        quota: QuotaCheck?
    ) async throws -> APIResponse {
        let current = try await runs.campaignRun(run, tenant: call.tenant)
        var former: CampaignRunRecord?
        if let previous { former = try await runs.campaignRun(previous, tenant: call.tenant) }
        let outlook = try await outlooks.outlooks(of: current.map { [$0.run] } ?? [])[run]
        let actions = try await actions.latest(of: [run] + (previous.map { [$0] } ?? []))
        return .json(
            .fields([
                "campaign": try await campaigns.required(call).json(outlook, for: call),
                "run": current?.json(outlook, actions[run] ?? []), "isNew": .bool(isNew),
                "previousRun": former.map { $0.json(nil, actions[$0.run.id] ?? []) }, "quotaCheck": quota?.json,
            ]),
            status: .accepted
        )
    }

    /// Runs with why they wait, and with what was done to them.
    private func json(of found: [CampaignRunRecord], tenant: String) async throws -> [JSONValue] {
        let outlooks = try await outlooks.outlooks(of: found.map(\.run))
        let actions = try await actions.latest(of: found.map(\.run.id))
        let zones = try await runs.zones(of: found.filter { $0.run.localTime != nil }.map(\.run.id), tenant: tenant)
        return found.map { $0.json(outlooks[$0.run.id], actions[$0.run.id] ?? [], zones[$0.run.id] ?? []) }
    }

    private var pause: Endpoint {
        action(.pause, "Pause a campaign", "Acts within a second; requests under way are finished.") { call, reason in
            let record = try await campaigns.required(call)
            guard let open = try await runs.openRun(ofCampaign: record.id, tenant: call.tenant) else {
                return try await campaigns.pauseListening(record.id, tenant: call.tenant, reason: reason)
            }
            guard try await runs.pause(open.run.id, reason: reason, by: call.actor) else {
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
            .resume,
            "Resume a paused campaign",
            "Continues where it was paused; messages that failed stay failed. The guards, which pause a run whose messages "
                + "fail alike or too often, count from the beginning, or with `ignoreGuards` not at all.",
            body: RunShapes.resumption
        ) { call, _ in
            let record = try await campaigns.required(call)
            guard let open = try await runs.openRun(ofCampaign: record.id, tenant: call.tenant) else {
                return try await campaigns.resumeListening(record.id, tenant: call.tenant)
            }
            let resumed = try await runs.resume(
                open.run.id,
                ignoringGuards: call.body["ignoreGuards"]?.boolValue ?? false,
                reason: call.body["reason"]?.stringValue,
                by: call.actor
            )
            guard resumed else {
                throw CampaignError.state(try await campaigns.required(call).status, action: "resumed")
            }
            return try await campaigns.required(call)
        }
    }

    private var cancel: Endpoint {
        action(.cancel, "Cancel a campaign", "Messages that were not sent yet never are. Cancelling is final.") {
            call,
            reason in
            try await campaigns.cancel(try call.id(), tenant: call.tenant, reason: reason, by: call.actor)
        }
    }

    private func action(
        _ kind: RunAction.Kind,
        _ summary: String,
        _ details: String,
        body: ObjectShape = RunShapes.reason,
        _ act: @escaping @Sendable (APICall, _ reason: String) async throws -> CampaignRecord
    ) -> Endpoint {
        Endpoint(
            method: .post,
            path: "/campaigns/{id}/\(kind.rawValue)",
            noun: "campaign",
            name: "\(kind.rawValue)Campaign",
            tag: "runs",
            summary: summary,
            details: details,
            access: .token(.operate),
            body: .optional(.object(body), example: ["reason": "wrong price"]),
            responses: [
                .json(.ok, "The campaign.", .object(CampaignShapes.campaign), example: CampaignShapes.example)
            ],
            problems: [.stateConflict, .notReady] + (kind == .resume ? [.insufficientBalance] : []),
            handle: .checked { call in
                let record = try await act(call, call.body["reason"]?.stringValue ?? "by request")
                log(kind, of: record, by: call)
                return .json(record.json(try await outlooks.outlooks(of: [record])[record.id], for: call))
            }
        )
    }

    private func log(_ kind: RunAction.Kind, of campaign: CampaignRecord, by call: APICall) {
        var metadata: Logger.Metadata = [
            "tenant": "\(call.tenant)", "campaign": "\(campaign.name)", "who": "\(call.actor)",
        ]
        if let reason = call.body["reason"]?.stringValue { metadata["reason"] = "\(reason)" }
        call.logger.notice("Campaign \(kind.past)", metadata: metadata)
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
            responses: [
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
                return call.page(try await json(of: found, tenant: call.tenant), total: total)
            }
        )
    }
}

/// Runs and launches in requests and answers.
enum RunShapes {
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

    static let counters = ObjectShape(
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
            ShapeField(
                "leftOut",
                .object(LeftOutShapes.leftOut),
                "Contacts of the audience that were no recipients at the launch; absent if there were none."
            ),
            ShapeField("messages", .object(counters), isRequired: true, "Messages by status."),
            ShapeField(
                "held",
                .count,
                isRequired: true,
                "Messages among the sent ones that WhatsApp holds back, to assess the quality of their template for example."
            ),
            ShapeField(
                "capped",
                .count,
                isRequired: true,
                "Messages among the pending ones that wait because WhatsApp caps their recipients (code 131049)."
            ),
            ShapeField("replied", .count, isRequired: true, ResponseKind.replied.words, example: 0),
            ShapeField("tapped", .count, isRequired: true, ResponseKind.tapped.words, example: 0),
            ShapeField("optedOut", .count, isRequired: true, ResponseKind.optedOut.words, example: 0),
            ShapeField(
                "deletedCount",
                .count,
                isRequired: true,
                "Messages that retention has deleted; all numbers still count them.",
                example: 0
            ),
            ShapeField("scheduledFor", .dateTime, "The time of the schedule that opened it."),
            ShapeField("retryOf", .uuid, "Id of the run before it, if it repeats failed messages."),
            ShapeField("createdAt", .dateTime, isRequired: true, "When it was opened."),
            ShapeField("startedAt", .dateTime, "When sending started."),
            ShapeField("completedAt", .dateTime, "When it ended."),
            ShapeField(
                "estimatedCompletionAt",
                .dateTime,
                "Estimated end, from what remains, what stands before it on its sender, quiet hours and quota; absent while "
                    + "a person or a guard stops it."
            ),
            ShapeField(
                "estimatedCost",
                .object(CostShapes.estimate),
                "The costs as they were estimated at the launch; absent without prices."
            ),
            ShapeField("waiting", .object(OutlookShapes.waiting), "Why it does not send; absent once it is over."),
            ShapeField(
                "actions",
                .list(.object(OutlookShapes.action), count: 0...100),
                isRequired: true,
                "Who launched, paused, resumed or cancelled it and why, newest first."
            ),
            ShapeField(
                "zones",
                .list(.object(OutlookShapes.zone), count: 1...10_000),
                "The time zones of its contacts, the first to be sent first; only in lists of runs, and only of a run that is "
                    + "sent by the clock of each contact."
            ),
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
        "inWindowCount": 40, "unreachableCount": 0, "leftOut": LeftOutShapes.example,
        "messages": [
            "pending": 80, "queued": 30, "sending": 2, "sent": 5, "delivered": 2, "read": 1, "failed": 0,
            "cancelled": 0, "unconfirmed": 0,
        ],
        "held": 0, "capped": 0, "replied": 0, "tapped": 0, "optedOut": 0, "deletedCount": 0,
        "createdAt": "2026-11-20T08:00:00Z", "startedAt": "2026-11-20T08:00:00Z",
        "estimatedCompletionAt": "2026-11-21T08:00:02Z", "waiting": OutlookShapes.example,
        "actions": [["action": "send", "who": "command:jane", "at": "2026-11-20T08:00:00Z"]],
    ]

    static let launchExample: JSONValue = [
        "campaign": CampaignShapes.example, "run": runExample, "isNew": true, "quotaCheck": QuotaShapes.checkExample,
    ]
}

extension CampaignRunRecord {
    /// Returns the run as answers show it; with its zones if it is sent by the clock of each contact.
    package func json(_ outlook: RunOutlook?, _ actions: [RunAction], _ zones: [RunZone] = []) -> JSONValue {
        let end = outlook.map(\.estimatedCompletionAt) ?? run.estimatedCompletionAt
        return .fields([
            "id": .string(run.id.apiText), "campaignId": .string(run.campaignID.apiText),
            "revision": .integer(revision), "status": .string(run.status.rawValue),
            "statusReason": run.statusReason.map(JSONValue.string), "sender": .string(run.senderName),
            "expectedCount": .integer(run.expectedCount), "recipientCount": .integer(run.recipientCount),
            "inWindowCount": .integer(run.inWindowCount), "unreachableCount": .integer(run.unreachableCount),
            "leftOut": run.leftOut.total > 0 ? run.leftOut.json : JSONValue?.none,
            "messages": run.counters.json,
            "held": .integer(max(0, run.held)), "capped": .integer(max(0, run.counters.capped)),
            "replied": .integer(run.responses[.replied]), "tapped": .integer(run.responses[.tapped]),
            "optedOut": .integer(run.responses[.optedOut]), "deletedCount": .integer(run.deletedCount),
            "scheduledFor": scheduledFor.map { .string($0.apiText) },
            "retryOf": run.retryOf.map { .string($0.apiText) }, "createdAt": .string(createdAt.apiText),
            "startedAt": run.startedAt.map { .string($0.apiText) },
            "completedAt": run.completedAt.map { .string($0.apiText) },
            "estimatedCompletionAt": end.map { .string($0.apiText) }, "estimatedCost": run.estimatedCost?.json,
            "waiting": outlook?.waiting.json, "actions": .array(actions.map(\.json)),
            "zones": zones.isEmpty ? nil : .array(zones.map(\.json)),
        ])
    }
}
