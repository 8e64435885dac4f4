extension SourceText {
    /// Says why the bytes at an offset are no text that YAML allows.
    static func encodingProblem(_ bytes: [UInt8], at offset: Int, contentStart: Int) -> YAMLProblem {
        let mark = mark(bytes, at: offset, contentStart: contentStart)
        let end = YAMLMark(line: mark.line, column: mark.column + 1, offset: offset + 1)
        let range = YAMLRange(start: mark, end: end)
        let byte = bytes[offset]
        if let encoding = otherEncoding(bytes) {
            return YAMLProblem(.encoding, at: range, "the file is \(encoding) text", help: "save the file as UTF-8")
        }
        if byte < 0x20 || byte == 0x7F {
            let help = "remove it, or write it as an escape in double quotes"
            return YAMLProblem(.encoding, at: range, "control character \(hex(byte)) in the text", help: help)
        }
        if let scalar = scalar(bytes, at: offset) {
            let code = String(scalar.value, radix: 16, uppercase: true)
            let padded = String(repeating: "0", count: max(0, 4 - code.count)) + code
            let help = "remove it, or write it as an escape in double quotes"
            let endsLine = [0x85, 0x2028, 0x2029].contains(scalar.value)
            let why = endsLine ? "ends a line for some programs only" : "is not allowed in YAML"
            return YAMLProblem(.encoding, at: range, "character U+\(padded) \(why)", help: help)
        }
        let help = "save the file as UTF-8"
        return YAMLProblem(.encoding, at: range, "byte \(hex(byte)) is not valid UTF-8 text here", help: help)
    }

    private static func mark(_ bytes: [UInt8], at offset: Int, contentStart: Int) -> YAMLMark {
        var (line, column) = (1, 1)
        for index in contentStart..<offset {
            if isBreak(bytes, at: index) {
                (line, column) = (line + 1, 1)
            } else if bytes[index] & 0xC0 != 0x80 {
                column += 1
            }
        }
        return YAMLMark(line: line, column: column, offset: offset)
    }

    /// Tells UTF-16 and UTF-32 by their byte order mark, or by the zeros beside the first character.
    private static func otherEncoding(_ bytes: [UInt8]) -> String? {
        let zeros = bytes.prefix(4).map { $0 == 0 }
        if bytes.starts(with: [0xFF, 0xFE, 0, 0]) || bytes.starts(with: [0, 0, 0xFE, 0xFF]) { return "UTF-32" }
        if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) { return "UTF-16" }
        if zeros == [false, true, true, true] || zeros == [true, true, true, false] { return "UTF-32" }
        return zeros == [false, true, false, true] || zeros == [true, false, true, false] ? "UTF-16" : nil
    }

    private static func scalar(_ bytes: [UInt8], at offset: Int) -> Unicode.Scalar? {
        for length in 2...4 where offset + length <= bytes.count {
            if let text = String(validating: bytes[offset..<(offset + length)], as: UTF8.self) {
                return text.unicodeScalars.first
            }
        }
        return nil
    }

    private static func hex(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16, uppercase: true)
        return "0x" + (digits.count == 1 ? "0" : "") + digits
    }
}
