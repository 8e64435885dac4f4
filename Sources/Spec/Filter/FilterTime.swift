/// A point in time within a filter.
public enum FilterTime: Hashable, Sendable, CustomStringConvertible {
    /// A fixed instant, in seconds since 1970 UTC and microseconds of that second (0 to 999,999).
    case instant(seconds: Int, microseconds: Int)
    /// Seconds before the moment of evaluation; never negative.
    case ago(seconds: Int)

    /// Reads `2025-01-01` (midnight UTC), an RFC 3339 time with zone, or `-7d`, `-12h`, `-30m`, `-2w`.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        if bytes.first == UInt8(ascii: "-") {
            guard let seconds = Self.duration(bytes.dropFirst()) else { return nil }
            self = .ago(seconds: seconds)
        } else {
            guard let (seconds, microseconds) = Self.instant(bytes) else { return nil }
            self = .instant(seconds: seconds, microseconds: microseconds)
        }
    }

    /// RFC 3339 in UTC, or the shortest relative form.
    public var description: String {
        switch self {
        case .ago(let seconds):
            for (unit, size) in [("d", 86_400), ("h", 3_600), ("m", 60)] where seconds % size == 0 {
                return "-\(seconds / size)\(unit)"
            }
            return "-\(seconds)s"
        case .instant(let seconds, let microseconds):
            let days = Int((Double(seconds) / 86_400).rounded(.down))
            let (year, month, day) = Self.date(daysSince1970: days)
            let rest = seconds - days * 86_400
            let clock = [rest / 3_600, rest / 60 % 60, rest % 60].map { Self.padded($0, 2) }.joined(separator: ":")
            let fraction = microseconds == 0 ? "" : "." + Self.padded(microseconds, 6)
            return "\(Self.padded(year, 4))-\(Self.padded(month, 2))-\(Self.padded(day, 2))T\(clock)\(fraction)Z"
        }
    }

    private static func padded(_ value: Int, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    private static func duration(_ bytes: ArraySlice<UInt8>) -> Int? {
        let sizes: [UInt8: Int] = [
            UInt8(ascii: "s"): 1, UInt8(ascii: "m"): 60, UInt8(ascii: "h"): 3_600, UInt8(ascii: "d"): 86_400,
            UInt8(ascii: "w"): 604_800,
        ]
        guard let unit = bytes.last, let size = sizes[unit], let count = number(bytes.dropLast()), count <= 100_000_000
        else {
            return nil
        }
        let seconds = count * size
        // A century: more would leave the range of dates.
        return seconds <= 3_200_000_000 ? seconds : nil
    }

    private static func instant(_ bytes: [UInt8]) -> (Int, Int)? {
        guard bytes.count >= 10, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"),
            let year = number(bytes[0..<4]), let month = number(bytes[5..<7]), let day = number(bytes[8..<10]),
            year >= 1, (1...12).contains(month), day >= 1, day <= length(ofMonth: month, year)
        else { return nil }
        let midnight = days(year, month, day) * 86_400
        if bytes.count == 10 { return (midnight, 0) }
        guard bytes.count >= 20, bytes[10] | 0x20 == UInt8(ascii: "t"), bytes[13] == 0x3A, bytes[16] == 0x3A,
            let hour = number(bytes[11..<13]), let minute = number(bytes[14..<16]), let second = number(bytes[17..<19]),
            hour < 24, minute < 60, second < 60
        else { return nil }
        var rest = bytes[19...]
        var microseconds = 0
        if rest.first == UInt8(ascii: ".") {
            let digits = rest.dropFirst().prefix { (0x30...0x39).contains($0) }
            guard !digits.isEmpty, let value = number(digits.prefix(6)) else { return nil }
            microseconds = (0..<max(0, 6 - digits.count)).reduce(value) { value, _ in value * 10 }
            rest = rest.dropFirst(digits.count + 1)
        }
        guard let offset = zone(rest) else { return nil }
        return (midnight + hour * 3_600 + minute * 60 + second - offset, microseconds)
    }

    /// Seconds east of UTC, of `Z` or `+03:00`.
    private static func zone(_ bytes: ArraySlice<UInt8>) -> Int? {
        let zone = Array(bytes)
        if zone.count == 1, zone[0] | 0x20 == UInt8(ascii: "z") { return 0 }
        guard zone.count == 6, zone[0] == 0x2B || zone[0] == 0x2D, zone[3] == 0x3A,
            let hours = number(zone[1..<3]), let minutes = number(zone[4..<6]), hours < 24, minutes < 60
        else { return nil }
        return (zone[0] == 0x2D ? -1 : 1) * (hours * 3_600 + minutes * 60)
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> Int? {
        guard !bytes.isEmpty, bytes.count <= 9, bytes.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return bytes.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }

    private static func length(ofMonth month: Int, _ year: Int) -> Int {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        return [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
    }

    /// Days from 1970-01-01, counted over years that start in March.
    private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let marchYear = month > 2 ? year : year - 1
        let monthsSinceMarch = (month + 9) % 12
        let leapDays = marchYear / 4 - marchYear / 100 + marchYear / 400
        return marchYear * 365 + leapDays + (monthsSinceMarch * 153 + 2) / 5 + day - 1 - 719_468
    }

    private static func date(daysSince1970 days: Int) -> (year: Int, month: Int, day: Int) {
        var year = 1970 + days / 366 - (days < 0 ? 1 : 0)
        while Self.days(year + 1, 1, 1) <= days { year += 1 }
        while Self.days(year, 1, 1) > days { year -= 1 }
        var month = 12
        while Self.days(year, month, 1) > days { month -= 1 }
        return (year, month, days - Self.days(year, month, 1) + 1)
    }
}
