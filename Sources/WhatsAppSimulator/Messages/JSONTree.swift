/// A JSON value as requests bring it; read much faster than through `Decodable`, and with the keys in their order.
enum JSONTree: Sendable {
    case null
    case bool(Bool)
    /// A number as it is written.
    case number(String)
    case string(String)
    case array([JSONTree])
    case object([(key: String, value: JSONTree)])

    /// Reads a whole text in UTF-8; `nil` for what is no JSON, and for what is too unusual to be read here: numbers in
    /// odd forms, surrogate pairs as escapes, keys given twice, and values more than 64 deep.
    init?(_ text: UnsafeRawBufferPointer) {
        var reader = JSONTreeReader(text: text)
        guard let tree = reader.value(depth: 0), reader.isAtEnd else { return nil }
        self = tree
    }
}

private struct JSONTreeReader {
    private static let deepest = 64

    let text: UnsafeRawBufferPointer
    private var offset = 0

    init(text: UnsafeRawBufferPointer) { self.text = text }

    var isAtEnd: Bool {
        mutating get {
            skipSpace()
            return offset == text.count
        }
    }

    mutating func value(depth: Int) -> JSONTree? {
        skipSpace()
        guard offset < text.count, depth < Self.deepest else { return nil }
        switch text[offset] {
        case UInt8(ascii: "{"): return object(depth: depth)
        case UInt8(ascii: "["): return array(depth: depth)
        case UInt8(ascii: "\""): return string().map(JSONTree.string)
        case UInt8(ascii: "t"): return word("true", .bool(true))
        case UInt8(ascii: "f"): return word("false", .bool(false))
        case UInt8(ascii: "n"): return word("null", .null)
        default: return number()
        }
    }

    private mutating func object(depth: Int) -> JSONTree? {
        offset += 1
        var fields: [(key: String, value: JSONTree)] = []
        if skip(UInt8(ascii: "}")) { return .object(fields) }
        repeat {
            skipSpace()
            guard offset < text.count, text[offset] == UInt8(ascii: "\""), let key = string(), skip(UInt8(ascii: ":")),
                let value = value(depth: depth + 1), !fields.contains(where: { $0.key == key })
            else { return nil }
            fields.append((key, value))
        } while skip(UInt8(ascii: ","))
        return skip(UInt8(ascii: "}")) ? .object(fields) : nil
    }

    private mutating func array(depth: Int) -> JSONTree? {
        offset += 1
        var items: [JSONTree] = []
        if skip(UInt8(ascii: "]")) { return .array(items) }
        repeat {
            guard let item = value(depth: depth + 1) else { return nil }
            items.append(item)
        } while skip(UInt8(ascii: ","))
        return skip(UInt8(ascii: "]")) ? .array(items) : nil
    }

    /// Plain whole numbers and simple fractions.
    private mutating func number() -> JSONTree? {
        let start = offset
        if text[offset] == UInt8(ascii: "-") { offset += 1 }
        let integral = offset
        skipDigits()
        guard offset > integral, text[integral] != UInt8(ascii: "0") || offset == integral + 1 else { return nil }
        if offset < text.count, text[offset] == UInt8(ascii: ".") {
            offset += 1
            let fraction = offset
            skipDigits()
            guard offset > fraction else { return nil }
        }
        guard offset == text.count || text[offset] | 0x20 != UInt8(ascii: "e") else { return nil }
        return .number(String(decoding: text[start..<offset], as: UTF8.self))
    }

    private mutating func skipDigits() {
        while offset < text.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(text[offset]) { offset += 1 }
    }

    private mutating func string() -> String? {
        offset += 1
        let start = offset
        while offset < text.count {
            switch text[offset] {
            case UInt8(ascii: "\""):
                defer { offset += 1 }
                return String(validating: text[start..<offset], as: UTF8.self)
            case UInt8(ascii: "\\"): return escapedString(from: start)
            case ..<0x20: return nil
            default: offset += 1
            }
        }
        return nil
    }

    private mutating func escapedString(from start: Int) -> String? {
        var bytes = Array(text[start..<offset])
        while offset < text.count {
            let byte = text[offset]
            offset += 1
            switch byte {
            case UInt8(ascii: "\""): return String(validating: bytes, as: UTF8.self)
            case UInt8(ascii: "\\"):
                guard escape(into: &bytes) else { return nil }
            case ..<0x20: return nil
            default: bytes.append(byte)
            }
        }
        return nil
    }

    private mutating func escape(into bytes: inout [UInt8]) -> Bool {
        guard offset < text.count else { return false }
        let byte = text[offset]
        offset += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): bytes.append(byte)
        case UInt8(ascii: "b"): bytes.append(0x08)
        case UInt8(ascii: "f"): bytes.append(0x0C)
        case UInt8(ascii: "n"): bytes.append(0x0A)
        case UInt8(ascii: "r"): bytes.append(0x0D)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "u"):
            guard offset + 4 <= text.count else { return false }
            let digits = text[offset..<offset + 4]
            guard digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit && $0 < 0x80 }),
                let code = UInt32(String(decoding: digits, as: UTF8.self), radix: 16), let scalar = Unicode.Scalar(code)
            else { return false }
            offset += 4
            bytes.append(contentsOf: String(Character(scalar)).utf8)
        default: return false
        }
        return true
    }

    private mutating func word(_ word: StaticString, _ tree: JSONTree) -> JSONTree? {
        let isThere = word.withUTF8Buffer { word in
            text[offset...].prefix(word.count).elementsEqual(word)
        }
        guard isThere else { return nil }
        offset += word.utf8CodeUnitCount
        return tree
    }

    private mutating func skip(_ byte: UInt8) -> Bool {
        skipSpace()
        guard offset < text.count, text[offset] == byte else { return false }
        offset += 1
        return true
    }

    private mutating func skipSpace() {
        while offset < text.count {
            switch text[offset] {
            case 0x20, 0x0A, 0x0D, 0x09: offset += 1
            default: return
            }
        }
    }
}
