import Foundation
import TestBed
import TestSupport
import Testing

/// `reconcile next` at the days when clocks change.
struct NextCommandTests {
    private struct Answer: Decodable {
        let fireTimes: [String]
    }

    private static func next(_ arguments: String...) async throws -> ChildProcess.Outcome {
        try await Command.run("reconcile", ["next"] + arguments)
    }

    @Test(arguments: [
        // A gap of an hour: a fixed time fires at its end, other times in it do not exist.
        ("30 2 * * *", "America/New_York", "2025-03-09", "03-09T07:00 03-10T06:30"),
        ("*/30 2 * * *", "America/New_York", "2025-03-09", "03-10T06:00 03-10T06:30"),
        ("30 * * * *", "America/New_York", "2025-03-09T00:30", "03-09T05:30 03-09T06:30 03-09T07:30 03-09T08:30"),
        ("0 */2 * * *", "America/New_York", "2025-03-09T03:00", "03-09T08:00 03-09T10:00 03-09T12:00"),
        // A fold of an hour: a fixed time fires once, the first time.
        ("30 1 * * *", "America/New_York", "2025-11-02", "11-02T05:30 11-03T06:30"),
        ("*/30 1 * * *", "America/New_York", "2025-11-02", "11-02T05:00 11-02T05:30 11-02T06:00 11-02T06:30"),
        ("0 * * * *", "America/New_York", "2025-11-02T01:00", "11-02T05:00 11-02T06:00 11-02T07:00 11-02T08:00"),
        ("0 0-6 * * *", "America/New_York", "2025-11-02T01:00", "11-02T05:00 11-02T07:00 11-02T08:00 11-02T09:00"),
        // Half an hour.
        ("15 2 * * *", "Australia/Lord_Howe", "2025-10-05", "10-04T15:30"),
        ("45 1 * * *", "Australia/Lord_Howe", "2025-04-06", "04-05T14:45 04-06T15:15"),
        // Midnight itself.
        ("0 0 * * *", "America/Sao_Paulo", "2018-11-03T12:00", "11-04T03:00 11-05T02:00"),
        // Days: both fields, one with a star, and dates that some years have.
        ("0 0 */2 * 1", "UTC", "2025-01-02", "01-13T00:00 01-27T00:00 02-03T00:00"),
        ("0 0 13 * */2", "UTC", "2025-01-14", "02-13T00:00 03-13T00:00"),
        ("0 0 13 * 5", "UTC", "2025-01-01", "01-03T00:00 01-10T00:00 01-13T00:00"),
        // An instant in UTC is itself a fire time.
        ("0 9 * * *", "Africa/Nairobi", "2025-01-01T06:00Z", "01-01T06:00 01-02T06:00"),
    ])
    func findsKnownFireTimes(cron: String, zone: String, from: String, expected: String) async throws {
        let times = expected.split(separator: " ").map(String.init)
        let count = String(times.count)
        let start = from.contains("T") ? from : from + "T00:00"
        let outcome = try await Self.next(
            cron,
            "--time-zone",
            zone,
            "--from",
            start,
            "--count",
            count,
            "--format",
            "json"
        )
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
        let answer = try JSONDecoder().decode(Answer.self, from: Data(outcome.output.utf8))
        #expect(answer.fireTimes == times.map { "\(from.prefix(4))-\($0):00Z" })
    }

    @Test func localTimesAreShown() async throws {
        let outcome = try await Self.next(
            "30 2 * * *",
            "--time-zone",
            "Europe/Berlin",
            "--from",
            "2026-03-28T00:00",
            "--count",
            "2"
        )
        #expect(
            outcome.output == """
                2026-03-28T01:30:00Z  2026-03-28T02:30 Europe/Berlin
                2026-03-29T01:00:00Z  2026-03-29T03:00 Europe/Berlin

                """
        )
    }

    @Test func rulesForClockChangesCanBeChosen() async throws {
        let skip = try await Self.next(
            "30 2 * * *",
            "--time-zone",
            "Europe/Berlin",
            "--from",
            "2026-03-29T00:00",
            "--count",
            "1",
            "--dst-gap",
            "skip"
        )
        #expect(skip.output.hasPrefix("2026-03-30T00:30:00Z"))
        let both = try await Self.next(
            "30 2 * * *",
            "--time-zone",
            "Europe/Berlin",
            "--from",
            "2026-10-25T00:00",
            "--count",
            "2",
            "--dst-fold",
            "both"
        )
        #expect(both.output.hasPrefix("2026-10-25T00:30:00Z") && both.output.contains("\n2026-10-25T01:30:00Z"))
    }

    @Test(arguments: [
        (["0 9 * *", "--time-zone", "UTC"], "0 9 * *"), (["0 9 30 2 *", "--time-zone", "UTC"], "30"),
        (["0 9 * * *", "--time-zone", "Europe/Berln"], "did you mean Europe/Berlin"),
        (["0 9 * * *", "--time-zone", "UTC", "--from", "tomorrow"], "`tomorrow` is not a time"),
        (["0 9 * * *", "--time-zone", "UTC", "--count", "0"], "--count takes a number"),
        (["é 9 * * \u{1B}[2J", "--time-zone", "UTC"], "é"),
    ])
    func wrongUsageIsShownAtItsPlace(arguments: [String], expected: String) async throws {
        let environment = ProcessInfo.processInfo.environment
        let outcome = try await Command.run("reconcile", ["next"] + arguments, environment: environment)
        #expect(outcome.exitCode == 64 && outcome.errors.contains(expected), "\(outcome.errors)")
        #expect(!outcome.errors.contains("\u{1B}"))
    }
}
