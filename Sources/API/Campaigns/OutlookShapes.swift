package import JSON
import Spec
package import Store

/// The shapes of outlooks: the causes for which runs wait, the actors, and the times at which they are done.
enum OutlookShapes {
    static let zone = ObjectShape(
        "RunZone",
        "The contacts of a run in one time zone, as its start found them.",
        [
            ShapeField("timeZone", .text(upTo: 64), isRequired: true, "The zone.", example: "America/Sao_Paulo"),
            ShapeField("sendAt", .dateTime, isRequired: true, "When the time of the run comes in the zone."),
            ShapeField("contacts", .count, isRequired: true, "Contacts.", example: 120),
            ShapeField("skipped", .text(0...1_000), "Why they get nothing; absent if they get the message."),
        ]
    )

    static let waiting = ObjectShape(
        "Waiting",
        "Why an open run does not send: the first reason that holds.",
        [
            ShapeField("reason", .choice(Waiting.Reason.self), isRequired: true, "The reason; `moving` if it sends."),
            ShapeField("since", .dateTime, isRequired: true, "Since when."),
            ShapeField("until", .dateTime, "When it ends by itself; absent if that is unknown."),
            ShapeField("by", .text(upTo: 300), "Who stopped it, as `who` of an action.", example: "guard:alike"),
            ShapeField("detail", .text(0...10_000), isRequired: true, "What it means, or why it is so, for people."),
        ]
    )

    static let action = ObjectShape(
        "RunAction",
        "Something that a person or a part of the system did to a run.",
        [
            ShapeField("action", .choice(RunAction.Kind.self), isRequired: true, "What was done."),
            ShapeField(
                "who",
                .text(upTo: 300),
                isRequired: true,
                "Who did it: `api:` and the subject of the token, `command:` and the user, `guard:` and its name.",
                example: "command:jane"
            ),
            ShapeField("reason", .text(0...10_000), "Why, for people."),
            ShapeField("at", .dateTime, isRequired: true, "When."),
        ]
    )

    static let example: JSONValue = [
        "reason": "quiet_hours", "since": "2026-11-20T21:00:00Z", "until": "2026-11-21T08:00:00Z",
        "detail": "quiet hours of the tenant",
    ]
}

extension Waiting {
    package var json: JSONValue {
        .fields([
            "reason": .string(reason.rawValue), "since": .string(since.apiText),
            "until": until.map { .string($0.apiText) }, "by": actor.map { .string($0.description) },
            "detail": .string(detail ?? reason.meaning),
        ])
    }
}

extension RunAction {
    package var json: JSONValue {
        .fields([
            "action": .string(kind.rawValue), "who": .string(actor.description),
            "reason": reason.map(JSONValue.string), "at": .string(at.apiText),
        ])
    }
}

extension CampaignRecord {
    /// Returns the campaign with the outlook of its open run.
    package func json(_ outlook: RunOutlook?) -> JSONValue {
        guard let outlook, var fields = json.objectValue else { return json }
        fields["waiting"] = outlook.waiting.json
        fields["estimatedCompletionAt"] = outlook.estimatedCompletionAt.map { .string($0.apiText) }
        return .object(fields)
    }

    /// Returns the campaign as answers show it: without the scope `contacts`, its filter names no people.
    func json(_ outlook: RunOutlook?, for call: APICall) -> JSONValue { call.hidingPeople(in: json(outlook)) }
}

extension RunZone {
    var json: JSONValue {
        .fields([
            "timeZone": .string(timeZone), "sendAt": .string(sendAt.apiText), "contacts": .integer(contacts),
            "skipped": skipped.map(JSONValue.string),
        ])
    }
}
