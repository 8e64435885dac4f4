public import Calendar

/// A point in time within a filter.
public enum FilterTime: Hashable, Sendable, CustomStringConvertible {
    case instant(Instant)
    /// Seconds before the moment of evaluation; never negative.
    case ago(seconds: Int)

    /// Reads `2025-01-01` (midnight UTC), an RFC 3339 time with zone, or `-7d`, `-12h`, `-30m`, `-2w`.
    public init?(_ text: String) {
        guard text.hasPrefix("-") else {
            guard let instant = Instant(text) else { return nil }
            self = .instant(instant)
            return
        }
        guard let seconds = Self.seconds(text.dropFirst()) else { return nil }
        self = .ago(seconds: seconds)
    }

    /// The time as RFC 3339 in UTC, or in the shortest relative form.
    public var description: String {
        switch self {
        case .ago(let seconds): return "-" + Self.lengthText(seconds: seconds)
        case .instant(let instant): return instant.description
        }
    }

    /// Writes a length of time in the shortest form: `7d`, `36h`, `90s`.
    static func lengthText(seconds: Int) -> String {
        for (unit, size) in [("d", 86_400), ("h", 3_600), ("m", 60)] where seconds % size == 0 {
            return "\(seconds / size)\(unit)"
        }
        return "\(seconds)s"
    }

    /// Reads a length of time such as `7d`, `12h`, `30m` or `2w`, in seconds; at most a century.
    static func seconds(_ text: Substring) -> Int? {
        let sizes: [Character: Int] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800]
        guard let size = text.last.flatMap({ sizes[$0] }) else { return nil }
        let digits = text.dropLast().utf8
        guard (1...9).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }),
            let count = Int(text.dropLast()), count <= 100_000_000
        else { return nil }
        let seconds = count * size
        // The limit is a century, because more would leave the range of dates.
        return seconds <= 3_200_000_000 ? seconds : nil
    }
}
