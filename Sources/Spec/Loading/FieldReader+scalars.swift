import Spelling
internal import YAML

extension FieldReader {
    /// Reads a string; anything else is reported.
    mutating func string(_ key: String) -> ReadValue<String>? {
        guard let read = node(key) else { return nil }
        return sink.string(read)
    }

    /// Reads a string that is needed, not empty, and not longer than a number of Unicode scalars.
    mutating func text(_ key: String, required: Bool = true, upTo limit: Int) -> ReadValue<String>? {
        if required { require(key) }
        guard let read = string(key) else { return nil }
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
            sink.reportWrongType(of: read.node, field: read.field, expected: "`true` or `false`", help: help)
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
        guard SpecIdentity.isSlug(read.value) else {
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
        report(.invalidValue, at: read.range, field: read.field, message, help: help)
        return nil
    }
}
