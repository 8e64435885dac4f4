/// Reads CSV (RFC 4180) from chunks of bytes.
///
/// The separator is the one of comma, semicolon, tab and bar that the first line has most of, outside quotes; a first line
/// `sep=;`, by which spreadsheets name it, is skipped. Quoted fields may contain separators, doubled quotes and line breaks;
/// lines end with LF, CRLF, or CR alone in a file without line feeds; a byte order mark at the start is skipped. A field `="0712"`, by
/// which programs tell spreadsheets that a number is a text, is that text. After a malformed record, reading continues with the
/// line after its first one, so that an unclosed quote does not swallow the rest of the file.
struct CSVReader {
    enum Event: Equatable {
        /// ``CSVReader/record`` has the next record.
        case record
        case malformed(line: Int, message: String)
        /// All bytes are read, up to a record that may be incomplete.
        case needsBytes
    }

    /// Maximum length of a record in bytes.
    static let maximumRecord = 1 << 20

    private(set) var record = CSVRecord()
    /// The line that was skipped after ``Event/malformed(line:message:)``, without its end.
    private(set) var malformedLine: [UInt8] = []
    private var separator = UInt8(ascii: ",")
    /// The end of a line; CR in files of old versions of Excel for the Mac.
    private var lineEnd = CSVReader.lineFeed
    private var buffer: [UInt8] = []
    private var position = 0
    private var line = 1
    private var isAtStart = true
    /// True while the rest of a line that is too long is skipped.
    private var isSkippingLine = false

    /// Adds the next bytes of the file.
    mutating func append(_ bytes: [UInt8]) {
        if position == buffer.count {
            buffer = bytes
        } else {
            buffer.removeFirst(position)
            buffer += bytes
        }
        position = 0
    }

    /// Reads the next record.
    ///
    /// - Parameter isLast: True if no more bytes follow, so that the last record is complete.
    /// - Returns: The result.
    mutating func next(isLast: Bool) -> Event {
        if isAtStart {
            guard isLast || hasLineFeed || buffer.count > Self.maximumRecord else { return .needsBytes }
            readStart()
            isAtStart = false
        }
        if isSkippingLine { skipLine() }
        while position < buffer.count {
            switch scan(isLast: isLast) {
            case .complete(let end, let lines):
                position = end
                line += lines
                if record.isBlank { continue }
                return .record
            case .malformed(let message):
                return skipMalformed(message)
            case .incomplete:
                guard buffer.count - position > Self.maximumRecord else { return .needsBytes }
                return skipMalformed("the record is longer than 1 MiB; is a quote never closed?")
            }
        }
        return .needsBytes
    }

    /// Skips the byte order mark, and finds the separator in the first line.
    private mutating func readStart() {
        if buffer.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
        let first = buffer[position...].prefix { $0 != Self.lineFeed && $0 != Self.return }
        let next = buffer[first.endIndex...].prefix(2)
        if !hasLineFeed, next.first == Self.return, next.last != Self.lineFeed { lineEnd = Self.return }
        if first.count == 5, String(decoding: first, as: UTF8.self).lowercased().hasPrefix("sep="),
            let named = first.last
        {
            separator = named
            skipLine()
            return
        }
        var counts: [UInt8: Int] = [:]
        var isQuoted = false
        for byte in first {
            if byte == Self.quote { isQuoted.toggle() }
            if !isQuoted, Self.separators.contains(byte) { counts[byte, default: 0] += 1 }
        }
        let most = counts.values.max() ?? 0
        separator = Self.separators.first { counts[$0] == most } ?? separator
    }

    /// True if there is a line feed outside quotes; a CR is a part of a field then.
    private var hasLineFeed: Bool {
        var isQuoted = false
        return buffer[position...].contains { byte in
            if byte == Self.quote { isQuoted.toggle() }
            return byte == Self.lineFeed && !isQuoted
        }
    }

    private mutating func skipMalformed(_ message: String) -> Event {
        let start = line
        malformedLine = Array(buffer[position...].prefix { $0 != Self.lineFeed && $0 != Self.return })
        skipLine()
        return .malformed(line: start, message: message)
    }

    /// Continues after the next line break, also one within quotes.
    private mutating func skipLine() {
        if let end = buffer[position...].firstIndex(of: lineEnd) {
            position = end + 1
            line += 1
            isSkippingLine = false
        } else {
            position = buffer.count
            isSkippingLine = true
        }
    }
}

extension CSVReader {
    private enum Scan {
        case complete(end: Int, lines: Int)
        case incomplete
        case malformed(String)
    }

    private enum State {
        case fieldStart, plain, quoted
        /// After a quote within a quoted field: the end of the field, or the first half of a doubled quote.
        case quote
    }

    /// Reads one record that begins at `position`.
    private mutating func scan(isLast: Bool) -> Scan {
        record.reset(line: line)
        var state = State.fieldStart
        var lines = 1
        // A second reference, so that the record may change while the bytes are read.
        let buffer = buffer
        let bytes = buffer.span
        var index = position
        let limit = min(bytes.count, position + Self.maximumRecord + 1)
        let (separator, lineEnd) = (separator, lineEnd)
        while index < limit {
            let byte = bytes[index]
            index += 1
            if state == .quoted {
                switch byte {
                case Self.quote: state = .quote
                case lineEnd:
                    lines += 1
                    record.append(byte)
                default: record.append(byte)
                }
                continue
            }
            switch byte {
            case separator:
                record.endField()
                state = .fieldStart
            case lineEnd:
                record.endField()
                return .complete(end: index, lines: lines)
            case Self.return where index < bytes.count ? bytes[index] == Self.lineFeed : true:
                // The line feed follows; if it has not arrived yet, the record is incomplete.
                continue
            case Self.quote:
                switch state {
                case .fieldStart: state = .quoted
                case .quote:
                    record.append(byte)
                    state = .quoted
                case .plain where record.dropEqualsSign(): state = .quoted
                default:
                    return .malformed("there is a quote within a field; put the field in quotes and double the quote")
                }
            default:
                guard state != .quote else {
                    return .malformed("text follows a closing quote; double the quotes within a field")
                }
                state = .plain
                record.append(byte)
            }
        }
        guard isLast, limit == bytes.count else { return .incomplete }
        if state == .quoted { return .malformed("a quote is never closed") }
        record.endField()
        return .complete(end: limit, lines: lines)
    }

    private static let quote = UInt8(ascii: "\"")
    private static let separators = [UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "\t"), UInt8(ascii: "|")]
    private static let lineFeed = UInt8(ascii: "\n")
    private static let `return` = UInt8(ascii: "\r")
}

/// One record of a CSV file: the bytes of its unquoted fields, and where each field ends.
struct CSVRecord {
    /// The line that it begins on, from 1.
    private(set) var line = 0
    private(set) var isASCII = true
    private var bytes: [UInt8] = []
    private var ends: [Int] = []

    var count: Int { ends.count }

    /// True for an empty line.
    var isBlank: Bool { ends.count == 1 && bytes.isEmpty }

    subscript(index: Int) -> ArraySlice<UInt8> {
        bytes[(index == 0 ? 0 : ends[index - 1])..<ends[index]]
    }

    /// Returns the record with each field changed.
    func mapped(_ transform: (ArraySlice<UInt8>) -> [UInt8]) -> CSVRecord {
        var record = self
        record.reset(line: line)
        record.isASCII = isASCII
        for index in 0..<count {
            record.bytes += transform(self[index])
            record.endField()
        }
        return record
    }

    mutating func reset(line: Int) {
        self.line = line
        isASCII = true
        bytes.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
    }

    mutating func append(_ byte: UInt8) {
        if byte >= 0x80 { isASCII = false }
        bytes.append(byte)
    }

    /// Removes an equals sign that is all of the present field.
    ///
    /// - Returns: False if the field has another text.
    mutating func dropEqualsSign() -> Bool {
        guard bytes.count == (ends.last ?? 0) + 1, bytes.last == UInt8(ascii: "=") else { return false }
        bytes.removeLast()
        return true
    }

    mutating func endField() { ends.append(bytes.count) }
}
