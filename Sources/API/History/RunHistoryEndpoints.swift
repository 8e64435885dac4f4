import Foundation
import HTTPTypes
import JSON
import Runtime
import Spec
import Store

/// The history of runs: counts over time, and the places at which recipients were lost.
struct RunHistoryEndpoints: Sendable {
    let campaigns: CampaignRepository
    let series: RunSeriesRepository
    let funnels: RunFunnelRepository

    var all: [Endpoint] { [seriesOfRun, funnel] }

    private var seriesOfRun: Endpoint {
        Endpoint(
            method: .get,
            path: "/runs/{id}/series",
            noun: "run",
            name: "getRunSeries",
            tag: "analytics",
            summary: "Get what happened to the messages of a run over time",
            details:
                "Counted by the minute and kept for 90 days; runs from before the minutes were counted have no points. Longer "
                + "periods have longer steps, so that there are 1,440 points at most. Steps in which nothing happened are left out. "
                + "`marks` are what was done to the run, rate limits of WhatsApp for its sender, and starts and ends of daemons.",
            query: [
                QueryParameter(
                    "from",
                    .dateTime,
                    "Beginning; by default the launch, or for the standing run of a trigger a day before the end.",
                    example: "2026-11-20T08:00:00Z"
                ),
                QueryParameter(
                    "to",
                    .dateTime,
                    "End; by default the present, or an hour after the end of the run.",
                    example: "2026-11-20T10:00:00Z"
                ),
            ],
            responses: [
                .json(.ok, "The series.", .object(RunHistoryShapes.series), example: RunHistoryShapes.seriesExample)
            ],
            handle: .checked { call in
                let (from, to) = (call.date("from"), call.date("to"))
                if let from, let to, from >= to { throw Problem.parameter("from", "is not before `to`") }
                let id = try call.id()
                guard let found = try await series.series(of: id, tenant: call.tenant, from: from, to: to) else {
                    throw Problem.notFound("run")
                }
                guard found.from <= found.to else { throw Problem.parameter("from", "is after the end of the run") }
                return .json(found.json(of: id))
            }
        )
    }

    private var funnel: Endpoint {
        Endpoint(
            method: .get,
            path: "/campaigns/{id}/funnel",
            noun: "campaign",
            name: "getCampaignFunnel",
            tag: "analytics",
            summary: "Get the way from the audience to the readers, with each loss",
            details:
                "Of one run, the last one by default. Each step is the one before without its losses, except `replied`, which "
                + "counts the people who answered. A campaign that was never launched has no steps.",
            query: [AnalyticsEndpoints.run],
            responses: [
                .json(.ok, "The funnel.", .object(RunHistoryShapes.funnel), example: RunHistoryShapes.funnelExample)
            ],
            handle: .checked { call in
                let record = try await campaigns.required(call)
                let run = call.uuid("run")
                guard let found = try await funnels.funnel(of: record.id, tenant: call.tenant, run: run) else {
                    if run != nil { throw Problem.notFound("run of this campaign") }
                    return .json(["steps": [], "losses": []])
                }
                return .json(found.json)
            }
        )
    }
}

extension APICall {
    /// Returns a time of the query; its form was checked.
    func date(_ name: String) -> Date? { text(name).flatMap { Date(apiText: $0) } }
}

extension RunSeries {
    fileprivate func json(of run: UUID) -> JSONValue {
        [
            "runId": .string(run.apiText), "from": .string(from.apiText), "to": .string(to.apiText),
            "stepSeconds": .integer(step), "limit": .integer(limit),
            "points": .array(
                points.map { point in
                    [
                        "at": .string(point.at.apiText), "accepted": .integer(point.accepted),
                        "delivered": .integer(point.delivered), "read": .integer(point.read),
                        "failed": .integer(point.failed), "retried": .integer(point.retried),
                    ]
                }
            ),
            "marks": .array(
                marks.map { mark in
                    .fields([
                        "at": .string(mark.at.apiText), "kind": .string(mark.kind.rawValue),
                        "who": mark.who.map(JSONValue.string), "reason": mark.reason.map(JSONValue.string),
                    ])
                }
            ),
        ]
    }
}

extension RunFunnel {
    fileprivate var json: JSONValue {
        [
            "runId": .string(run.apiText),
            "steps": .array(steps.map { ["name": .string($0.step.rawValue), "count": .integer(max(0, $0.count))] }),
            "losses": .array(
                losses.map { loss in
                    let detail =
                        loss.isError
                        ? FailureAdvice(code: loss.reason, text: loss.detail ?? "").meaning ?? loss.detail : loss.detail
                    return .fields([
                        "after": .string(loss.after.rawValue), "reason": .string(loss.reason),
                        "count": .integer(loss.count), "detail": detail.flatMap { $0.isEmpty ? nil : .string($0) },
                    ])
                }
            ),
        ]
    }
}

/// The shapes of the history of runs.
private enum RunHistoryShapes {
    /// Numbers that may be negative, because a later report corrects an earlier one.
    private static let change = Shape.integer(-Int(Int32.max)...Int(Int32.max))

    private static let point = ObjectShape(
        "SeriesPoint",
        "What happened within one step.",
        [
            ShapeField("at", .dateTime, isRequired: true, "Beginning of the step."),
            ShapeField("accepted", change, isRequired: true, "Messages that WhatsApp accepted.", example: 4_600),
            ShapeField("delivered", change, isRequired: true, "Messages that arrived, also those that were read."),
            ShapeField("read", change, isRequired: true, "Messages that were read."),
            ShapeField(
                "failed",
                change,
                isRequired: true,
                "Messages that failed, without those that arrived after all: it may be negative."
            ),
            ShapeField("retried", change, isRequired: true, "Attempts that failed and that another one followed."),
        ]
    )

    private static let mark = ObjectShape(
        "SeriesMark",
        "A moment that explains the numbers around it.",
        [
            ShapeField("at", .dateTime, isRequired: true, "When; rate limits are known by the minute."),
            ShapeField("kind", .choice(RunSeries.Mark.Kind.self), isRequired: true, "What happened."),
            ShapeField("who", .text(0...300), "Who did it, as in `actions` of a run; the version of a daemon."),
            ShapeField("reason", .text(0...10_000), "Why, for people."),
        ]
    )

    static let series = ObjectShape(
        "RunSeries",
        "What happened to the messages of a run over time.",
        [
            ShapeField("runId", .uuid, isRequired: true, "The run."),
            ShapeField("from", .dateTime, isRequired: true, "Beginning of the first step."),
            ShapeField("to", .dateTime, isRequired: true, "End of the period."),
            ShapeField("stepSeconds", .integer(60...86_400), isRequired: true, "Length of a step.", example: 60),
            ShapeField("limit", .count, isRequired: true, "Messages per second that the sender allows.", example: 80),
            ShapeField(
                "points",
                .list(.object(point), count: 0...2_000),
                isRequired: true,
                "Steps in which something happened, oldest first."
            ),
            ShapeField("marks", .list(.object(mark), count: 0...1_000), isRequired: true, "Oldest first."),
        ]
    )

    static let seriesExample: JSONValue = [
        "runId": "019aa1b2-c3d4-8e5f-8a6b-7c0000000000", "from": "2026-11-20T08:00:00Z", "to": "2026-11-20T10:00:00Z",
        "stepSeconds": 60, "limit": 80,
        "points": [
            [
                "at": "2026-11-20T08:00:00Z", "accepted": 4_600, "delivered": 4_100, "read": 120, "failed": 12,
                "retried": 3,
            ]
        ],
        "marks": [
            ["at": "2026-11-20T08:00:00Z", "kind": "launch", "who": "command:jane"],
            ["at": "2026-11-20T08:04:00Z", "kind": "throttled", "reason": "130429: Rate limit hit"],
        ],
    ]

    private static let step = ObjectShape(
        "FunnelStep",
        "One step of a funnel.",
        [
            ShapeField("name", .choice(RunFunnel.Step.self), isRequired: true, "The step."),
            ShapeField("count", .count, isRequired: true, "Contacts or messages in it.", example: 120),
        ]
    )

    private static let loss = ObjectShape(
        "FunnelLoss",
        "Contacts or messages that are in one step and not in the next one.",
        [
            ShapeField("after", .choice(RunFunnel.Step.self), isRequired: true, "The last step that they are in."),
            ShapeField(
                "reason",
                .text(upTo: 50),
                isRequired: true,
                "A reason as in `leftOut`, the state of the messages, or the code of an error.",
                example: "131026"
            ),
            ShapeField("count", .count, isRequired: true, "How many.", example: 15),
            ShapeField("detail", .text(0...10_000), "What it means."),
        ]
    )

    static let funnel = ObjectShape(
        "CampaignFunnel",
        "The way from the audience of a run to those who read its messages.",
        [
            ShapeField("runId", .uuid, "The run; absent if the campaign was never launched."),
            ShapeField("steps", .list(.object(step), count: 0...6), isRequired: true, "The steps in order."),
            ShapeField("losses", .list(.object(loss), count: 0...200), isRequired: true, "The losses in order."),
        ]
    )

    static let funnelExample: JSONValue = [
        "runId": "019aa1b2-c3d4-8e5f-8a6b-7c0000000000",
        "steps": [
            ["name": "audience", "count": 135], ["name": "recipients", "count": 120],
            ["name": "accepted", "count": 105],
            ["name": "delivered", "count": 100], ["name": "read", "count": 60], ["name": "replied", "count": 8],
        ],
        "losses": [
            ["after": "audience", "reason": "optedOut", "count": 15, "detail": "opted out"],
            ["after": "recipients", "reason": "131026", "count": 15, "detail": "not on WhatsApp, or not reachable"],
            ["after": "accepted", "reason": "notDelivered", "count": 5],
            ["after": "delivered", "reason": "notRead", "count": 40],
        ],
    ]
}
