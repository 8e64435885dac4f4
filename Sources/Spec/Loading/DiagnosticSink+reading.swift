import YAML

extension DiagnosticSink {
    /// Reads a node as a string; warns if YAML 1.1 readers would read another type.
    func string(_ node: YAMLNode, field: String) -> ReadValue<String>? {
        string(ReadNode(node, field: field))
    }

    /// Reads a field as a string; warns if YAML 1.1 readers would read another type.
    func string(_ read: ReadNode) -> ReadValue<String>? {
        let node = read.node
        guard let scalar = node.scalar, case .string(let text) = scalar.value else {
            let field = read.field
            let help = node.scalar.flatMap { $0.text.isEmpty ? nil : "write it as \"\($0.text)\"" }
            // Numbers are taken as they were written; other values may have been meant otherwise.
            let fix = node.scalar.flatMap { scalar -> WordFix? in
                guard scalar.style == .plain else { return nil }
                return switch scalar.value {
                case .int, .float: WordFix("\"\(scalar.text)\"", isSure: true)
                case .bool: WordFix("\"\(scalar.text)\"", isSure: false)
                case .null, .string: nil
                }
            }
            reportWrongType(of: node, field: field, expected: "a string", help: help, fix: fix)
            return nil
        }
        if let reading = scalar.yaml11Reading {
            let message = "plain `\(text)` is a string here, but \(reading.words) to YAML 1.1 readers"
            report(
                .ambiguousScalar,
                at: node.range,
                field: read.field,
                message,
                help: "write it as \"\(text)\"",
                fix: WordFix("\"\(text)\"", isSure: true)
            )
        }
        return read.with(text)
    }

    /// Reports a node of an unexpected type, unless a problem of the node was reported before.
    func reportWrongType(
        of node: YAMLNode,
        field: String,
        expected: String,
        help: String? = nil,
        fix: WordFix? = nil
    ) {
        let found: String
        switch node.content {
        case .invalid: return
        case .sequence: found = "a list"
        case .mapping: found = "a mapping"
        case .scalar(let scalar):
            switch scalar.value {
            case .null: found = "nothing"
            case .bool: found = "a boolean"
            case .int: found = "a whole number"
            case .float: found = "a number"
            case .string: found = "a string"
            }
        }
        let name = field.isEmpty ? "" : " for `\(field)`"
        let isLong = node.range.end.line > node.range.start.line && !node.isScalar
        let range = isLong ? YAMLRange(start: node.range.start, end: node.range.start) : node.range
        report(.wrongType, at: range, field: field, "expected \(expected)\(name), found \(found)", help: help, fix: fix)
    }
}

extension YAML11Reading {
    fileprivate var words: String {
        switch self {
        case .bool(let value): "the boolean \(value)"
        case .sexagesimal: "a number to the base of 60"
        case .timestamp: "a date"
        case .octal: "an octal number"
        case .number: "a number"
        }
    }
}

extension DiagnosticSink {
    /// Reports every key and text with a NUL character, which Postgres cannot store.
    func checkCharacters(_ node: YAMLNode, path: String = "") {
        if node.hasNUL { reportCharacters(node, path: path) }
    }

    private func reportCharacters(_ node: YAMLNode, path: String) {
        switch node.content {
        case .invalid: break
        case .sequence(let items):
            for (index, item) in items.enumerated() { reportCharacters(item, path: "\(path)[\(index)]") }
        case .mapping(let mapping):
            for pair in mapping.pairs {
                let field = path.isEmpty ? pair.key : "\(path).\(pair.key)"
                if pair.key.utf8.contains(0) {
                    report(
                        .nulCharacter,
                        at: pair.keyRange,
                        field: path,
                        "this key has a NUL character",
                        help: "remove it"
                    )
                }
                reportCharacters(pair.value, path: field)
            }
        case .scalar(let scalar):
            guard scalar.text.utf8.contains(0) else { return }
            report(.nulCharacter, at: node.range, field: path, "this text has a NUL character", help: "remove it")
        }
    }
}

extension YAMLNode {
    /// True if a key or text contains NUL; faster than a report, because it builds no paths.
    fileprivate var hasNUL: Bool {
        switch content {
        case .invalid: false
        case .sequence(let items): items.contains(where: \.hasNUL)
        case .mapping(let mapping): mapping.pairs.contains { $0.key.utf8.contains(0) || $0.value.hasNUL }
        // Only an escape in double quotes can produce NUL.
        case .scalar(let scalar): scalar.style == .doubleQuoted && scalar.text.utf8.contains(0)
        }
    }
}

extension DiagnosticSink {
    /// Reports wrong placeholders of a text, each at its own place if the text has no escapes.
    func checkPlaceholders(_ text: ReadValue<String>) {
        guard text.value.utf8.contains(UInt8(ascii: "{")) else { return }
        for problem in TextTemplate.parse(text.value).problems {
            let range = text.part(problem.range)
            report(.placeholder, at: range, field: text.field, problem.message, help: problem.help)
        }
    }
}

extension ReadValue<String> {
    /// Returns the place of some scalars of the text, or of the whole text if it has escapes or several lines.
    func part(_ part: Range<Int>) -> YAMLRange {
        guard let scalar = node.scalar, range.start.line == range.end.line else { return range }
        let quote = scalar.style == .plain ? 0 : 1
        guard range.end.column - range.start.column == value.unicodeScalars.count + 2 * quote else { return range }
        let scalars = Array(value.unicodeScalars)
        func mark(_ index: Int) -> YAMLMark {
            let bytes = scalars[..<index].reduce(0) { $0 + UTF8.width($1) }
            return YAMLMark(
                line: range.start.line,
                column: range.start.column + quote + index,
                offset: range.start.offset + quote + bytes
            )
        }
        return YAMLRange(start: mark(part.lowerBound), end: mark(part.upperBound))
    }
}
