import Calendar
import Spelling
internal import YAML

extension FieldReader {
    /// Reads the name of a zone in the IANA database.
    mutating func timeZone(_ key: String) -> ReadValue<IANAZone>? {
        guard let read = string(key) else { return nil }
        if let zone = IANAZone(read.value) { return read.with(zone) }
        let near = IANAZone.candidates(for: read.value)
        let help =
            near.isEmpty
            ? "use a name of the IANA database, such as `Africa/Nairobi`"
            : "did you mean \(SpellingSuggestion.list(near, "or"))?"
        sink.report(.timeZone, at: read.range, field: read.field, "unknown time zone `\(read.value)`", help: help)
        return nil
    }

    /// Reads a date and time on the wall; other tools may take it for a date, which is what it is.
    mutating func localTime(_ key: String) -> ReadValue<LocalDateTime>? {
        guard let read = node(key) else { return nil }
        let help = "write it like `2026-12-01T09:00`, as the clock of `timeZone` shows it"
        guard let scalar = read.node.scalar, case .string(let text) = scalar.value else {
            sink.reportWrongType(of: read.node, field: read.field, expected: "a local time", help: help)
            return nil
        }
        guard let time = LocalDateTime(text) else {
            let message = "`\(text)` is not a local time"
            sink.report(.localTime, at: read.range, field: read.field, message, help: help)
            return nil
        }
        return read.with(time)
    }

    /// Reads a cron expression; what is wrong is shown at the field within it.
    mutating func cron(_ key: String) -> ReadValue<CronExpression>? {
        guard let read = string(key) else { return nil }
        do {
            return read.with(try CronExpression(read.value))
        } catch {
            let range = read.part(utf8: error.range)
            sink.report(.cronSyntax, at: range, field: read.field, error.message, help: error.help)
            return nil
        }
    }
}

extension ReadValue<String> {
    /// The place of some bytes of the text.
    fileprivate func part(utf8 range: Range<Int>) -> YAMLRange {
        let bytes = Array(value.utf8)
        func scalars(before offset: Int) -> Int {
            // Every scalar has one byte that continues none.
            bytes.prefix(offset).count { $0 & 0xC0 != 0x80 }
        }
        return part(scalars(before: range.lowerBound)..<scalars(before: range.upperBound))
    }
}
