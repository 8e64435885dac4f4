public import Foundation

/// A date and time on the wall, in no zone: `2026-12-01T09:00`.
public struct LocalDateTime: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// Seconds since 1970-01-01T00:00 on the same wall.
    package let seconds: Int64

    package init(seconds: Int64) {
        self.seconds = seconds
    }

    /// Reads `2026-12-01T09:00`, with or without seconds, or a date alone, which is its midnight.
    ///
    /// - Returns: `nil` for anything else, and for days and times that no calendar has; years are 1900 to 9999.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        func number(_ range: Range<Int>) -> Int? {
            guard range.upperBound <= bytes.count else { return nil }
            var value = 0
            for byte in bytes[range] {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
                value = value * 10 + Int(byte - UInt8(ascii: "0"))
            }
            return value
        }
        func has(_ character: UInt8, at index: Int) -> Bool { index < bytes.count && bytes[index] == character }
        let dash = UInt8(ascii: "-")
        guard [10, 16, 19].contains(bytes.count), has(dash, at: 4), has(dash, at: 7),
            let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
            year >= 1900, (1...12).contains(month), (1...CivilDate.length(ofMonth: month, year: year)).contains(day)
        else { return nil }
        var time = 0
        if bytes.count > 10 {
            let colon = UInt8(ascii: ":")
            guard has(UInt8(ascii: "T"), at: 10), has(colon, at: 13), let hour = number(11..<13),
                let minute = number(14..<16), hour < 24, minute < 60
            else { return nil }
            time = hour * 3_600 + minute * 60
            if bytes.count == 19 {
                guard has(colon, at: 16), let second = number(17..<19), second < 60 else { return nil }
                time += second
            }
        }
        seconds = Int64(CivilDate(year: year, month: month, day: day).days * 86_400 + time)
    }

    /// `2026-12-01T09:00`; seconds only if there are some.
    public var description: String {
        let day = Int((seconds - Self.floorRemainder(seconds)) / 86_400)
        let time = Int(Self.floorRemainder(seconds))
        let date = CivilDate(days: day)
        func padded(_ number: Int, _ width: Int = 2) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, width - text.count)) + text
        }
        var text = "\(padded(date.year, 4))-\(padded(date.month))-\(padded(date.day))"
        text += "T\(padded(time / 3_600)):\(padded(time / 60 % 60))"
        return time % 60 == 0 ? text : text + ":\(padded(time % 60))"
    }

    public static func < (left: Self, right: Self) -> Bool { left.seconds < right.seconds }

    /// The instant at which the clocks of a zone show this time.
    ///
    /// A time that does not exist is the end of its gap; of one that comes twice, the first counts: the rules of cron for
    /// fixed times.
    public func instant(in zone: IANAZone) -> Date {
        let instant =
            switch zone.instants(of: seconds) {
            case .gap(let end): end
            case .one(let instant), .two(let instant, _): instant
            }
        return Date(timeIntervalSince1970: Double(instant))
    }

    /// What the clocks of a zone show at an instant.
    public init(_ date: Date, in zone: IANAZone) {
        let instant = Int64(date.timeIntervalSince1970.rounded(.down))
        seconds = instant + zone.offset(at: instant)
    }

    private static func floorRemainder(_ seconds: Int64) -> Int64 {
        let remainder = seconds % 86_400
        return remainder < 0 ? remainder + 86_400 : remainder
    }
}
