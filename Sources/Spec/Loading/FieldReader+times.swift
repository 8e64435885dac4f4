internal import YAML

extension FieldReader {
    /// Reads a duration that is longer than nothing and not longer than a limit.
    mutating func duration(_ key: String, upTo limit: SpecDuration) -> SpecDuration? {
        guard let read = node(key) else { return nil }
        let help = "write a whole number with its unit, such as `90s`, `15m`, `24h` or `7d`"
        guard let scalar = read.node.scalar, case .string(let text) = scalar.value else {
            sink.reportWrongType(of: read.node, field: read.field, expected: "a duration", help: help)
            return nil
        }
        guard let duration = SpecDuration(text) else {
            sink.report(.duration, at: read.range, field: read.field, "`\(text)` is not a duration", help: help)
            return nil
        }
        guard duration.seconds > 0, duration <= limit else {
            let message = "`\(key)` is \(text), outside of 1s to \(limit)"
            sink.report(.duration, at: read.range, field: read.field, message)
            return nil
        }
        return duration
    }

    /// Reads a time of day; one without quotes is warned about, since other tools take it for a number.
    mutating func timeOfDay(_ key: String) -> ReadValue<TimeOfDay>? {
        require(key)
        guard let read = string(key) else { return nil }
        guard let time = TimeOfDay(read.value) else {
            let message = "`\(read.value)` is not a time of day"
            sink.report(.localTime, at: read.range, field: read.field, message, help: "write it like \"21:00\"")
            return nil
        }
        return read.with(time)
    }
}
