/// A local time of day, to the minute: `21:00`.
public struct TimeOfDay: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// 0 to 23.
    public let hour: Int
    /// 0 to 59.
    public let minute: Int

    /// 0:00.
    static let midnight = TimeOfDay()

    private init() {
        (hour, minute) = (0, 0)
    }

    /// Makes a time; `nil` if a part is out of range.
    public init?(hour: Int, minute: Int) {
        guard (0..<24).contains(hour), (0..<60).contains(minute) else { return nil }
        (self.hour, self.minute) = (hour, minute)
    }

    /// Reads `21:00`; anything else is `nil`.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count == 5, bytes[2] == UInt8(ascii: ":"),
            [0, 1, 3, 4].allSatisfy({ (0x30...0x39).contains(bytes[$0]) })
        else { return nil }
        func number(_ index: Int) -> Int { Int(bytes[index] - 0x30) * 10 + Int(bytes[index + 1] - 0x30) }
        self.init(hour: number(0), minute: number(3))
    }

    /// Minutes since midnight.
    public var minutes: Int { hour * 60 + minute }

    /// Hour and minute with two digits each.
    public var description: String {
        "\(hour < 10 ? "0" : "")\(hour):\(minute < 10 ? "0" : "")\(minute)"
    }

    /// Orders within one day.
    public static func < (left: Self, right: Self) -> Bool {
        left.minutes < right.minutes
    }
}
