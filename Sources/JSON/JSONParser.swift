extension JSONValue {
    /// Reads one JSON text (RFC 8259) in UTF-8; whole numbers that fit become integers.
    ///
    /// - Parameters:
    ///   - bytes: The text.
    ///   - isLenient: True to accept JSON that ``JSONValue`` cannot represent. Half of a surrogate pair, or a byte that
    ///     is not UTF-8, becomes a replacement character. The last value of a repeated key counts. A number out of
    ///     range, and values nested more than 128 deep, become null. Use it for texts of other systems that cannot be
    ///     sent back.
    /// - Throws: ``JSONError`` with the byte where the text stops being JSON.
    public init(parsing bytes: some Collection<UInt8>, isLenient: Bool = false) throws(JSONError) {
        var parser = JSONParser(Array(bytes), isLenient: isLenient)
        self = try parser.parse()
    }

    /// Reads one JSON text.
    ///
    /// - Throws: ``JSONError`` with the byte where the text stops being JSON.
    public init(parsing text: String) throws(JSONError) {
        try self.init(parsing: text.utf8)
    }
}

/// A parser of JSON that works on bytes.
struct JSONParser {
    private let bytes: [UInt8]
    private let isLenient: Bool
    private var offset = 0
    private var depth = 0

    init(_ bytes: [UInt8], isLenient: Bool) {
        self.bytes = bytes
        self.isLenient = isLenient
    }

    mutating func parse() throws(JSONError) -> JSONValue {
        let value = try value()
        skipSpace()
        guard offset == bytes.count else { throw .unexpected("text after the value", offset: offset) }
        return value
    }

    private mutating func value() throws(JSONError) -> JSONValue {
        skipSpace()
        switch try peek() {
        case UInt8(ascii: "{"): return try nested { (self: inout Self) throws(JSONError) in try self.object() }
        case UInt8(ascii: "["): return try nested { (self: inout Self) throws(JSONError) in try self.array() }
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func nested(
        _ body: (inout Self) throws(JSONError) -> JSONValue
    ) throws(JSONError) -> JSONValue {
        guard depth < 128 else {
            guard isLenient else { throw .tooDeep(offset: offset) }
            try skipNested()
            return .null
        }
        depth += 1
        offset += 1
        let value = try body(&self)
        depth -= 1
        return value
    }

    private mutating func object() throws(JSONError) -> JSONValue {
        var fields: [(key: String, value: JSONValue)] = []
        /// The keys, once there are too many for a linear search.
        var keys: Set<String> = []
        var isRepeating = false
        skipSpace()
        if try skip(UInt8(ascii: "}")) { return .object(JSONObject()) }
        repeat {
            skipSpace()
            let start = offset
            guard try peek() == UInt8(ascii: "\"") else {
                throw .unexpected("expected a key in quotes", offset: offset)
            }
            let key = try string()
            skipSpace()
            guard try skip(UInt8(ascii: ":")) else { throw .unexpected("expected `:`", offset: offset) }
            let value = try value()
            if fields.count == 16 { keys = Set(fields.map(\.key)) }
            let isNew = fields.count < 16 ? !fields.contains { $0.key == key } : keys.insert(key).inserted
            guard isNew || isLenient else { throw .duplicateKey(key, offset: start) }
            isRepeating = isRepeating || !isNew
            fields.append((key, value))
            skipSpace()
        } while try skip(UInt8(ascii: ","))
        guard try skip(UInt8(ascii: "}")) else { throw .unexpected("expected `,` or `}`", offset: offset) }
        guard isRepeating else { return .object(JSONObject(unique: fields)) }
        return .object(Dictionary(fields.map { ($0.key, $0.value) }) { _, last in last })
    }

    /// Skips an array or object that is nested too deep, without reading it.
    private mutating func skipNested() throws(JSONError) {
        var open = 0
        repeat {
            switch try peek() {
            case UInt8(ascii: "["), UInt8(ascii: "{"): open += 1
            case UInt8(ascii: "]"), UInt8(ascii: "}"): open -= 1
            case UInt8(ascii: "\""):
                _ = try string()
                continue
            default: break
            }
            offset += 1
        } while open > 0
    }

    private mutating func array() throws(JSONError) -> JSONValue {
        var items: [JSONValue] = []
        skipSpace()
        if try skip(UInt8(ascii: "]")) { return .array(items) }
        repeat {
            items.append(try value())
            skipSpace()
        } while try skip(UInt8(ascii: ","))
        guard try skip(UInt8(ascii: "]")) else { throw .unexpected("expected `,` or `]`", offset: offset) }
        return .array(items)
    }

    private mutating func number() throws(JSONError) -> JSONValue {
        let start = offset
        if bytes[offset] == UInt8(ascii: "-") { offset += 1 }
        let integral = skipDigits()
        let first = bytes[start] == UInt8(ascii: "-") ? start + 1 : start
        guard integral > 0, integral == 1 || bytes[first] != UInt8(ascii: "0") else {
            throw .unexpected("expected a value", offset: start)
        }
        var isWhole = true
        if offset < bytes.count, bytes[offset] == UInt8(ascii: ".") {
            isWhole = false
            offset += 1
            guard skipDigits() > 0 else { throw .unexpected("expected a digit", offset: offset) }
        }
        if offset < bytes.count, bytes[offset] | 0x20 == UInt8(ascii: "e") {
            isWhole = false
            offset += 1
            if offset < bytes.count, bytes[offset] == 0x2B || bytes[offset] == 0x2D { offset += 1 }
            guard skipDigits() > 0 else { throw .unexpected("expected a digit", offset: offset) }
        }
        let text = String(decoding: bytes[start..<offset], as: UTF8.self)
        if isWhole, let integer = Int(text) { return .integer(integer) }
        if let number = Double(text), number.isFinite { return .number(number) }
        guard isLenient else { throw .unexpected("number out of range", offset: start) }
        return .null
    }

    private mutating func skipDigits() -> Int {
        let start = offset
        while offset < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[offset]) { offset += 1 }
        return offset - start
    }

    private mutating func string() throws(JSONError) -> String {
        offset += 1
        let start = offset
        var seen: UInt8 = 0
        while offset < bytes.count, Self.isPlain(bytes[offset]) {
            seen |= bytes[offset]
            offset += 1
        }
        // Most strings have no escapes, and are read in place; ASCII needs no validation.
        if offset < bytes.count, bytes[offset] == UInt8(ascii: "\"") {
            let plain = bytes[start..<offset]
            let string = seen < 0x80 ? String(decoding: plain, as: UTF8.self) : try text(plain)
            offset += 1
            return string
        }
        return try string(after: Array(bytes[start..<offset]))
    }

    /// Makes a string of bytes that end at the current offset.
    private func text(_ bytes: some Collection<UInt8>) throws(JSONError) -> String {
        if let string = String(validating: bytes, as: UTF8.self) { return string }
        guard isLenient else { throw .unexpected("string that is not UTF-8", offset: offset) }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }

    /// Reads the rest of a string whose first bytes have been read.
    private mutating func string(after first: [UInt8]) throws(JSONError) -> String {
        var text = first
        while true {
            let byte = try peek()
            if byte == UInt8(ascii: "\"") {
                let string = try self.text(text)
                offset += 1
                return string
            }
            offset += 1
            switch byte {
            case UInt8(ascii: "\\"): try escape(into: &text)
            case ..<0x20: throw .unexpected("control character in a string", offset: offset - 1)
            default: text.append(byte)
            }
        }
    }

    private mutating func escape(into text: inout [UInt8]) throws(JSONError) {
        let byte = try peek()
        offset += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"): text += Array(String(Character(try unicodeEscape())).utf8)
        default: throw .unexpected("unknown escape", offset: offset - 1)
        }
    }

    private mutating func unicodeEscape() throws(JSONError) -> Unicode.Scalar {
        let start = offset
        let high = try hex()
        if let scalar = Unicode.Scalar(high) { return scalar }
        let end = offset
        if high < 0xDC00, offset + 1 < bytes.count, bytes[offset] == UInt8(ascii: "\\"),
            bytes[offset + 1] == UInt8(ascii: "u")
        {
            offset += 2
            let low = try hex()
            if (0xDC00...0xDFFF).contains(low),
                let scalar = Unicode.Scalar(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
            {
                return scalar
            }
        }
        guard isLenient else { throw .unexpected("half of a surrogate pair", offset: start) }
        // The text that follows is a separate character.
        offset = end
        return "\u{FFFD}"
    }

    private mutating func hex() throws(JSONError) -> UInt32 {
        guard offset + 4 <= bytes.count else { throw .endOfText }
        var value: UInt32 = 0
        for byte in bytes[offset..<(offset + 4)] {
            guard let digit = UInt8(hexDigit: byte) else {
                throw .unexpected("expected four hexadecimal digits", offset: offset)
            }
            value = value << 4 | UInt32(digit)
        }
        offset += 4
        return value
    }

    private mutating func word(_ word: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        let expected = Array(String(describing: word).utf8)
        guard bytes[offset...].starts(with: expected) else { throw .unexpected("expected a value", offset: offset) }
        offset += expected.count
        return value
    }

    private func peek() throws(JSONError) -> UInt8 {
        guard offset < bytes.count else { throw .endOfText }
        return bytes[offset]
    }

    private mutating func skip(_ byte: UInt8) throws(JSONError) -> Bool {
        guard try peek() == byte else { return false }
        offset += 1
        return true
    }

    private mutating func skipSpace() {
        while offset < bytes.count {
            let byte = bytes[offset]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
            offset += 1
        }
    }
}

/// An error of a text that is not JSON.
public enum JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    case unexpected(String, offset: Int)
    case endOfText
    case tooDeep(offset: Int)
    case duplicateKey(String, offset: Int)

    /// The problem and the byte where it is.
    public var description: String {
        switch self {
        case .unexpected(let what, let offset): "invalid JSON at byte \(offset): \(what)"
        case .endOfText: "invalid JSON: the text ends too early"
        case .tooDeep(let offset): "invalid JSON at byte \(offset): values are nested more than 128 deep"
        case .duplicateKey(let key, let offset): "invalid JSON at byte \(offset): duplicate key `\(key)`"
        }
    }
}
