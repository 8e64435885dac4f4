import Foundation
import HTTPTypes
import JSON
import Spec
import Store

/// Sending campaigns, now or later, and stopping them.
struct CampaignActionEndpoints: Sendable {
    let campaigns: CampaignRepository
    let runs: RunRepository
    let launches: LaunchRepository

    var all: [Endpoint] { [send, schedule, pause, resume, cancel, list] }

    private static let reason = ObjectShape(
        "Reason",
        "Why something is done.",
        [ShapeField("reason", .text(upTo: 255), "For people; shown with the campaign.", example: "wrong price")]
    )
    private static let nothing = ObjectShape("Nothing", "An object without fields.", [])

    private var send: Endpoint {
        Endpoint(
            method: .post,
            path: "/campaigns/{id}/send",
            name: "sendCampaign",
            tag: "runs",
            summary: "Launch a campaign",
            details:
                "Opens the run and answers; its messages are written and sent by the daemons. Launching twice is one run. "
                + "A campaign that waits for an event listens from now on.",
            body: .optional(.object(Self.nothing), example: [:]),
            answers: [
                .json(.accepted, "It is on its way.", .object(RunShapes.launch), example: RunShapes.launchExample)
            ],
            problems: [
                .stateConflict, .managedBySpec, .notReady, .quotaExhausted, .insufficientBalance, .policyViolated,
            ],
            handle: { call in try await send(call) }
        )
    }

    private func send(_ call: APICall) async throws -> APIAnswer {
        let record = try await campaigns.required(call)
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
        return .json(
            .fields([
                "campaign": try await campaigns.required(call).json,
                "run": try await runs.campaignRun(id, tenant: call.tenant)?.json, "isNew": .bool(isNew),
                "quotaCheck": quota?.json,
            ]),
            status: .accepted
        )
    }

    private var schedule: Endpoint {
        Endpoint(
            method: .post,
            path: "/campaigns/{id}/schedule",
            name: "scheduleCampaign",
            tag: "runs",
            summary: "Send a campaign later, or again and again",
            details: "Takes the place of an earlier schedule. A campaign that a file owns is scheduled there.",
            body: .required(.object(ScheduleReader.shape), example: ["scheduledAt": "2027-01-01T09:00:00Z"]),
            answers: [
                .json(
                    .ok,
                    "The scheduled campaign.",
                    .object(ScheduleShapes.scheduled),
                    example: ScheduleShapes.example
                )
            ],
            problems: [.stateConflict, .managedBySpec, .notReady, .policyViolated],
            handle: { call in
                let record = try await campaigns.required(call)
                // The clock that will start it: by another one, times would be lost or long past.
                let now = try await campaigns.present()
                let timing = try ScheduleReader.timing(call.body, stored: record.scheduledAt, now: now)
                let scheduled: CampaignRecord
                switch timing {
                case .once(let date):
                    scheduled = try await campaigns.schedule(record.id, tenant: call.tenant, at: date)
                case .repeating(let schedule, let next):
                    scheduled = try await campaigns.schedule(record.id, tenant: call.tenant, by: schedule, next: next)
                }
                let schedules = try await campaigns.schedules(of: record.id, tenant: call.tenant)
                return .json(["campaign": scheduled.json, "schedules": .array(schedules.map(\.json))])
            }
        )
    }

    private var pause: Endpoint {
        action("pause", "Pause a campaign", "Acts within a second; what is on its way arrives.") { call, reason in
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
        action("resume", "Let a paused campaign go on", "It goes on where it stopped.") { call, _ in
            let record = try await campaigns.required(call)
            guard let open = try await runs.openRun(ofCampaign: record.id, tenant: call.tenant) else {
                return try await campaigns.resumeListening(record.id, tenant: call.tenant)
            }
            guard try await runs.resume(open.run.id) else {
                throw CampaignError.state(try await campaigns.required(call).status, action: "resumed")
            }
            return try await campaigns.required(call)
        }
    }

    private var cancel: Endpoint {
        action("cancel", "Cancel a campaign", "What waits is not sent, now or later; a cancelled campaign stays so.") {
            call,
            reason in try await campaigns.cancel(try call.id(), tenant: call.tenant, reason: reason)
        }
    }

    private func action(
        _ verb: String,
        _ summary: String,
        _ details: String,
        _ act: @escaping @Sendable (APICall, _ reason: String) async throws -> CampaignRecord
    ) -> Endpoint {
        Endpoint(
            method: .post,
            path: "/campaigns/{id}/\(verb)",
            name: "\(verb)Campaign",
            tag: "runs",
            summary: summary,
            details: details,
            body: .optional(.object(Self.reason), example: ["reason": "wrong price"]),
            answers: [
                .json(.ok, "The campaign.", .object(CampaignShapes.campaign), example: CampaignShapes.example)
            ],
            problems: [.stateConflict, .notReady] + (verb == "resume" ? [.insufficientBalance] : []),
            handle: { call in
                let reason = call.body["reason"]?.stringValue ?? "by request"
                return .json(try await act(call, reason).json)
            }
        )
    }

    private var list: Endpoint {
        Endpoint(
            method: .get,
            path: "/campaigns/{id}/runs",
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
            handle: { call in
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
