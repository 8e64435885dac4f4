internal import YAML

extension DiagnosticSink {
    /// Reports wrong placeholders of a text, each at its own place where the text stands unchanged in the file.
    func checkPlaceholders(_ text: ReadValue<String>) {
        guard text.value.utf8.contains(UInt8(ascii: "{")) else { return }
        for problem in TextTemplate.parse(text.value).problems {
            let range = text.part(problem.range)
            report(.placeholder, at: range, field: text.field, problem.message, help: problem.help)
        }
    }
}

extension ReadValue<String> {
    /// The place of some scalars of the text; the whole text if it has escapes or more than one line.
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
