import Foundation
import HTTPTypes
import JSON
import Spec
import Store

/// Which events came in, and what became of them.
struct TriggerHistoryEndpoints: Sendable {
    let history: TriggerHistoryRepository

    var all: [Endpoint] { [events, series] }

    private var events: Endpoint {
        Endpoint(
            method: .get,
            path: "/triggers/events",
            name: "listEvents",
            tag: "triggers",
            summary: "List the last events with their outcome",
            details: "Latest first, among the last 10,000. Events are kept for 30 days. Numbers are masked.",
            query: [
                QueryParameter("event", .text(upTo: 50), "Only events of this name.", example: "payment.overdue"),
                .page, .limit,
            ],
            responses: [
                .json(
                    .ok,
                    "A page of events.",
                    .object(
                        ObjectShape.page(of: Self.eventShape, "TriggerEventList", "A page of events, latest first.")
                    ),
                    example: [
                        "items": [
                            [
                                "at": "2026-11-20T08:00:00Z", "event": "payment.overdue", "contact": "+254•••••••78",
                                "outcome": "refused", "reason": "cooldown",
                            ]
                        ], "page": 1, "limit": 20, "total": 1,
                    ]
                )
            ],
            handle: .checked { call in
                let (items, total) = try await history.events(
                    tenant: call.tenant,
                    event: call.text("event"),
                    page: call.page,
                    limit: call.limit
                )
                return call.page(items.map(\.json), total: total)
            }
        )
    }

    private var series: Endpoint {
        Endpoint(
            method: .get,
            path: "/triggers/series",
            name: "getEventSeries",
            tag: "triggers",
            summary: "Count the last events by minute and outcome",
            details:
                "Refused events are counted by their first reason. The last 100,000 events are counted: if there were more, `from` is "
                + "later than asked for. Minutes without events are left out.",
            query: [QueryParameter("minutes", .integer(1...1_440), "Minutes before now.", fallback: 60, example: 60)],
            responses: [
                .json(
                    .ok,
                    "The counts.",
                    .object(Self.seriesShape),
                    example: [
                        "from": "2026-11-20T07:00:00Z",
                        "points": [
                            ["at": "2026-11-20T07:58:00Z", "outcome": "matched", "count": 120],
                            ["at": "2026-11-20T07:58:00Z", "outcome": "refused", "reason": "cooldown", "count": 4],
                        ],
                    ]
                )
            ],
            handle: .checked { call in
                let minutes = call.query["minutes"]?.integerValue ?? 60
                let (points, from) = try await history.counts(tenant: call.tenant, minutes: minutes)
                return .json([
                    "from": .string(from.apiText),
                    "points": .array(
                        points.map { point in
                            .fields([
                                "at": .string(point.at.apiText), "outcome": .string(point.outcome.rawValue),
                                "reason": point.reason.map(JSONValue.string), "count": .integer(point.count),
                            ])
                        }
                    ),
                ])
            }
        )
    }

    private static let outcome = ShapeField(
        "outcome",
        .choice(TriggerEventOutcome.self),
        isRequired: true,
        "`matched` if it led to a message, `refused` if there is a reason why not, `unmatched` if no campaign waits for it."
    )

    private static let reason = ShapeField(
        "reason",
        .text(upTo: 50),
        "The first reason for a refusal, as in the answer to the event.",
        example: "cooldown"
    )

    private static let eventShape = ObjectShape(
        "TriggerEvent",
        "An event that came in.",
        [
            ShapeField("at", .dateTime, isRequired: true, "When."),
            ShapeField("event", .text(upTo: 50), isRequired: true, "Its name.", example: "payment.overdue"),
            ShapeField("contact", .text(0...150), isRequired: true, "The contact, with a masked number."),
            outcome, reason,
        ]
    )

    private static let seriesShape = ObjectShape(
        "TriggerEventSeries",
        "Events by minute and outcome.",
        [
            ShapeField("from", .dateTime, isRequired: true, "Beginning of the period."),
            ShapeField(
                "points",
                .list(
                    .object(
                        ObjectShape(
                            "TriggerEventCount",
                            "Events of one minute with the same outcome and reason.",
                            [
                                ShapeField("at", .dateTime, isRequired: true, "The minute."), outcome, reason,
                                ShapeField("count", .count, isRequired: true, "Number of events.", example: 120),
                            ]
                        )
                    ),
                    count: 0...50_000
                ),
                isRequired: true,
                "The counts, oldest first."
            ),
        ]
    )
}

extension TriggerEventRecord {
    fileprivate var json: JSONValue {
        .fields([
            "at": .string(at.apiText), "event": .string(event), "contact": .string(ContactMask.hidden(contactID)),
            "outcome": .string(outcome.rawValue), "reason": reason.map(JSONValue.string),
        ])
    }
}
