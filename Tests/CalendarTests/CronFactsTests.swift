import Foundation
import Testing

@testable import Calendar

/// Known fire times around clock changes, checked against other implementations of the same rules.
struct CronFactsTests {
    private static func instant(_ text: String) throws -> Date {
        try Date(text + ":00Z", strategy: Date.ISO8601FormatStyle())
    }

    private static func times(_ cron: String, _ zone: String, from: String, _ count: Int) throws -> [String] {
        let schedule = CronSchedule(try CronExpression(cron), in: try #require(IANAZone(zone)))
        return schedule.fireTimes(after: try instant(from).addingTimeInterval(-1), count: count).map {
            String($0.formatted(Date.ISO8601FormatStyle()).prefix(16))
        }
    }

    @Test(
        arguments: [
            // In a gap, a fixed time fires at the end of the gap, and times with `*` in the hour or minute are skipped.
            ("30 2 * * *", "America/New_York", "2025-03-09T05:00", ["2025-03-09T07:00", "2025-03-10T06:30"]),
            ("*/30 2 * * *", "America/New_York", "2025-03-09T05:00", ["2025-03-10T06:00"]),
            ("0 */2 * * *", "America/New_York", "2025-03-09T06:00", ["2025-03-09T08:00", "2025-03-09T10:00"]),
            (
                "30 * * * *", "America/New_York", "2025-03-09T05:00",
                ["2025-03-09T05:30", "2025-03-09T06:30", "2025-03-09T07:30"]
            ),
            // Two fixed times in one gap fire once.
            ("0,30 2 * * *", "America/New_York", "2025-03-09T05:00", ["2025-03-09T07:00", "2025-03-10T06:00"]),
            // In a fold, a fixed time fires once, and times with `*` in the hour or minute fire twice.
            ("30 1 * * *", "America/New_York", "2025-11-02T04:00", ["2025-11-02T05:30", "2025-11-03T06:30"]),
            (
                "0 0-6 * * *", "America/New_York", "2025-11-02T05:00",
                ["2025-11-02T05:00", "2025-11-02T07:00", "2025-11-02T08:00"]
            ),
            (
                "*/30 1 * * *", "America/New_York", "2025-11-02T05:00",
                ["2025-11-02T05:00", "2025-11-02T05:30", "2025-11-02T06:00", "2025-11-02T06:30"]
            ),
            (
                "0 * * * *", "America/New_York", "2025-11-02T05:00",
                ["2025-11-02T05:00", "2025-11-02T06:00", "2025-11-02T07:00"]
            ),
            // Half an hour, and midnight.
            ("15 2 * * *", "Australia/Lord_Howe", "2025-10-04T15:00", ["2025-10-04T15:30"]),
            ("45 1 * * *", "Australia/Lord_Howe", "2025-04-05T14:00", ["2025-04-05T14:45", "2025-04-06T15:15"]),
            ("0 0 * * *", "America/Sao_Paulo", "2018-11-04T00:00", ["2018-11-04T03:00"]),
            // A day that a zone skipped: all its fixed times fire at the next midnight.
            ("0 9 * * *", "Pacific/Apia", "2011-12-29T20:00", ["2011-12-30T10:00", "2011-12-30T19:00"]),
            // The day fields.
            ("0 0 */2 * 1", "UTC", "2025-01-07T00:00", ["2025-01-13T00:00", "2025-01-27T00:00", "2025-02-03T00:00"]),
            ("0 0 13 * */2", "UTC", "2025-01-20T00:00", ["2025-02-13T00:00", "2025-03-13T00:00"]),
            ("0 0 13 * 5", "UTC", "2025-01-01T00:00", ["2025-01-03T00:00", "2025-01-10T00:00", "2025-01-13T00:00"]),
            ("0 0 29 2 *", "UTC", "2096-03-01T00:00", ["2104-02-29T00:00"]),
            ("0 0 L 2 *", "UTC", "2024-01-01T00:00", ["2024-02-29T00:00", "2025-02-28T00:00"]),
            ("0 0 1W * *", "UTC", "2025-02-01T00:00", ["2025-02-03T00:00", "2025-03-03T00:00", "2025-04-01T00:00"]),
            ("0 0 31W * *", "UTC", "2025-05-01T00:00", ["2025-05-30T00:00", "2025-07-31T00:00", "2025-08-29T00:00"]),
            ("0 0 LW * *", "UTC", "2025-05-01T00:00", ["2025-05-30T00:00", "2025-06-30T00:00"]),
            ("0 0 * * FRIL", "UTC", "2025-05-01T00:00", ["2025-05-30T00:00", "2025-06-27T00:00"]),
            (
                "0 0 * * 1#1,3#5", "UTC", "2025-04-01T00:00",
                ["2025-04-07T00:00", "2025-04-30T00:00", "2025-05-05T00:00"]
            ),
            (
                "0 0 * * 5-7", "UTC", "2025-05-01T00:00",
                ["2025-05-02T00:00", "2025-05-03T00:00", "2025-05-04T00:00", "2025-05-09T00:00"]
            ),
            ("@weekly", "UTC", "2025-05-01T00:00", ["2025-05-04T00:00", "2025-05-11T00:00"]),
            // The rule of the far future.
            ("30 2 * * *", "America/New_York", "2150-03-08T05:00", ["2150-03-08T07:00", "2150-03-09T06:30"]),
        ] as [(String, String, String, [String])]
    )
    func firesAt(cron: String, zone: String, from: String, expected: [String]) throws {
        #expect(try Self.times(cron, zone, from: from, expected.count) == expected)
    }

    @Test func policiesReplaceTheRules() throws {
        let zone = try #require(IANAZone("America/New_York"))
        func first(_ cron: String, _ policy: DSTPolicy, _ from: String) throws -> [Date] {
            let schedule = CronSchedule(try CronExpression(cron), in: zone, policy: policy)
            return schedule.fireTimes(after: try Self.instant(from), count: 2)
        }
        #expect(
            try first("30 2 * * *", DSTPolicy(gap: .skip), "2025-03-09T05:00")
                == [try Self.instant("2025-03-10T06:30"), try Self.instant("2025-03-11T06:30")]
        )
        #expect(
            try first("*/30 2 * * *", DSTPolicy(gap: .next), "2025-03-09T05:00")
                == [try Self.instant("2025-03-09T07:00"), try Self.instant("2025-03-10T06:00")]
        )
        #expect(
            try first("30 1 * * *", DSTPolicy(fold: .both), "2025-11-02T04:00")
                == [try Self.instant("2025-11-02T05:30"), try Self.instant("2025-11-02T06:30")]
        )
        #expect(
            try first("*/30 1 * * *", DSTPolicy(fold: .first), "2025-11-02T05:10")
                == [try Self.instant("2025-11-02T05:30"), try Self.instant("2025-11-03T06:00")]
        )
    }

    @Test func leapDaysOnOneWeekdayAreFarApart() throws {
        let schedule = CronSchedule(try CronExpression("0 0 29 2 */7"), in: try #require(IANAZone("UTC")))
        // As 2100 is no leap year, the Sundays are 2088 and 2128.
        let next = try #require(schedule.next(after: try Self.instant("2088-03-01T00:00")))
        #expect(next == (try Self.instant("2128-02-29T00:00")))
        #expect(schedule.previous(before: next) == (try Self.instant("2088-02-29T00:00")))
    }
}
