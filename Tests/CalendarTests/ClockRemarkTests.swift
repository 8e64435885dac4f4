import Foundation
import Testing

@testable import Calendar

/// Remarks about changes of the clocks, beside times of schedules.
struct ClockRemarkTests {
    @Test(
        arguments: [
            ("2026-03-28T08:00:00Z", nil), ("2026-03-28T22:59:59Z", nil),
            ("2026-03-28T23:00:00Z", "the clocks change from UTC+1 to UTC+2 on this day"),
            ("2026-03-29T01:00:00Z", "the clocks go forward to this time, and starts that they skip happen now"),
            ("2026-03-29T07:00:00Z", "the clocks change from UTC+1 to UTC+2 on this day"),
            ("2026-03-29T22:00:00Z", nil),
            ("2026-10-25T00:30:00Z", "the clocks show this time twice, and this is the first one"),
            ("2026-10-25T01:30:00Z", "the clocks show this time twice, and this is the second one"),
            ("2026-10-25T08:00:00Z", "the clocks change from UTC+2 to UTC+1 on this day"),
        ] as [(String, String?)]
    )
    func daysOnWhichClocksChangeAreNamed(time: String, expected: String?) throws {
        let date = try #require(Instant(time)).date
        #expect(try #require(IANAZone("Europe/Berlin")).remark(at: date) == expected)
        #expect(try #require(IANAZone("Africa/Nairobi")).remark(at: date) == nil)
        #expect(IANAZone.utc.remark(at: date) == nil)
    }

    @Test func offsetsAreWrittenShortly() {
        #expect([0, 3_600, -12_600, 20_700].map { IANAZone.text($0) } == ["UTC+0", "UTC+1", "UTC-3:30", "UTC+5:45"])
    }
}
