import Foundation
import Testing

@testable import Calendar

struct CronParsingTests {
    @Test(
        arguments: [
            ("", 0..<0, "empty"), ("* * * *", 0..<7, "4 fields"), ("* * * * * *", 10..<11, "6 fields"),
            ("60 * * * *", 0..<2, "60 is not a minute"), ("0 24 * * *", 2..<4, "24 is not an hour"),
            ("0 0 0 * *", 4..<5, "0 is not a day of the month"), ("0 0 * 13 *", 6..<8, "13 is not a month"),
            ("0 0 * * 8", 8..<9, "8 is not a day of the week"),
            ("0 0 * * MOM", 8..<11, "`MOM` is not a day of the week"),
            ("0 0 ? * *", 4..<5, "`?`"), ("0 0 * * fri-mon", 8..<15, "runs backwards"),
            ("5-1 * * * *", 0..<3, "backwards"),
            ("*/0 * * * *", 2..<3, "0 is not a step"), ("*/ * * * *", 2..<2, "missing"),
            ("1,,2 * * * *", 2..<2, "missing"),
            ("0 0 30 2 *", 4..<10, "no day"), ("0 0 31 4,6 *", 4..<12, "no day"), ("0 0 L-30 2 *", 4..<12, "no day"),
            ("0 0 */31 * 1#2", 4..<14, "no day"), ("TZ=UTC 0 0 * * *", 0..<6, "is not a field"),
            ("@reboot", 0..<7, "unknown name"),
            ("@daily 1", 7..<8, "stands alone"), ("0 0 * * L", 8..<9, "`L` needs"),
            ("0 0 * * 1#6", 10..<11, "6 is not a week of the month"),
            ("0 0 L-31 * *", 6..<8, "31 is not a number of days before the last"),
            ("0 x * * *", 2..<3, "`x` is not an hour"), ("0 0 * * 1#x", 10..<11, "`x` is not a week of the month"),
            ("0 0 32W * *", 4..<6, "32 is not"), ("*/90 * * * *", 2..<4, "90 is not a step"),
            ("1.5 * * * *", 0..<3, "not a minute"),
            ("99999999999999999999 * * * *", 0..<20, "not a minute"), ("0 0 * * 1-", 10..<10, "missing"),
        ] as [(String, Range<Int>, String)]
    )
    func refuses(text: String, range: Range<Int>, message: String) {
        let error = #expect(throws: CronError.self) { try CronExpression(text) }
        #expect(error?.range == range)
        #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
    }

    @Test(
        arguments: [
            ("0  9 * * mon", "0 9 * * MON"), (" @Daily ", "@daily"), ("0 9\t* jan-Mar *", "0 9 * JAN-MAR *"),
            ("*/15 8-18/2 1,15 * 1-5", "*/15 8-18/2 1,15 * 1-5"), ("0 0 lw * *", "0 0 LW * *"),
        ]
    )
    func hasOneFormForOneMeaning(text: String, canonical: String) throws {
        let expression = try CronExpression(text)
        #expect(expression.description == canonical)
        #expect(try CronExpression(canonical) == expression)
    }

    @Test func tellsFixedTimesAndEitherDays() throws {
        #expect(try CronExpression("0 9 * * *").isFixedTime)
        #expect(try !CronExpression("*/5 9 * * *").isFixedTime)
        #expect(try !CronExpression("0 * * * *").isFixedTime)
        #expect(try CronExpression("0 9 1 * MON").usesEitherDay)
        #expect(try !CronExpression("0 9 */2 * MON").usesEitherDay)
        #expect(try !CronExpression("0 9 1 * *").usesEitherDay)
    }
}

struct ZoneTests {
    @Test(arguments: [
        "GMT+3", "europe/berlin", "../UTC", "posix/UTC", "right/UTC", "", "Europe", "Europe/", "Mars/Base", "localtime",
    ])
    func refuses(identifier: String) {
        #expect(IANAZone(identifier) == nil)
    }

    @Test func suggestsZones() {
        #expect(IANAZone.candidates(for: "europe/berlin") == ["Europe/Berlin"])
        #expect(IANAZone.candidates(for: "Africa/Niarobi").contains("Africa/Nairobi"))
        #expect(IANAZone.candidates(for: "nairobi") == ["Africa/Nairobi"])
    }

    @Test(
        arguments: [
            ("2026-12-01T09:00", "2026-12-01T09:00"), ("2026-12-01", "2026-12-01T00:00"),
            ("2026-12-01T09:00:30", "2026-12-01T09:00:30"), ("2024-02-29T23:59:00", "2024-02-29T23:59"),
        ]
    )
    func readsLocalTimes(text: String, canonical: String) {
        #expect(LocalDateTime(text)?.description == canonical)
    }

    @Test(
        arguments: [
            "2026-02-29", "2026-13-01", "2026-00-10", "2026-12-01T24:00", "2026-12-01 09:00", "2026-12-1", "1899-01-01",
            "2026-12-01T09:00Z", "2026-12-01T9:00", "+026-12-01", "2026-12-01T09:60", "",
        ]
    )
    func refusesLocalTimes(text: String) {
        #expect(LocalDateTime(text) == nil)
    }

    @Test func findsInstantsOfLocalTimes() throws {
        let zone = try #require(IANAZone("Europe/Berlin"))
        func instant(_ text: String) throws -> Double {
            try #require(LocalDateTime(text)).instant(in: zone).timeIntervalSince1970
        }
        #expect(try instant("2026-03-29T02:30") == 1_774_746_000)
        #expect(try instant("2026-10-25T02:30") == 1_792_888_200)
        #expect(try instant("2026-07-01T00:00") == 1_782_856_800)
    }
}
