/// A length of time as specs write it: `90s`, `15m`, `24h`, `7d`.
public struct SpecDuration: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The length in seconds; never negative.
    public let seconds: Int

    private static let units: [(unit: Character, seconds: Int)] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)]

    /// Makes a duration.
    public init(seconds: Int) {
        self.seconds = max(0, seconds)
    }

    /// Reads a whole number with a unit; anything else is `nil`.
    public init?(_ text: String) {
        guard let last = text.last, let unit = Self.units.first(where: { $0.unit == last }) else { return nil }
        let digits = text.dropLast().utf8
        guard (1...9).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }),
            let count = Int(text.dropLast())
        else { return nil }
        seconds = count * unit.seconds
    }

    /// The largest unit that divides the duration: `1d` for `24h`, `90m` for `5400s`.
    public var description: String {
        guard seconds > 0, let unit = Self.units.first(where: { seconds.isMultiple(of: $0.seconds) }) else {
            return "0s"
        }
        return "\(seconds / unit.seconds)\(unit.unit)"
    }

    /// The same length for Swift's clocks.
    public var duration: Duration { .seconds(seconds) }

    /// Orders by length.
    public static func < (left: Self, right: Self) -> Bool {
        left.seconds < right.seconds
    }
}
