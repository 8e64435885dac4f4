/// Says in an author's words what libyaml found wrong.
struct SyntaxExplanation {
    let text: SourceText
    let failure: EventSource.Failure
    let mark: YAMLMark
    let context: YAMLMark

    var problem: YAMLProblem {
        let line = text.line(around: mark.offset)
        let byte = mark.offset < text.bytes.count ? text.bytes[mark.offset] : 0x0A
        if byte == 0x09 || failure.problem.contains("tab character") {
            return YAMLProblem(.tab, at: after(mark), "tab in the indentation", help: "indent with spaces")
        }
        if let brace = Self.barePlaceholder(in: line) ?? Self.barePlaceholder(in: text.line(around: context.offset)) {
            return placeholderProblem(at: brace)
        }
        if failure.context.contains("quoted scalar"), isUnfinished {
            return YAMLProblem(.syntax, at: after(context), "this quote is never closed", help: "add the closing quote")
        }
        if failure.context.contains("flow"), failure.problem.contains("did not find expected ','") {
            let closing = failure.context.contains("sequence") ? "]" : "}"
            let related = YAMLProblem.Related(range: after(context), label: "opened here")
            let help = "close it with `\(closing)`, or put the value in quotes"
            return YAMLProblem(.syntax, at: after(mark), "expected `,` or `\(closing)`", help: help, related: related)
        }
        let (message, help) = plainWords(byte)
        return YAMLProblem(.syntax, at: after(mark), message, help: help)
    }

    private var isUnfinished: Bool {
        failure.problem.contains("end of stream") || failure.problem.contains("document indicator")
    }

    private func plainWords(_ byte: UInt8) -> (String, String?) {
        switch failure.problem {
        case "found character that cannot start any token":
            let character = Character(Unicode.Scalar(byte))
            return ("a plain value cannot start with `\(character)`", "put the value in quotes")
        case "mapping values are not allowed in this context":
            return ("a `:` is not possible here", "put the value in quotes if the colon belongs to it")
        case "did not find expected key":
            let help = "check its indentation, and the line above"
            return ("this does not fit the mapping around it", help)
        case "did not find expected '-' indicator":
            return ("this does not fit the list around it", "check its indentation, and start each item with `- `")
        case "could not find expected ':'":
            return ("expected `:` after a key", "check the line above, and the indentation")
        case "did not find expected <document start>":
            return ("a second document needs a `---` line before it", "check the indentation, or add `---`")
        case "found unknown escape character":
            return ("unknown escape in double quotes", "use single quotes, or write the backslash twice")
        case "did not find expected node content":
            return ("expected a value here", "put the value in quotes if it contains `,`, `]` or `}`")
        case "found unexpected ':'":
            return ("a `:` is not possible here", "put the value in quotes")
        default:
            return ([failure.problem, failure.context].filter { !$0.isEmpty }.joined(separator: " "), nil)
        }
    }

    private func placeholderProblem(at offset: Int) -> YAMLProblem {
        let lineStart = text.line(around: offset).startIndex
        let column = text.count(from: lineStart, to: offset).scalars + 1
        let line = text.count(from: text.contentStart, to: lineStart).lines + 1
        let start = YAMLMark(line: line, column: column, offset: offset)
        let end = YAMLMark(line: line, column: column + 2, offset: offset + 2)
        let help = "put the whole value in quotes: \"{{name}}\""
        let message = "`{{` starts a mapping in YAML, not a placeholder"
        return YAMLProblem(.syntax, at: YAMLRange(start: start, end: end), message, help: help)
    }

    /// The first `{{` of a line that begins a value and is not in quotes.
    private static func barePlaceholder(in line: ArraySlice<UInt8>) -> Int? {
        var previous: UInt8 = 0x20
        var quote: UInt8?
        for (offset, byte) in zip(line.indices, line) {
            if let open = quote {
                if byte == open { quote = nil }
            } else if byte == 0x22 || byte == 0x27 {
                quote = byte
            } else if byte == UInt8(ascii: "{"), line.dropFirst(offset - line.startIndex + 1).first == byte,
                [0x20, UInt8(ascii: "["), UInt8(ascii: ","), UInt8(ascii: ":")].contains(previous)
            {
                return offset
            }
            previous = byte
        }
        return nil
    }

    private func after(_ mark: YAMLMark) -> YAMLRange {
        let end = YAMLMark(line: mark.line, column: mark.column + 1, offset: min(mark.offset + 1, text.bytes.count))
        return YAMLRange(start: mark, end: end)
    }
}
