/// Numbers as people read them, the same in plans, reports and progress lines.
public enum NumberText {
    /// Writes a number with its noun: `1 spec`, `1,272 specs`.
    public static func count(_ number: Int, _ noun: String) -> String {
        "\(number.grouped) \(noun)\(number == 1 ? "" : "s")"
    }

    /// Writes a share as a percentage with one decimal: `98.3 %`.
    ///
    /// Only a whole share is `100.0 %`, so that a report never hides the last missing message.
    ///
    /// - Parameter share: From 0 to 1; values outside are clamped.
    /// - Returns: The text.
    public static func percent(_ share: Double) -> String {
        let share = min(1, max(0, share.isNaN ? 0 : share))
        var tenths = Int((share * 1_000).rounded())
        if share < 1 { tenths = min(tenths, 999) }
        return "\(tenths / 10).\(tenths % 10) %"
    }

    /// Writes a duration in its two largest units, rounded up: `49 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`.
    public static func duration(seconds: Double) -> String {
        let total = Int(seconds.rounded(.up))
        let units = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")]
        guard let first = units.firstIndex(where: { total >= $0.0 }) else { return "0 s" }
        var rest = total
        var parts: [String] = []
        for (length, name) in units[first...].prefix(2) {
            if rest / length > 0 { parts.append("\(rest / length) \(name)") }
            rest %= length
        }
        return parts.joined(separator: " ")
    }
}

extension Int {
    /// The number with a comma between thousands: `1,272`.
    public var grouped: String {
        var text = ""
        for (index, digit) in String(magnitude).reversed().enumerated() {
            if index > 0, index.isMultiple(of: 3) { text.append(",") }
            text.append(digit)
        }
        return (self < 0 ? "-" : "") + String(text.reversed())
    }
}

extension String {
    /// Returns the text with spaces before it, so that it fills a column.
    public func leftPadded(to width: Int) -> String {
        String(repeating: " ", count: max(0, width - count)) + self
    }
}
