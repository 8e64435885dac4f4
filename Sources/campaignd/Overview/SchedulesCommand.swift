import API
import ArgumentParser
import Calendar
import CommandKit
import Foundation
import JSON
import Spelling
import Store

struct SchedulesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schedules",
        abstract: "Show the next and the last starts of schedules, with their outcome.",
        discussion: """
            Times are shown by the clock of the schedule's zone, which is the tenant's unless the schedule names another \
            one, and in UTC. Campaigns with a `scheduledAt` of their own are listed too. Outcomes are kept for 90 days.

            Examples:
              campaignd schedules --tenant acme
              campaignd schedules --count 10
            """
    )

    @OptionGroup var filter: TenantFilter

    @Option(help: "Number of next and of last starts of each schedule.")
    var count = 3

    @OptionGroup var output: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func validate() throws {
        guard (1...100).contains(count) else { throw ValidationError("--count takes a number from 1 to 100.") }
    }

    func run() async throws {
        let schedules = try await database.withPool(of: [filter.tenant]) { pool in
            try await filter.check(pool)
            return try await ScheduleRepository(pool: pool).overview(tenant: filter.tenant, count: count)
        }
        output.write(
            ["items": .array(schedules.map(\.json))],
            text: schedules.isEmpty ? "no schedules" : schedules.map(\.text).joined()
        )
    }
}

extension ScheduleOverview {
    fileprivate var json: JSONValue {
        .fields([
            "id": id.map { .string($0.apiText) }, "name": name.map(JSONValue.string), "tenantId": .string(tenantID),
            "campaignId": .string(campaignID.apiText), "campaign": .string(campaignName),
            "cronExpression": cronExpression.map(JSONValue.string), "at": at.map(JSONValue.string),
            "timeZone": .string(timeZone), "localTime": .bool(localTime), "isActive": .bool(isActive),
            "zones": zones.map(\.json),
            "maxRuns": maxRuns.map(JSONValue.integer),
            "runCount": .integer(runCount), "nextRunAt": next.first.map { .string($0.apiText) },
            "next": .array(next.map { time($0) }), "problem": problem.map(JSONValue.string),
            "last": .array(
                last.map { occurrence in
                    .fields([
                        "scheduledFor": .string(occurrence.scheduledFor.apiText),
                        "local": local(occurrence.scheduledFor).map(JSONValue.string),
                        "outcome": .string(occurrence.outcome), "reason": occurrence.reason.map(JSONValue.string),
                        "runId": occurrence.runID.map { .string($0.apiText) },
                    ])
                }
            ),
        ])
    }

    private func time(_ date: Date) -> JSONValue {
        .fields(["at": .string(date.apiText), "local": local(date).map(JSONValue.string)])
    }

    /// Returns the local time, such as `2026-11-29T09:00`; `nil` if the zone is unknown here.
    private func local(_ date: Date) -> String? {
        IANAZone(timeZone).map { LocalDateTime(date, in: $0).description }
    }

    fileprivate var text: String {
        let rule = cronExpression.map { "cron \($0)" } ?? (at.map { "once at \($0)" } ?? "once")
        let starts =
            maxRuns.map { "\(runCount.grouped) of \($0.grouped) starts" } ?? NumberText.count(runCount, "start")
        let state = isActive ? "" : ", switched off"
        let title = "\(tenantID)/\(campaignName)" + (name.map { "  schedule \($0)" } ?? "")
        let clock = localTime ? "on the clock of each contact, else in \(timeZone)" : "in \(timeZone)"
        var lines = ["\(title)  \(rule) \(clock), \(starts)\(state)"]
        if let zones { lines.append("  sends in \(zones.words)") }
        if let problem { lines.append("  cannot fire: \(problem)") }
        for (index, date) in next.enumerated() { lines.append("  \(index == 0 ? "next" : "    ")  \(both(date))") }
        if next.isEmpty, problem == nil { lines.append("  next  none") }
        for (index, occurrence) in last.enumerated() {
            let reason = occurrence.reason.map { ": \($0)" } ?? ""
            let run = occurrence.runID.map { " run \($0.apiText)" } ?? ""
            lines.append(
                "  \(index == 0 ? "last" : "    ")  \(both(occurrence.scheduledFor))  \(occurrence.outcome)\(reason)\(run)"
            )
        }
        return lines.map { Terminal.harmless($0) + "\n" }.joined()
    }

    /// Returns the time by both clocks: `2026-11-30T09:00 Africa/Nairobi = 2026-11-30T06:00:00Z`.
    private func both(_ date: Date) -> String {
        (local(date).map { "\($0) \(timeZone) = " } ?? "") + date.formatted(.iso8601)
    }
}
