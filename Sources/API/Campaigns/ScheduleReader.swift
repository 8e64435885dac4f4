import Foundation
import JSON
import Spec

/// Reads when a campaign is to be sent: once, or again and again.
enum ScheduleReader {
    enum Timing: Sendable {
        case once(Date)
        case repeating(ScheduleSpec, next: Date)
    }

    static let shape = ObjectShape(
        "ScheduleCampaign",
        "Either `scheduledAt`, or `cronExpression` with `timeZone`. Without any of them, the `scheduledAt` of the campaign "
            + "counts.",
        [
            ShapeField("scheduledAt", .dateTime, "The one time.", example: "2027-01-01T09:00:00Z"),
            ShapeField("cronExpression", .text(upTo: 100), "The times.", example: "0 9 * * MON"),
            ShapeField("timeZone", .text(upTo: 64), "Whose clocks the times are on.", example: "Africa/Nairobi"),
            ShapeField(
                "from",
                .formatted(.localTime),
                "No start before this, on these clocks.",
                example: "2027-01-01T00:00"
            ),
            ShapeField(
                "until",
                .formatted(.localTime),
                "No start after this, on these clocks.",
                example: "2027-12-31T00:00"
            ),
            ShapeField("maxRuns", .integer(1...1_000_000_000), "How often at most.", example: 12),
            ShapeField("misfire", .choice(ScheduleSpec.Misfire.self), "What happens to times that were missed."),
            ShapeField(
                "misfireWindow",
                .formatted(.duration),
                "How late a missed time still counts, at most 7 days.",
                example: "1h"
            ),
            ShapeField("overlap", .choice(ScheduleSpec.Overlap.self), "What happens when the last run still goes on."),
        ],
        rules: [
            [
                "if": ["required": ["scheduledAt"]],
                "then": ["maxProperties": 1],
                "else": ["anyOf": [["maxProperties": 0], ["required": ["cronExpression", "timeZone"]]]],
            ]
        ]
    )

    /// Reads the times of a request.
    ///
    /// - Parameters:
    ///   - body: The checked request.
    ///   - stored: The campaign's own `scheduledAt`.
    ///   - now: The times must lie after it.
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
        guard date > now else { throw .invalid("scheduledAt", "lies in the past") }
        return .once(date)
    }

    /// The same reader as for specs, which calls the expression `cron`.
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
            throw .invalid("cronExpression", "has no time from now on")
        }
        return .repeating(schedule, next: next)
    }
}
