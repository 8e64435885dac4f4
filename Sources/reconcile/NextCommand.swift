public import ArgumentParser
import Calendar
import Foundation
import JSON
import Spec

struct NextCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "next",
        abstract: "Show when a cron expression fires, in UTC."
    )

    @Argument(help: "Five fields or a name such as @daily; in quotes.")
    var cron: String

    @Option(help: ArgumentHelp("The zone whose clocks count, such as Africa/Nairobi.", valueName: "zone"))
    var timeZone: String

    @Option(
        help: ArgumentHelp(
            "The first time that counts: on the clocks of the zone, or with a Z at the end in UTC; now by default.",
            valueName: "2026-03-28T00:00"
        )
    )
    var from: String?

    @Option(help: "How many times to show.")
    var count = 10

    @Option(help: "What becomes of a time that the clocks leave out: next or skip.")
    var dstGap: DSTPolicy.Gap?

    @Option(help: "What becomes of a time that the clocks show twice: first or both.")
    var dstFold: DSTPolicy.Fold?

    @Option(help: "How to write them: text or json.")
    var format = RecordFormat.text

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
                Terminal.complain("note: both day fields are restricted, so a day matches if either of them does\n")
            }
            let lines = times.map { "\(Self.instant($0))  \(LocalDateTime($0, in: schedule.zone)) \(timeZone)\n" }
            Terminal.write(lines.isEmpty ? "It does not fire any more.\n" : lines.joined())
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
        throw ValidationError("`\(timeZone)` is no time zone of the IANA database\(help)")
    }

    /// What the times come after: a time that is exactly the first one counts.
    private func start(in zone: IANAZone) throws -> Date {
        guard let from else { return Date() }
        return try instant(from, in: zone).addingTimeInterval(-1)
    }

    private func instant(_ from: String, in zone: IANAZone) throws -> Date {
        if from.hasSuffix("Z"), let utc = IANAZone("UTC"), let time = LocalDateTime(String(from.dropLast())) {
            return time.instant(in: utc)
        }
        guard let time = LocalDateTime(from) else {
            throw ValidationError("`\(from)` is no time such as 2026-03-28T00:00 or 2026-03-28T00:00Z.")
        }
        return time.instant(in: zone)
    }

    /// In UTC, such as `2026-03-29T01:00:00Z`.
    private static func instant(_ date: Date) -> String {
        date.formatted(Date.ISO8601FormatStyle())
    }
}

extension DSTPolicy.Gap: ExpressibleByArgument {}
extension DSTPolicy.Fold: ExpressibleByArgument {}
