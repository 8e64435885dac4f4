/// Numbers as people read them.
enum NumberText {
    /// With a comma between thousands.
    static func grouped(_ number: Int) -> String {
        var text = ""
        for (index, digit) in String(number.magnitude).reversed().enumerated() {
            if index > 0, index.isMultiple(of: 3) { text.append(",") }
            text.append(digit)
        }
        return (number < 0 ? "-" : "") + String(text.reversed())
    }

    /// A duration in its two largest units, rounded up: `49 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`.
    static func duration(seconds: Double) -> String {
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

    /// `1 spec is`, `2 specs are`.
    static func specs(_ count: Int) -> String {
        count == 1 ? "1 spec is" : "\(grouped(count)) specs are"
    }
}
