public import ArgumentParser
import Calendar
import CommandKit
import Foundation
import JSON
import Spec

struct NextCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "next",
        abstract: "Show the next fire times of a cron expression, in UTC.",
        discussion: """
            Examples:
              reconcile next '0 9 * * MON' --time-zone Africa/Nairobi
              reconcile next @daily --time-zone Europe/Berlin --from 2027-03-27T00:00 --count 3
            """
    )

    @Argument(help: "Five fields or a macro such as @daily, in quotes.")
    var cron: String

    @Option(help: ArgumentHelp("Time zone of the expression, such as Africa/Nairobi.", valueName: "zone"))
    var timeZone: String

    @Option(
        help: ArgumentHelp(
            "Earliest fire time: local time of the zone, or UTC with a Z at the end; now by default.",
            valueName: "2026-03-28T00:00"
        )
    )
    var from: String?

    @Option(help: "Number of fire times to show.")
    var count = 10

    @Option(help: "Rule for a time that a clock change skips: next or skip.")
    var dstGap: DSTPolicy.Gap?

    @Option(help: "Rule for a time that a clock change repeats: first or both.")
    var dstFold: DSTPolicy.Fold?

    @Option(help: "Format: text or json.")
    var format = OutputFormat.text

    func validate() throws {
        guard (1...10_000).contains(count) else { throw ValidationError("--count takes a number from 1 to 10000.") }
        _ = try schedule()
        _ = try start(in: try zone())
    }

    func run() async throws {
        let schedule = try schedule()
        let times = schedule.fireTimes(after: try start(in: schedule.zone), count: count)
        switch format {
        case .json:
            let json: JSONValue = [
                "expression": .string(schedule.expression.description),
                "timeZone": .string(schedule.zone.identifier),
                "fireTimes": .array(times.map { .string(Self.instant($0)) }),
            ]
            Terminal.write(json.canonicalText + "\n")
        case .text:
            if schedule.expression.usesEitherDay {
                Terminal.complain("note: both day fields are restricted, so a day matches if either field does\n")
            }
            let lines = times.map { "\(Self.instant($0))  \(LocalDateTime($0, in: schedule.zone)) \(timeZone)\n" }
            Terminal.write(lines.isEmpty ? "No fire times.\n" : lines.joined())
        }
    }

    private func schedule() throws -> CronSchedule {
        do {
            let policy = DSTPolicy(gap: dstGap, fold: dstFold)
            return CronSchedule(try CronExpression(cron), in: try zone(), policy: policy)
        } catch let error as CronError {
            let before = String(decoding: Array(cron.utf8)[..<error.range.lowerBound], as: UTF8.self)
            let wrong = String(decoding: Array(cron.utf8)[error.range], as: UTF8.self)
            let carets =
                String(repeating: " ", count: before.count) + String(repeating: "^", count: max(1, wrong.count))
            let help = error.help.map { "\n  help: \($0)" } ?? ""
            throw ValidationError("\(error.message)\n  \(Terminal.harmless(cron))\n  \(carets)\(help)")
        }
    }

    private func zone() throws -> IANAZone {
        if let zone = IANAZone(timeZone) { return zone }
        let near = IANAZone.candidates(for: timeZone)
        let help = near.isEmpty ? "" : "; did you mean \(near.joined(separator: " or "))?"
        throw ValidationError("`\(timeZone)` is not a time zone of the IANA database\(help)")
    }

    /// Returns the instant that all fire times are later than; `--from` itself may be one.
    private func start(in zone: IANAZone) throws -> Date {
        guard let from else { return Date() }
        return try instant(from, in: zone).addingTimeInterval(-1)
    }

    private func instant(_ from: String, in zone: IANAZone) throws -> Date {
        if from.hasSuffix("Z"), let utc = IANAZone("UTC"), let time = LocalDateTime(String(from.dropLast())) {
            return time.instant(in: utc)
        }
        guard let time = LocalDateTime(from) else {
            throw ValidationError("`\(from)` is not a time such as 2026-03-28T00:00 or 2026-03-28T00:00Z.")
        }
        return time.instant(in: zone)
    }

    /// Writes a time in UTC, such as `2026-03-29T01:00:00Z`.
    private static func instant(_ date: Date) -> String {
        date.formatted(Date.ISO8601FormatStyle())
    }
}

extension DSTPolicy.Gap: ExpressibleByArgument {}
extension DSTPolicy.Fold: ExpressibleByArgument {}
