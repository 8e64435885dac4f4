import Foundation
import HTTPTypes
import JSON
import Spec
import Store

/// Scheduling a campaign: once, or repeatedly.
struct ScheduleEndpoint: Sendable {
    enum Timing: Sendable {
        case once(Date)
        case repeating(ScheduleSpec, next: Date)
    }

    let campaigns: CampaignRepository

    var endpoint: Endpoint {
        Endpoint(
            method: .post,
            path: "/campaigns/{id}/schedule",
            noun: "campaign",
            name: "scheduleCampaign",
            tag: "runs",
            summary: "Schedule a campaign, once or repeatedly",
            details: "Replaces an earlier schedule. A campaign from a spec file is scheduled in the file.",
            body: .required(.object(Self.request), example: ["scheduledAt": "2027-01-01T09:00:00Z"]),
            responses: [
                .json(
                    .ok,
                    "The scheduled campaign.",
                    .object(Self.scheduled),
                    example: ["campaign": CampaignShapes.example, "schedules": []]
                )
            ],
            problems: [.stateConflict, .managedBySpec, .notReady, .policyViolated],
            handle: .checked { call in
                let record = try await campaigns.required(call)
                // The clock of Postgres, because it decides when the campaign starts.
                let now = try await campaigns.present()
                let timing = try Self.timing(call.body, stored: record.scheduledAt, now: now)
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

    /// Reads the times of a request.
    ///
    /// - Parameters:
    ///   - body: The checked request.
    ///   - stored: The campaign's own `scheduledAt`.
    ///   - now: All times must be later.
    /// - Returns: The times.
    /// - Throws: ``Problem`` that names the field.
    static func timing(_ body: JSONValue, stored: Date?, now: Date) throws(Problem) -> Timing {
        let fields = body.objectValue ?? [:]
        if let first = fields.keys.sorted().first(where: { $0 != "scheduledAt" }) {
            guard fields["scheduledAt"] == nil else {
                throw .invalid(first, "`\(first)` and `scheduledAt` exclude each other")
            }
            return try repeating(fields, now: now)
        }
        let given = fields["scheduledAt"]?.stringValue.flatMap { Date(apiText: $0) }
        guard let date = given ?? stored else {
            throw .invalid("scheduledAt", "is missing, and there is no `cronExpression`")
        }
        guard date > now else { throw .invalid("scheduledAt", "is in the past") }
        return .once(date)
    }

    /// Uses the reader of specs, which calls the expression `cron`.
    private static func repeating(_ fields: [String: JSONValue], now: Date) throws(Problem) -> Timing {
        var spec = fields
        spec["cron"] = spec.removeValue(forKey: "cronExpression")
        spec["name"] = "schedule"
        spec["campaign"] = "campaign"
        guard spec["cron"] != nil else { throw .invalid("cronExpression", "is missing") }
        let schedule: ScheduleSpec
        do {
            schedule = try ScheduleSpec(canonical: .object(spec))
        } catch {
            let errors = FieldProblem.all(of: error, below: "").map { problem in
                let field = problem.field == "cron" ? "cronExpression" : problem.field
                return FieldProblem(field, problem.message.replacing("`cron`", with: "`cronExpression`"))
            }
            throw .invalid(errors)
        }
        guard let next = schedule.next(after: now) else {
            throw .invalid("cronExpression", "has no future time")
        }
        return .repeating(schedule, next: next)
    }
}

extension ScheduleEndpoint {
    private static let request = ObjectShape(
        "ScheduleCampaign",
        "Either `scheduledAt`, or `cronExpression` with `timeZone`. Without any of them, the `scheduledAt` of the campaign "
            + "is used.",
        [
            ShapeField("scheduledAt", .dateTime, "The time to send.", example: "2027-01-01T09:00:00Z"),
            ShapeField("cronExpression", .text(upTo: 100), "Repeated times.", example: "0 9 * * MON"),
            ShapeField("timeZone", .text(upTo: 64), "Time zone of all local times.", example: "Africa/Nairobi"),
            ShapeField(
                "localTime",
                .bool,
                "True if each contact gets the message when the time comes on its own clock."
            ),
            ShapeField("from", .formatted(.localTime), "First local time of a start.", example: "2027-01-01T00:00"),
            ShapeField("until", .formatted(.localTime), "Last local time of a start.", example: "2027-12-31T00:00"),
            ShapeField("maxRuns", .integer(1...1_000_000_000), "Maximum number of starts.", example: 12),
            ShapeField("misfire", .choice(ScheduleSpec.Misfire.self), "How to handle missed times."),
            ShapeField(
                "misfireWindow",
                .formatted(.duration),
                "How late a missed time may start, at most 7 days.",
                example: "1h"
            ),
            ShapeField(
                "overlap",
                .choice(ScheduleSpec.Overlap.self),
                "What to do at a time when the previous run is still open."
            ),
            ShapeField(
                "startWhenApproved",
                .bool,
                "True if a time whose template WhatsApp has not approved waits for the approval, for `misfireWindow` at most."
            ),
        ],
        rules: [
            [
                "if": ["required": ["scheduledAt"]],
                "then": ["maxProperties": 1],
                "else": ["anyOf": [["maxProperties": 0], ["required": ["cronExpression", "timeZone"]]]],
            ]
        ]
    )

    private static let schedule = ObjectShape(
        "CampaignSchedule",
        "A schedule of a campaign. Fields without a value are left out.",
        [
            ShapeField("id", .uuid, isRequired: true, "Id of the schedule."),
            ShapeField("cronExpression", .text(0...100), "Repeated times."),
            ShapeField("at", .text(0...19), "A single local time."),
            ShapeField("timeZone", .text(upTo: 64), isRequired: true, "Time zone of all local times."),
            ShapeField("localTime", .bool, isRequired: true, "True if its times are those of each contact's clock."),
            ShapeField("nextRunAt", .dateTime, "Next start; with `localTime`, on the clock of its zone."),
            ShapeField("lastRunAt", .dateTime, "Previous start."),
            ShapeField("maxRuns", .count, "Maximum number of starts."),
            ShapeField("runCount", .count, isRequired: true, "Number of starts so far."),
        ]
    )

    private static let scheduled = ObjectShape(
        "ScheduledCampaign",
        "A campaign with its schedules.",
        [
            ShapeField("campaign", .object(CampaignShapes.campaign), isRequired: true, "The campaign."),
            ShapeField(
                "schedules",
                .list(.object(schedule), count: 0...100),
                isRequired: true,
                "Repeating schedules; a single time is the `scheduledAt` of the campaign."
            ),
        ]
    )
}

extension CampaignScheduleRecord {
    fileprivate var json: JSONValue {
        .fields([
            "id": .string(id.apiText), "cronExpression": cronExpression.map(JSONValue.string),
            "at": at.map(JSONValue.string), "timeZone": .string(timeZone), "localTime": .bool(localTime),
            "nextRunAt": nextRunAt.map { .string($0.apiText) }, "lastRunAt": lastRunAt.map { .string($0.apiText) },
            "maxRuns": maxRuns.map(JSONValue.integer), "runCount": .integer(runCount),
        ])
    }
}
