import JSON
import Spec
import Store

/// What schedules look like in answers.
enum ScheduleShapes {
    static let schedule = ObjectShape(
        "CampaignSchedule",
        "When a campaign is sent again. Fields without a value are left out.",
        [
            ShapeField("id", .uuid, isRequired: true, "Its id."),
            ShapeField("cronExpression", .text(0...100), "The times."),
            ShapeField("at", .text(0...19), "The one time on the clock."),
            ShapeField("timeZone", .text(upTo: 64), isRequired: true, "Whose clocks the times are on."),
            ShapeField("nextRunAt", .dateTime, "The next time."),
            ShapeField("lastRunAt", .dateTime, "The last time."),
            ShapeField("maxRuns", .count, "How often at most."),
            ShapeField("runCount", .count, isRequired: true, "How often so far."),
        ]
    )

    static let scheduled = ObjectShape(
        "ScheduledCampaign",
        "A campaign, and the times at which it is sent.",
        [
            ShapeField("campaign", .object(CampaignShapes.campaign), isRequired: true, "The campaign."),
            ShapeField(
                "schedules",
                .list(.object(schedule), count: 0...100),
                isRequired: true,
                "What repeats; a single time is the campaign's `scheduledAt`."
            ),
        ]
    )

    static let example: JSONValue = ["campaign": CampaignShapes.example, "schedules": []]
}

extension CampaignScheduleRecord {
    var json: JSONValue {
        .fields([
            "id": .string(id.apiText), "cronExpression": cronExpression.map(JSONValue.string),
            "at": at.map(JSONValue.string), "timeZone": .string(timeZone),
            "nextRunAt": nextRunAt.map { .string($0.apiText) }, "lastRunAt": lastRunAt.map { .string($0.apiText) },
            "maxRuns": maxRuns.map(JSONValue.integer), "runCount": .integer(runCount),
        ])
    }
}
