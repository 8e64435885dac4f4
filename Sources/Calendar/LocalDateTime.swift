public import Foundation

/// A local date and time without a zone: `2026-12-01T09:00`.
public struct LocalDateTime: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// Seconds since 1970-01-01T00:00 in the same local time.
    package let seconds: Int64

    package init(seconds: Int64) {
        self.seconds = seconds
    }

    /// Reads `2026-12-01T09:00`, with or without seconds, or a date alone, which is its midnight.
    ///
    /// - Returns: `nil` for anything else, and for days and times that no calendar has; years are 1900 to 9999.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard [10, 16, 19].contains(bytes.count), let date = CivilDate(bytes[..<10]), date.year >= 1900 else {
            return nil
        }
        var time = 0
        if bytes.count > 10 {
            let colon = UInt8(ascii: ":")
            guard bytes[10] == UInt8(ascii: "T"), bytes[13] == colon, let hour = bytes[11..<13].decimalNumber,
                let minute = bytes[14..<16].decimalNumber, hour < 24, minute < 60
            else { return nil }
            time = hour * 3_600 + minute * 60
            if bytes.count == 19 {
                guard bytes[16] == colon, let second = bytes[17...].decimalNumber, second < 60 else { return nil }
                time += second
            }
        }
        seconds = Int64(date.days * 86_400 + time)
    }

    /// The time as `2026-12-01T09:00`, with seconds only if there are some.
    public var description: String {
        let day = Int((seconds - Self.floorRemainder(seconds)) / 86_400)
        let time = Int(Self.floorRemainder(seconds))
        let text = "\(CivilDate(days: day))T\((time / 3_600).padded(to: 2)):\((time / 60 % 60).padded(to: 2))"
        return time % 60 == 0 ? text : text + ":\((time % 60).padded(to: 2))"
    }

    public static func < (left: Self, right: Self) -> Bool { left.seconds < right.seconds }

    /// Returns the instant at which the clocks of a zone show this time.
    ///
    /// A time that does not exist counts as the end of its gap. A time that comes twice counts as its first instant.
    /// These are the rules of cron for fixed times.
    public func instant(in zone: IANAZone) -> Date {
        let instant =
            switch zone.instants(of: seconds) {
            case .gap(let end): end
            case .one(let instant), .two(let instant, _): instant
            }
        return Date(timeIntervalSince1970: Double(instant))
    }

    /// Returns true if the clocks of a zone show this time; false if they leave it out when they go forward.
    public func exists(in zone: IANAZone) -> Bool {
        if case .gap = zone.instants(of: seconds) { false } else { true }
    }

    /// Makes the local time that the clocks of a zone show at an instant.
    public init(_ date: Date, in zone: IANAZone) {
        let instant = Int64(date.timeIntervalSince1970.rounded(.down))
        seconds = instant + zone.offset(at: instant)
    }

    private static func floorRemainder(_ seconds: Int64) -> Int64 {
        let remainder = seconds % 86_400
        return remainder < 0 ? remainder + 86_400 : remainder
    }
}
