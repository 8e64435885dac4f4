import AccessTokens
import Foundation
import HTTPTypes
import HummingbirdCore
import JSON
import Spec
import Store

/// The present state of the tenant: as a stream of events, and the lists of senders and daemons.
struct LiveEndpoints: Sendable {
    let feed: LiveFeed
    let authenticator: Authenticator

    var all: [Endpoint] { [events, senders, daemons] }

    private var events: Endpoint {
        Endpoint(
            method: .get,
            path: "/events",
            name: "watch",
            tag: "live",
            summary: "Watch runs, senders, daemons and alarms",
            details: """
                Server-sent events without an end. `snapshot` has everything, and each `change` after it what has changed, \
                with the keys of what is gone in `removed`; both are a `LiveState` as JSON. Runs are the open ones and those \
                that ended within ten minutes. There are at most four messages a second; a caller that reads slowly gets \
                several changes as one. A comment every 15 seconds shows that the stream lives.

                The header `Last-Event-ID` with the id of the last message goes on from there, if this daemon still knows \
                it; otherwise there is a snapshot. The stream ends when the token expires or its key is removed, and when the \
                daemon stops. With 25 streams of the tenant open, the daemon answers 429, and with 100 of all tenants 503.
                """,
            responses: [
                Endpoint.ResponseShape(
                    status: .ok,
                    description: "The stream.",
                    content: [
                        .init(
                            mediaType: "text/event-stream",
                            shape: .text(0...Int(Int32.max)),
                            example: "id: 1\nevent: snapshot\ndata: {}\n\n"
                        ),
                        .init(shape: .object(LiveShapes.state), example: LiveShapes.example),
                    ]
                )
            ],
            handle: .checked { call in
                let context = call.context
                let authorization = call.headers[.authorization]
                let authenticator = authenticator
                let caller = call.caller
                let seat = try feed.seat(
                    tenant: call.tenant,
                    expiresAt: caller.expiresAt,
                    isAdmitted: {
                        do {
                            return try await authenticator.caller(of: authorization, logger: context.logger) == caller
                        } catch {
                            // The log has the reason.
                            return false
                        }
                    },
                    close: { context.closeConnection() }
                )
                let last = call.headers[.lastEventID]
                var answer = APIResponse(
                    content: .stream(mediaType: "text/event-stream") { writer in
                        try await feed.stream(to: seat, after: last, writer: &writer)
                    }
                )
                // Otherwise nginx would collect the events.
                if let name = HTTPField.Name("X-Accel-Buffering") { answer.headers[name] = "no" }
                return answer
            }
        )
    }

    private var senders: Endpoint {
        list(
            .senders,
            "/senders",
            "listSenders",
            "List the senders with their pace, quota and queue",
            LiveShapes.sender,
            "SenderStateList",
            LiveShapes.senderExample
        )
    }

    private var daemons: Endpoint {
        list(
            .daemons,
            "/daemons",
            "listDaemons",
            "List the daemons that were seen lately",
            LiveShapes.daemon,
            "DaemonList",
            LiveShapes.daemonExample
        )
    }

    private func list(
        _ kind: LiveKind,
        _ path: String,
        _ name: String,
        _ summary: String,
        _ shape: ObjectShape,
        _ listName: String,
        _ example: JSONValue
    ) -> Endpoint {
        let list = ObjectShape(
            listName,
            "All \(kind.rawValue).",
            [ShapeField("items", .list(.object(shape), count: 0...10_000), isRequired: true, "The \(kind.rawValue).")]
        )
        return Endpoint(
            method: .get,
            path: path,
            name: name,
            tag: "live",
            summary: summary,
            responses: [.json(.ok, "All \(kind.rawValue).", .object(list), example: ["items": [example]])],
            handle: .checked { call in .json(["items": .array(try await feed.list(kind, of: call.tenant))]) }
        )
    }
}

extension HTTPField.Name {
    fileprivate static let lastEventID = HTTPField.Name("Last-Event-ID") ?? .eTag
}

/// The present state in answers.
enum LiveShapes {
    private static let rate = ShapeField(
        "rate",
        .number,
        "Attempts per second over the last 10 seconds; absent until it has been measured.",
        example: .number(41.5)
    )

    static let daemon = ObjectShape(
        "Daemon",
        "A daemon that was seen within the last ten minutes.",
        [
            ShapeField("id", .uuid, isRequired: true, "Its id, new at each start."),
            ShapeField("version", .text(0...50), isRequired: true, "Its version.", example: "1.4.0"),
            ShapeField("startedAt", .dateTime, isRequired: true, "When it started."),
            ShapeField("lastSeen", .dateTime, isRequired: true, "When it last said so, as it does every 5 s."),
            ShapeField("isLive", .bool, isRequired: true, "False if it was not seen for 15 s."),
        ]
    )

    private static let quota = ObjectShape(
        "SenderStateQuota",
        "The 24-hour quota of a sender.",
        [
            ShapeField("name", .text(0...100), isRequired: true, "Name of the group that shares the quota."),
            ShapeField("used", .sum, isRequired: true, "Business-initiated messages within 24 hours.", example: 120),
            ShapeField("limit", .count, "The limit; absent if there is none.", example: 1_000),
            ShapeField("remaining", .count, "Messages left; absent if there is no limit.", example: 880),
        ]
    )

    static let sender = ObjectShape(
        "SenderState",
        "A sender at this moment.",
        [
            ShapeField("id", .uuid, isRequired: true, "Id of the sender."),
            ShapeField("name", .text(upTo: 63), isRequired: true, "Name of the sender.", example: "main"),
            ShapeField("displayPhoneNumber", .text(0...100), "The number as people write it."),
            rate,
            ShapeField("limit", .count, isRequired: true, "Its messages per second.", example: 80),
            ShapeField("quota", .object(quota), isRequired: true, "Its 24-hour quota."),
            ShapeField("ready", .count, "Messages in its queue that may be sent; absent if Redis does not answer."),
            ShapeField("delayed", .count, "Messages in its queue that wait for another attempt."),
            ShapeField("held", .count, "Messages that are being sent."),
            ShapeField("oldestAt", .dateTime, "When the first message of the queue became due."),
            ShapeField("openRuns", .count, isRequired: true, "Number of its open runs."),
            ShapeField("silencedUntil", .dateTime, "End of a pause that WhatsApp asked for."),
            ShapeField("waiting", .object(OutlookShapes.waiting), isRequired: true, "Why its queue does not move."),
            ShapeField(
                "circuit",
                .choice(["closed", "open", "halfOpen"]),
                isRequired: true,
                "The circuit breaker of the daemon that answers: it is open while WhatsApp seems to be down."
            ),
            ShapeField("quality", .text(0...100), "The last event of the number's quality, such as `FLAGGED`."),
            ShapeField("numberQuality", .text(0...30), "Quality of the number as it was read.", example: "GREEN"),
            ShapeField("numberStatus", .text(0...30), "Its status; `CONNECTED` is the only healthy one."),
            ShapeField("messagingTier", .text(0...30), "WhatsApp's limit as it was read.", example: "TIER_2K"),
            ShapeField("restriction", .text(0...1_000), "The restriction of the account that is in force."),
        ]
    )

    private static let run = ObjectShape(
        "RunState",
        "A run at this moment.",
        [
            ShapeField("id", .uuid, isRequired: true, "Id of the run."),
            ShapeField("campaignId", .uuid, isRequired: true, "Id of the campaign."),
            ShapeField("campaign", .text(upTo: 255), isRequired: true, "Name of the campaign."),
            ShapeField("title", .text(0...255), "Title of the campaign for people."),
            ShapeField("status", .choice(RunStatus.self), isRequired: true, "State of the run."),
            ShapeField("waiting", .object(OutlookShapes.waiting), "Why it does not send; absent once it is over."),
            ShapeField("sender", .text(upTo: 63), isRequired: true, "Name of the sender."),
            ShapeField("schedule", .text(0...63), "Name of the schedule that opened it."),
            ShapeField("recipientCount", .count, isRequired: true, "Messages written so far."),
            ShapeField("expectedCount", .count, isRequired: true, "Recipients counted before the launch."),
            ShapeField("messages", .object(RunShapes.counters), isRequired: true, "Messages by status."),
            ShapeField("tried", .count, isRequired: true, "Messages with an outcome."),
            rate,
            ShapeField("limit", .count, isRequired: true, "Messages per second of its sender.", example: 80),
            ShapeField("share", .number, "Its share of the open work of its sender, 0 to 1.", example: .number(0.6)),
            ShapeField("estimatedCompletionAt", .dateTime, "Estimated end; absent while it is unknown."),
            ShapeField("startedAt", .dateTime, "When sending started."),
            ShapeField("completedAt", .dateTime, "When it ended."),
            ShapeField("createdAt", .dateTime, isRequired: true, "When it was opened."),
            ShapeField("quietUntil", .dateTime, "End of the quiet hours for which it waits."),
            ShapeField(
                "minutes",
                .list(.count, count: LiveRepository.minuteCount...LiveRepository.minuteCount),
                isRequired: true,
                "Accepted messages by the minute, oldest first; the last is the present one."
            ),
        ]
    )

    private static let alarm = ObjectShape(
        "Alarm",
        "Something that a person should look at.",
        [
            ShapeField(
                "code",
                .text(upTo: 400),
                isRequired: true,
                "Its name for programs, with the thing that it is about after a colon.",
                example: "run_stopped:spring-offer"
            ),
            ShapeField("severity", .choice(LiveAlarm.Severity.self), isRequired: true, "How urgent it is."),
            ShapeField("title", .text(0...1_000), isRequired: true, "What is wrong, for people."),
            ShapeField("detail", .text(0...10_000), isRequired: true, "Why, and what to do."),
            ShapeField("since", .dateTime, "Since when, if that is known."),
        ]
    )

    private static let removed = ObjectShape(
        "LiveRemovals",
        "The keys of what is gone: ids, and codes of alarms.",
        LiveKind.allCases.map { kind in
            ShapeField(
                kind.rawValue,
                .list(.text(upTo: 400), count: 0...100_000),
                isRequired: true,
                "Keys of \(kind.rawValue)."
            )
        }
    )

    /// The data of an event.
    static let state = ObjectShape(
        "LiveState",
        "The data of an event: everything in a `snapshot`, and what has changed in a `change`.",
        [
            ShapeField("at", .dateTime, isRequired: true, "The clock of Postgres."),
            list(.daemons, daemon), list(.senders, sender), list(.runs, run), list(.alarms, alarm),
            ShapeField("removed", .object(removed), "What is gone; only in a `change`."),
        ]
    )

    private static func list(_ kind: LiveKind, _ shape: ObjectShape) -> ShapeField {
        ShapeField(kind.rawValue, .list(.object(shape), count: 0...100_000), isRequired: true, "The \(kind.rawValue).")
    }

    static let daemonExample: JSONValue = [
        "id": "8d6f1a52-1b3c-4a57-9d3c-0c6a3a1a2b4c", "version": "1.4.0", "startedAt": "2026-11-20T07:00:00Z",
        "lastSeen": "2026-11-20T08:00:00Z", "isLive": true,
    ]

    static let senderExample: JSONValue = [
        "id": "5f1f2c1e-9a53-4a3f-8f1e-2d6c0c5b7a10", "name": "main", "rate": .number(41.5), "limit": 80,
        "quota": ["name": "106540352242922", "used": 120, "limit": 1_000, "remaining": 880], "ready": 300,
        "delayed": 2, "held": 12, "oldestAt": "2026-11-20T08:00:00Z", "openRuns": 1,
        "waiting": ["reason": "moving", "since": "2026-11-20T08:00:00Z", "detail": "it is being sent"],
        "circuit": "closed",
    ]

    static let example: JSONValue = [
        "at": "2026-11-20T08:00:01Z", "daemons": [daemonExample], "senders": [senderExample], "runs": [], "alarms": [],
    ]
}
