/// What a number counts.
public enum ReportUnit: String, Codable, Hashable, Sendable {
    case seconds = "s"
    case milliseconds = "ms"
    case microseconds = "µs"
    case perSecond = "/s"
    case megabytes = "MB"
    case percent = "%"
    case count = ""

    /// The number with its unit, for people.
    public func text(_ value: Double) -> String {
        let number = Self.number(value)
        return switch self {
        case .count: number
        case .perSecond, .percent: number + rawValue
        default: "\(number) \(rawValue)"
        }
    }

    /// Three digits that mean something, thousands apart.
    static func number(_ value: Double) -> String {
        let size = abs(value)
        let digits = value == value.rounded() || size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : 3
        let scale = [1.0, 10, 100, 1_000][digits]
        let scaled = Int((size * scale).rounded())
        let whole = scaled / Int(scale)
        var text = grouped(whole)
        if digits > 0 {
            let rest = String(scaled % Int(scale))
            text += "." + String(repeating: "0", count: digits - rest.count) + rest
        }
        return value < 0 && scaled != 0 ? "-" + text : text
    }

    private static func grouped(_ whole: Int) -> String {
        var text = ""
        for (index, digit) in String(whole).reversed().enumerated() {
            if index > 0 && index % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return String(text.reversed())
    }
}
