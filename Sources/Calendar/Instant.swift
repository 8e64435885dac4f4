public import Foundation

/// An instant in UTC with microseconds, in the text form that specs, requests, imports and answers share (RFC 3339).
public struct Instant: Hashable, Sendable, CustomStringConvertible {
    /// Seconds since 1970; negative before.
    public let seconds: Int
    /// Microseconds of that second: 0 to 999,999.
    public let microseconds: Int

    /// Makes an instant.
    public init(seconds: Int, microseconds: Int = 0) {
        (self.seconds, self.microseconds) = (seconds, microseconds)
    }

    /// Rounds a date to the microsecond.
    public init(_ date: Date) {
        let total = (date.timeIntervalSince1970 * 1_000_000).rounded()
        let seconds = (total / 1_000_000).rounded(.down)
        self.init(seconds: Int(seconds), microseconds: Int(total - seconds * 1_000_000))
    }

    /// Reads `2025-01-01` (midnight in UTC), or `2025-01-01T08:00:00.5+03:00`: a time needs its zone.
    ///
    /// - Returns: `nil` for anything else, and for days and times that no calendar has. Digits after the microseconds
    ///   are dropped.
    public init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        guard bytes.count >= 10, let day = CivilDate(bytes[..<10]) else { return nil }
        let midnight = day.days * 86_400
        guard bytes.count > 10 else {
            self.init(seconds: midnight)
            return
        }
        guard bytes.count >= 20, bytes[10] | 0x20 == UInt8(ascii: "t"), let time = Self.time(bytes[11..<19]) else {
            return nil
        }
        var rest = bytes[19...]
        var microseconds = 0
        if rest.first == UInt8(ascii: ".") {
            let digits = rest.dropFirst().prefix { (0x30...0x39).contains($0) }
            guard let value = digits.prefix(6).decimalNumber else { return nil }
            microseconds = (0..<max(0, 6 - digits.count)).reduce(value) { value, _ in value * 10 }
            rest = rest.dropFirst(digits.count + 1)
        }
        guard let offset = Self.offset(rest) else { return nil }
        self.init(seconds: midnight + time - offset, microseconds: microseconds)
    }

    /// The same instant for Foundation.
    public var date: Date {
        Date(timeIntervalSince1970: Double(seconds) + Double(microseconds) / 1_000_000)
    }

    /// The instant as `2025-01-01T08:00:00Z`, with microseconds only if there are some.
    public var description: String {
        let time = seconds - dayNumber * 86_400
        let clock = "\((time / 3_600).padded(to: 2)):\((time / 60 % 60).padded(to: 2)):\((time % 60).padded(to: 2))"
        let fraction = microseconds == 0 ? "" : "." + microseconds.padded(to: 6)
        return "\(day)T\(clock)\(fraction)Z"
    }

    /// The day in UTC: `2025-01-01`.
    public var day: String { CivilDate(days: dayNumber).description }

    private var dayNumber: Int {
        let days = seconds / 86_400
        return seconds % 86_400 < 0 ? days - 1 : days
    }

    /// Reads `08:00:00` as seconds since midnight.
    private static func time(_ bytes: ArraySlice<UInt8>) -> Int? {
        let start = bytes.startIndex
        guard bytes[start + 2] == UInt8(ascii: ":"), bytes[start + 5] == UInt8(ascii: ":"),
            let hour = bytes[start..<start + 2].decimalNumber, let minute = bytes[start + 3..<start + 5].decimalNumber,
            let second = bytes[(start + 6)...].decimalNumber, hour < 24, minute < 60, second < 60
        else { return nil }
        return hour * 3_600 + minute * 60 + second
    }

    /// Reads `Z` or `+03:00` as seconds east of UTC.
    private static func offset(_ bytes: ArraySlice<UInt8>) -> Int? {
        let zone = Array(bytes)
        if zone.count == 1, zone[0] | 0x20 == UInt8(ascii: "z") { return 0 }
        guard zone.count == 6, zone[0] == UInt8(ascii: "+") || zone[0] == UInt8(ascii: "-"), zone[3] == 0x3A,
            let hours = zone[1..<3].decimalNumber, let minutes = zone[4..<6].decimalNumber, hours < 24, minutes < 60
        else { return nil }
        return (zone[0] == UInt8(ascii: "-") ? -1 : 1) * (hours * 3_600 + minutes * 60)
    }
}
