/// Explains errors of libyaml in words that an author understands.
struct SyntaxExplanation {
    let text: SourceText
    let failure: EventSource.Failure
    let mark: YAMLMark
    let context: YAMLMark

    var problem: YAMLProblem {
        if let problem = escapeProblem { return problem }
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
            let (opening, closing) = failure.context.contains("sequence") ? ("[", "]") : ("{", "}")
            if isAtEndOfDocument {
                let message = "this `\(opening)` is never closed"
                return YAMLProblem(.syntax, at: after(context), message, help: "add the closing `\(closing)`")
            }
            let related = YAMLProblem.Related(range: after(context), label: "opened here")
            let help = "close it with `\(closing)`, or put the value in quotes"
            return YAMLProblem(.syntax, at: after(mark), "expected `,` or `\(closing)`", help: help, related: related)
        }
        if failure.problem == "could not find expected ':'" {
            let help = "check the indentation, and whether it belongs to the line above"
            return YAMLProblem(.syntax, at: restOfLine(context), "expected `:` after this key", help: help)
        }
        let (message, help) = plainWords(byte)
        let isWhole = failure.context.hasSuffix(" a tag") || failure.context.hasSuffix(" a directive")
        let place = isWhole ? context : mark.offset < text.bytes.count ? mark : text.endOfContent
        return YAMLProblem(.syntax, at: after(place), message, help: help)
    }

    /// True if reading stopped at the end of the document.
    private var isAtEndOfDocument: Bool {
        let rest = text.bytes[min(mark.offset, text.bytes.count)...]
        return rest.isEmpty
            || mark.column == 1 && (rest.starts(with: Array("---".utf8)) || rest.starts(with: Array("...".utf8)))
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
        case "did not find expected <document start>":
            return ("a second document needs a `---` line before it", "check the indentation, or add `---`")
        case "did not find expected node content":
            return ("expected a value here", "put the value in quotes if it contains `,`, `]` or `}`")
        case "found unexpected ':'":
            return ("a `:` is not possible here", "put the value in quotes")
        case "mapping keys are not allowed in this context":
            return ("a `?` is not possible here", "put the value in quotes")
        case "block sequence entries are not allowed in this context":
            return ("a list cannot start here", "start it on a line of its own, or put the value in quotes")
        case "did not find expected alphabetic or numeric character":
            return ("expected the name of an anchor", "put the value in quotes if it starts with `&` or `*`")
        case _ where failure.context.hasSuffix(" a tag"):
            return ("`!` starts a tag, but this is not a valid tag", "put the value in quotes")
        case _ where failure.context.hasSuffix(" a directive"):
            let message = "`%` starts a directive here, but this is not a valid directive"
            return (message, "put the value in quotes, or indent it")
        default:
            return ([failure.problem, failure.context].filter { !$0.isEmpty }.joined(separator: " "), nil)
        }
    }

    private func placeholderProblem(at offset: Int) -> YAMLProblem {
        let start = text.mark(at: offset)
        let end = YAMLMark(line: start.line, column: start.column + 2, offset: offset + 2)
        let help = "put the whole value in quotes: \"{{name}}\""
        let message = "`{{` starts a mapping in YAML, not a placeholder"
        return YAMLProblem(.syntax, at: YAMLRange(start: start, end: end), message, help: help)
    }

    /// Finds the first `{{` of a line that begins a value and is not in quotes.
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

    /// Returns the range from a place to the last character of its line.
    private func restOfLine(_ start: YAMLMark) -> YAMLRange {
        let rest = text.line(around: start.offset)[start.offset...]
        let end = (rest.lastIndex { $0 != 0x20 && $0 != 0x09 } ?? start.offset) + 1
        let length = text.count(from: start.offset, to: end).scalars
        return YAMLRange(start: start, end: YAMLMark(line: start.line, column: start.column + length, offset: end))
    }
}

extension SyntaxExplanation {
    /// The problem of a wrong escape in double quotes; `nil` if the error is another.
    var escapeProblem: YAMLProblem? {
        switch failure.problem {
        // libyaml stops at the backslash for this error, and after the letter for the others.
        case "found unknown escape character": unknownEscape
        case "did not find expected hexdecimal number": shortEscape
        case "found invalid Unicode character escape code": impossibleEscape
        default: nil
        }
    }

    private var unknownEscape: YAMLProblem {
        let start = mark.offset
        var end = min(start + 2, text.bytes.count)
        while end < text.bytes.count, text.bytes[end] & 0xC0 == 0x80 { end += 1 }
        let escape = written(start..<end)
        let help = "write the backslash twice, or put the text in single quotes"
        return YAMLProblem(.syntax, at: range(start..<end), "unknown escape `\(escape)` in double quotes", help: help)
    }

    private var shortEscape: YAMLProblem {
        let start = mark.offset - 2
        let end = mark.offset + digits.count
        let letter = written(start..<mark.offset)
        let message = "`\(letter)` needs \(width) hexadecimal digits behind it"
        let example = letter + String(repeating: "0", count: width - 2) + "41"
        let help = "write it like `\(example)`, or write the backslash twice"
        return YAMLProblem(.syntax, at: range(start..<end), message, help: help)
    }

    private var impossibleEscape: YAMLProblem {
        let start = mark.offset - 2
        let end = mark.offset + digits.count
        let escape = written(start..<end)
        guard let code = UInt32(digits, radix: 16), (0xD800...0xDFFF).contains(code) else {
            let message = "no character has the code `\(escape)`"
            return YAMLProblem(.syntax, at: range(start..<end), message, help: "the last one is `\\U0010FFFF`")
        }
        let whole = pair(code, behind: end).map { " or as `\($0)`" } ?? ", or with `\\U` and its 8 digits"
        let help = "YAML has no surrogates as JSON does: write the character itself\(whole)"
        return YAMLProblem(.syntax, at: range(start..<end), "`\(escape)` is only half of a character", help: help)
    }

    /// Returns the escape of the character whose first half was read and whose second half follows.
    private func pair(_ high: UInt32, behind offset: Int) -> String? {
        let rest = text.bytes[offset...].prefix(6)
        guard high < 0xDC00, rest.count == 6, written(offset..<(offset + 2)) == "\\u",
            let low = UInt32(String(decoding: rest.dropFirst(2), as: UTF8.self), radix: 16),
            (0xDC00...0xDFFF).contains(low)
        else { return nil }
        let code = String(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00), radix: 16, uppercase: true)
        return "\\U" + String(repeating: "0", count: 8 - code.count) + code
    }

    /// The number of digits that the escape needs.
    private var width: Int {
        switch text.bytes[mark.offset - 1] {
        case UInt8(ascii: "x"): 2
        case UInt8(ascii: "u"): 4
        default: 8
        }
    }

    /// The digits that the escape has, at most as many as it needs.
    private var digits: String {
        let bytes = text.bytes[mark.offset...].prefix(width).prefix { Character(Unicode.Scalar($0)).isHexDigit }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func written(_ offsets: Range<Int>) -> String {
        String(decoding: text.bytes[offsets], as: UTF8.self)
    }

    /// Returns a range in the line of the mark.
    private func range(_ offsets: Range<Int>) -> YAMLRange {
        let column = mark.column - (mark.offset - offsets.lowerBound)
        let length = text.count(from: offsets.lowerBound, to: offsets.upperBound).scalars
        let start = YAMLMark(line: mark.line, column: column, offset: offsets.lowerBound)
        let end = YAMLMark(line: mark.line, column: column + length, offset: offsets.upperBound)
        return YAMLRange(start: start, end: end)
    }
}
