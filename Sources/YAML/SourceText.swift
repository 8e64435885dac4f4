/// The checked bytes of a text: valid UTF-8 without control characters, and the conversion of scalar positions to byte
/// offsets.
struct SourceText {
    let bytes: [UInt8]
    /// The offset of the content, after the byte order mark.
    let contentStart: Int
    let hasTab: Bool
    /// True if the text has a `#` and so may have comments.
    let hasHash: Bool
    /// True if the text may have conflict markers.
    let hasAngle: Bool
    /// The byte offset of every 64th scalar; empty for ASCII, where both counts agree.
    private let checkpoints: [Int]

    private static let stride = 64

    /// Checks a text before libyaml sees it, so that encoding problems have a place.
    static func check(_ bytes: [UInt8], limit: Int) -> Result<SourceText, YAMLProblem> {
        let start = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        guard bytes.count <= limit else {
            let zero = YAMLMark(line: 1, column: 1, offset: 0)
            let message = "the file is larger than \(limit) bytes"
            let range = YAMLRange(start: zero, end: zero)
            return .failure(YAMLProblem(.tooLarge, at: range, message, help: "split it into several files"))
        }
        var offset = start
        var hasTab = false
        var hasHash = false
        var hasAngle = false
        var isASCII = true
        while offset < bytes.count {
            let byte = bytes[offset]
            if byte >= 0x20, byte < 0x7F {
                hasHash = hasHash || byte == UInt8(ascii: "#")
                hasAngle = hasAngle || byte == UInt8(ascii: "<") || byte == UInt8(ascii: ">")
                offset += 1
            } else if byte == 0x0A || byte == 0x0D || byte == 0x09 {
                hasTab = hasTab || byte == 0x09
                offset += 1
            } else if let length = allowedLength(bytes, at: offset) {
                isASCII = false
                offset += length
            } else {
                return .failure(encodingProblem(bytes, at: offset, contentStart: start))
            }
        }
        let marks = Marks(hasTab: hasTab, hasHash: hasHash, hasAngle: hasAngle, isASCII: isASCII)
        return .success(SourceText(bytes, contentStart: start, marks))
    }

    /// The characters of a text that are worth a second look.
    private struct Marks {
        let hasTab: Bool
        let hasHash: Bool
        let hasAngle: Bool
        let isASCII: Bool
    }

    private init(_ bytes: [UInt8], contentStart: Int, _ marks: Marks) {
        self.bytes = bytes
        self.contentStart = contentStart
        (hasTab, hasHash, hasAngle) = (marks.hasTab, marks.hasHash, marks.hasAngle)
        var checkpoints: [Int] = []
        if !marks.isASCII {
            var index = 0
            for offset in contentStart..<bytes.count where bytes[offset] & 0xC0 != 0x80 {
                if index % Self.stride == 0 { checkpoints.append(offset) }
                index += 1
            }
        }
        self.checkpoints = checkpoints
    }

    /// Returns the length of the allowed scalar at an offset that is not printable ASCII, or `nil`.
    private static func allowedLength(_ bytes: [UInt8], at offset: Int) -> Int? {
        let lead = bytes[offset]
        let length: Int
        var scalar: UInt32
        switch lead {
        case 0xC2...0xDF: (length, scalar) = (2, UInt32(lead & 0x1F))
        case 0xE0...0xEF: (length, scalar) = (3, UInt32(lead & 0x0F))
        case 0xF0...0xF4: (length, scalar) = (4, UInt32(lead & 0x07))
        default: return nil
        }
        guard offset + length <= bytes.count else { return nil }
        for byte in bytes[(offset + 1)..<(offset + length)] {
            guard byte & 0xC0 == 0x80 else { return nil }
            scalar = scalar << 6 | UInt32(byte & 0x3F)
        }
        switch (length, scalar) {
        // NEL, LS and PS end a line for libyaml, but for no editor.
        case (3, 0x2028...0x2029): return nil
        case (2, 0xA0...), (3, 0x800...0xD7FF), (4, 0x10000...0x10FFFF): return length
        case (3, 0xE000...0xFFFD): return scalar == 0xFEFF ? nil : length
        default: return nil
        }
    }

    /// True if the text has no line break at its end.
    var endsInLine: Bool { bytes.count > contentStart && !isBreak(at: bytes.count - 1) }

    /// Returns the byte offset of a scalar, both counted from the start of the content.
    func offset(ofScalar index: Int) -> Int {
        guard !checkpoints.isEmpty else { return min(contentStart + index, bytes.count) }
        let checkpoint = index / Self.stride
        guard checkpoint < checkpoints.count else { return bytes.count }
        var offset = checkpoints[checkpoint]
        var left = index % Self.stride
        while left > 0, offset < bytes.count {
            offset += 1
            while offset < bytes.count, bytes[offset] & 0xC0 == 0x80 { offset += 1 }
            left -= 1
        }
        return offset
    }

    /// Counts the scalars and line breaks between two offsets.
    func count(from start: Int, to end: Int) -> (scalars: Int, lines: Int) {
        var scalars = 0
        var lines = 0
        for offset in start..<end {
            let byte = bytes[offset]
            if byte & 0xC0 != 0x80 { scalars += 1 }
            if isBreak(at: offset) { lines += 1 }
        }
        return (scalars, lines)
    }

    /// Returns true if the byte is the last one of a line break: LF, CR or CR LF.
    func isBreak(at offset: Int) -> Bool {
        Self.isBreak(bytes, at: offset)
    }

    static func isBreak(_ bytes: [UInt8], at offset: Int) -> Bool {
        switch bytes[offset] {
        case 0x0A: true
        case 0x0D: offset + 1 >= bytes.count || bytes[offset + 1] != 0x0A
        default: false
        }
    }

    /// The place after the last character that is not a blank.
    ///
    /// Problems at the end of a text are shown here, because libyaml ends the last line even without a line break.
    var endOfContent: YAMLMark {
        let last = bytes.lastIndex { $0 != 0x20 && $0 != 0x09 && $0 != 0x0A && $0 != 0x0D } ?? contentStart - 1
        return mark(at: max(last + 1, contentStart))
    }

    /// Returns the place of a byte.
    func mark(at offset: Int) -> YAMLMark {
        let lineStart = bytes[..<offset].lastIndex { $0 == 0x0A || $0 == 0x0D }.map { $0 + 1 } ?? contentStart
        let line = count(from: contentStart, to: lineStart).lines + 1
        return YAMLMark(line: line, column: count(from: lineStart, to: offset).scalars + 1, offset: offset)
    }

    /// Returns the start of the next line after an offset that begins with `---`.
    func nextDocument(after offset: Int) -> Int? {
        var index = max(offset, contentStart)
        while index + 2 < bytes.count {
            let isLineStart = index == contentStart || bytes[index - 1] == 0x0A || bytes[index - 1] == 0x0D
            if isLineStart, bytes[index] == 0x2D, bytes[index + 1] == 0x2D, bytes[index + 2] == 0x2D {
                let next = index + 3 < bytes.count ? bytes[index + 3] : 0x0A
                if next == 0x0A || next == 0x0D || next == 0x20 || next == 0x09 { return index }
            }
            index += 1
        }
        return nil
    }

    /// Returns the bytes of the line of an offset, without its end.
    func line(around offset: Int) -> ArraySlice<UInt8> {
        let at = min(offset, bytes.count)
        let start = bytes[..<at].lastIndex { $0 == 0x0A || $0 == 0x0D }.map { $0 + 1 } ?? contentStart
        let end = bytes[at...].firstIndex { $0 == 0x0A || $0 == 0x0D } ?? bytes.count
        return bytes[min(start, end)..<end]
    }
}

extension SourceText {
    /// Finds the conflict markers of version control, wherever they are: a text with one would be sent as it is.
    ///
    /// - Parameter limit: The maximum number of problems.
    /// - Returns: A problem for each `<<<<<<<`, and for each `>>>>>>>` that ends a line's indentation without one before.
    func conflictMarkers(limit: Int) -> [YAMLProblem] {
        guard hasAngle else { return [] }
        var problems: [YAMLProblem] = []
        var isOpen = false
        var offset = contentStart
        while offset < bytes.count, problems.count < limit {
            let byte = bytes[offset]
            guard byte == UInt8(ascii: "<") || byte == UInt8(ascii: ">") else {
                offset += 1
                continue
            }
            let end = bytes[offset...].firstIndex { $0 != byte } ?? bytes.count
            if end - offset == 7 {
                let opens = byte == UInt8(ascii: "<")
                if opens || (!isOpen && startsLine(at: offset)) {
                    let range = YAMLRange(start: mark(at: offset), end: mark(at: end))
                    problems.append(.conflictMarker(opens ? "<<<<<<<" : ">>>>>>>", at: range))
                }
                isOpen = opens
            }
            offset = end
        }
        return problems
    }

    /// Returns true if only spaces are between the start of the line and an offset.
    private func startsLine(at offset: Int) -> Bool {
        let before = bytes[contentStart..<offset].last { $0 != 0x20 && $0 != 0x09 }
        return before.map { $0 == 0x0A || $0 == 0x0D } ?? true
    }

    /// Explains why YAML does not allow the bytes at an offset.
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

    /// Recognises UTF-16 and UTF-32 by their byte order mark, or by the zeros beside the first character.
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
