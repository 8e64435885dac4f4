/// Reads CSV as RFC 4180 describes it, from bytes that come in pieces cut anywhere.
///
/// Quoted fields may hold commas, doubled quotes and line breaks; lines end with LF or CRLF; a byte order mark at the
/// start is skipped. A record that is malformed costs only its first line: reading goes on with the next line, so a
/// quote that is never closed does not swallow the rest of the file.
struct CSVReader {
    /// What the reader found.
    enum Event: Equatable {
        /// ``CSVReader/record`` has the next record.
        case record
        case malformed(line: Int, message: String)
        /// All bytes so far are read, up to a record that may not be complete.
        case needsBytes
    }

    /// The longest record, in bytes.
    static let maximumRecord = 1 << 20

    private(set) var record = CSVRecord()
    private var buffer: [UInt8] = []
    private var position = 0
    private var line = 1
    private var isAtStart = true
    /// Within a line that is too long to be kept, up to its end.
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

    /// Reads on.
    ///
    /// - Parameter isLast: No more bytes will be added, so the end of the bytes ends the last record.
    /// - Returns: What comes next.
    mutating func next(isLast: Bool) -> Event {
        if isAtStart {
            guard isLast || buffer.count >= 3 else { return .needsBytes }
            if buffer.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
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

    private mutating func skipMalformed(_ message: String) -> Event {
        let start = line
        skipLine()
        return .malformed(line: start, message: message)
    }

    /// Goes on after the next line break, wherever it stands.
    private mutating func skipLine() {
        if let end = buffer[position...].firstIndex(of: UInt8(ascii: "\n")) {
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

    /// Reads one record from `position` on.
    private mutating func scan(isLast: Bool) -> Scan {
        record.reset(line: line)
        var state = State.fieldStart
        var lines = 1
        // A second reference, so that the record may change while the bytes are looked at.
        let buffer = buffer
        let bytes = buffer.span
        var index = position
        let limit = min(bytes.count, position + Self.maximumRecord + 1)
        while index < limit {
            let byte = bytes[index]
            index += 1
            if state == .quoted {
                switch byte {
                case Self.quote: state = .quote
                case Self.lineFeed:
                    lines += 1
                    record.append(byte)
                default: record.append(byte)
                }
                continue
            }
            switch byte {
            case Self.comma:
                record.endField()
                state = .fieldStart
            case Self.lineFeed:
                record.endField()
                return .complete(end: index, lines: lines)
            case Self.return where index < bytes.count ? bytes[index] == Self.lineFeed : true:
                // The line feed comes next; if it is not there yet, the record is not complete either.
                continue
            case Self.quote:
                switch state {
                case .fieldStart: state = .quoted
                case .quote:
                    record.append(byte)
                    state = .quoted
                default: return .malformed("a quote stands within a field; put the field in quotes and double it")
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
    private static let comma = UInt8(ascii: ",")
    private static let lineFeed = UInt8(ascii: "\n")
    private static let `return` = UInt8(ascii: "\r")
}
