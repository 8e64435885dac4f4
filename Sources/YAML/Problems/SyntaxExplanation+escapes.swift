extension SyntaxExplanation {
    /// What is wrong with an escape in double quotes; `nil` if it is something else.
    var escapeProblem: YAMLProblem? {
        switch failure.problem {
        // libyaml stops at the backslash here, and behind the letter there.
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

    /// The escape of the character whose first half was read and whose second half follows.
    private func pair(_ high: UInt32, behind offset: Int) -> String? {
        let rest = text.bytes[offset...].prefix(6)
        guard high < 0xDC00, rest.count == 6, written(offset..<(offset + 2)) == "\\u",
            let low = UInt32(String(decoding: rest.dropFirst(2), as: UTF8.self), radix: 16),
            (0xDC00...0xDFFF).contains(low)
        else { return nil }
        let code = String(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00), radix: 16, uppercase: true)
        return "\\U" + String(repeating: "0", count: 8 - code.count) + code
    }

    /// How many digits the escape wants.
    private var width: Int {
        switch text.bytes[mark.offset - 1] {
        case UInt8(ascii: "x"): 2
        case UInt8(ascii: "u"): 4
        default: 8
        }
    }

    /// The digits that the escape has, as far as it wants them.
    private var digits: String {
        let bytes = text.bytes[mark.offset...].prefix(width).prefix { Character(Unicode.Scalar($0)).isHexDigit }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func written(_ offsets: Range<Int>) -> String {
        String(decoding: text.bytes[offsets], as: UTF8.self)
    }

    /// A range in the line of the mark.
    private func range(_ offsets: Range<Int>) -> YAMLRange {
        let column = mark.column - (mark.offset - offsets.lowerBound)
        let length = text.count(from: offsets.lowerBound, to: offsets.upperBound).scalars
        let start = YAMLMark(line: mark.line, column: column, offset: offsets.lowerBound)
        let end = YAMLMark(line: mark.line, column: column + length, offset: offsets.upperBound)
        return YAMLRange(start: start, end: end)
    }
}
