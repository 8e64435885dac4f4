import Calendar
import Foundation
import Testing

struct InstantTests {
    @Test(
        arguments: [
            ("2025-01-01", "2025-01-01T00:00:00Z"), ("2024-02-29", "2024-02-29T00:00:00Z"),
            ("2025-06-01T12:30:15.5+03:00", "2025-06-01T09:30:15.500000Z"),
            ("1969-12-31t23:59:59z", "1969-12-31T23:59:59Z"),
            ("0001-01-01", "0001-01-01T00:00:00Z"), ("9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59.999999Z"),
            ("2025-02-29", nil), ("2025-13-01", nil), ("2025-00-10", nil), ("2025-1-1", nil),
            ("2025-01-01T00:00:00", nil),
            ("2025-01-01 00:00:00Z", nil), ("2025-01-01T24:00:00Z", nil), ("2025-01-01T00:00:00.Z", nil),
            ("2025-01-01T00:00:00+3:00", nil), ("2025-01-01T00:00:00Zz", nil), ("0000-12-31", nil), ("", nil),
        ] as [(String, String?)]
    )
    func readsAndPrintsRFC3339(text: String, expected: String?) {
        let instant = Instant(text)
        #expect(instant?.description == expected)
        #expect(instant.flatMap { Instant($0.description) } == instant)
    }

    /// Foundation knows another calendar before 1582.
    @Test func agreesWithFoundation() {
        for seconds in stride(from: -12_000_000_000, through: 250_000_000_000, by: 777_777_777) {
            let date = Date(timeIntervalSince1970: Double(seconds))
            #expect(Instant(date).description == date.formatted(.iso8601))
            #expect(Instant(date).date == date)
            #expect(Instant(date).day == date.formatted(.iso8601.year().month().day()))
        }
    }

    @Test func roundsToTheMicrosecond() {
        #expect(Instant(Date(timeIntervalSince1970: -0.25)) == Instant(seconds: -1, microseconds: 750_000))
        #expect(Instant(Date(timeIntervalSince1970: 1.9999999)) == Instant(seconds: 2))
    }
}
