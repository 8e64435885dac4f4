import Calendar
import Spelling
import YAML

extension FieldReader {
    /// Reads a string; anything else is reported.
    mutating func string(_ key: String) -> ReadValue<String>? {
        guard let read = node(key) else { return nil }
        return sink.string(read)
    }

    /// Reads a string that is not empty and has at most `limit` Unicode scalars.
    mutating func text(_ key: String, required: Bool = true, upTo limit: Int) -> ReadValue<String>? {
        if required { require(key) }
        guard let read = string(key) else { return nil }
        if sink.isStored { return read }
        let count = read.value.unicodeScalars.count
        if count == 0 {
            sink.report(.invalidValue, at: read.range, field: read.field, "`\(key)` is empty")
            return nil
        }
        guard count <= limit else {
            let message = "`\(key)` has \(count) characters, more than \(limit)"
            sink.report(.invalidValue, at: read.range, field: read.field, message)
            return nil
        }
        return read
    }

    /// Reads a boolean.
    mutating func bool(_ key: String) -> Bool? {
        guard let read = node(key) else { return nil }
        guard let scalar = read.node.scalar, case .bool(let value) = scalar.value else {
            let isOld = if case .bool = read.node.scalar?.yaml11Reading { true } else { false }
            let help = isOld ? "write `true` or `false`" : nil
            var fix: WordFix?
            if case .bool(let meant) = read.node.scalar?.yaml11Reading { fix = WordFix("\(meant)", isSure: true) }
            sink.reportWrongType(of: read.node, field: read.field, expected: "`true` or `false`", help: help, fix: fix)
            return nil
        }
        return value
    }

    /// Reads a whole number within a range.
    mutating func integer(_ key: String, in range: ClosedRange<Int>) -> ReadValue<Int>? {
        guard let read = node(key) else { return nil }
        guard let scalar = read.node.scalar, case .int(let value) = scalar.value else {
            sink.reportWrongType(of: read.node, field: read.field, expected: "a whole number")
            return nil
        }
        guard range.contains(value) else {
            let message = "`\(key)` is \(value), outside of \(range.lowerBound) to \(range.upperBound)"
            sink.report(.invalidValue, at: read.range, field: read.field, message)
            return nil
        }
        return read.with(value)
    }

    /// Reads one of the words of an enumeration.
    mutating func choice<Choice>(
        _ key: String,
        of type: Choice.Type = Choice.self
    ) -> Choice? where Choice: CaseIterable & RawRepresentable<String> {
        guard let read = string(key) else { return nil }
        return sink.choice(read, of: type, as: key)
    }

    /// Reads the name of a spec, or a reference to one.
    mutating func slug(_ key: String) -> ReadValue<String>? {
        guard let read = string(key) else { return nil }
        guard sink.isStored || SpecIdentity.isSlug(read.value) else {
            let message = "`\(read.value)` is not a name"
            let help = "names have 1 to 63 lower-case letters, digits and hyphens, and do not start with a hyphen"
            sink.report(.invalidName, at: read.range, field: read.field, message, help: help)
            return nil
        }
        return read
    }
}

extension DiagnosticSink {
    /// Takes a text as one of the words of an enumeration.
    func choice<Choice>(
        _ read: ReadValue<String>,
        of type: Choice.Type,
        as key: String
    ) -> Choice? where Choice: CaseIterable & RawRepresentable<String> {
        if let choice = Choice(rawValue: read.value) { return choice }
        let known = Choice.allCases.map(\.rawValue)
        let near = SpellingSuggestion.candidates(for: read.value, among: known)
        let help =
            near.isEmpty
            ? "use \(SpellingSuggestion.list(known, "or"))" : "did you mean \(SpellingSuggestion.list(near, "or"))?"
        let message = "`\(read.value)` is not a value of `\(key)`"
        let fix = WordFix(read.value, suggestions: near)
        report(.invalidValue, at: read.range, field: read.field, message, help: help, fix: fix)
        return nil
    }
}

extension FieldReader {
    /// Reads a duration within bounds.
    mutating func duration(_ key: String, from least: SpecDuration, upTo limit: SpecDuration) -> SpecDuration? {
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
        guard duration >= least, duration <= limit else {
            let message = "`\(key)` is \(text), outside of \(least) to \(limit)"
            sink.report(.duration, at: read.range, field: read.field, message)
            return nil
        }
        return duration
    }

    /// Reads a time of day; warns about one without quotes, because other tools read it as a number.
    mutating func timeOfDay(_ key: String) -> ReadValue<TimeOfDay>? {
        guard let read = string(key) else { return nil }
        guard let time = TimeOfDay(read.value) else {
            let message = "`\(read.value)` is not a time of day"
            sink.report(.localTime, at: read.range, field: read.field, message, help: "write it like \"21:00\"")
            return nil
        }
        return read.with(time)
    }
}

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
        let fix = WordFix(read.value, suggestions: near)
        let message = "unknown time zone `\(read.value)`"
        sink.report(.timeZone, at: read.range, field: read.field, message, help: help, fix: fix)
        return nil
    }

    /// Reads a local date and time.
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

    /// Reads a cron expression; mistakes are reported at their place within the expression.
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
    /// Returns the place of some bytes of the text.
    fileprivate func part(utf8 range: Range<Int>) -> YAMLRange {
        let bytes = Array(value.utf8)
        func scalars(before offset: Int) -> Int {
            // Each scalar has exactly one byte that is not a continuation byte.
            bytes.prefix(offset).count { $0 & 0xC0 != 0x80 }
        }
        return part(scalars(before: range.lowerBound)..<scalars(before: range.upperBound))
    }
}
