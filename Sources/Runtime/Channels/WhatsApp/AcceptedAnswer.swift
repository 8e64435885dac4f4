/// Finds the id in the answer to an accepted message, without decoding the rest.
///
/// `nil` only means that the answer has an unusual form: then it must be decoded with a full JSON parser.
struct AcceptedAnswer {
    private let text: UnsafeRawBufferPointer
    private var offset = 0

    /// Returns the id of the first message.
    static func messageID(in text: UnsafeRawBufferPointer) -> String? {
        var answer = AcceptedAnswer(text: text)
        guard let id = answer.messageID() else { return nil }
        return String(validating: text[id], as: UTF8.self)
    }

    private init(text: UnsafeRawBufferPointer) {
        self.text = text
    }

    private mutating func messageID() -> Range<Int>? {
        var id: Range<Int>?
        let isWhole = object { answer, key in
            guard id == nil, answer.text[key].elementsEqual("messages".utf8) else { return answer.skipValue(depth: 0) }
            id = answer.firstID()
            return id != nil
        }
        skipSpace()
        return isWhole && offset == text.count ? id : nil
    }

    private mutating func firstID() -> Range<Int>? {
        guard skip(UInt8(ascii: "[")) else { return nil }
        var id: Range<Int>?
        let isWhole = object { answer, key in
            guard id == nil, answer.text[key].elementsEqual("id".utf8) else { return answer.skipValue(depth: 0) }
            id = answer.string()
            return id != nil
        }
        guard isWhole, skip(UInt8(ascii: "]")) else { return nil }
        return id
    }

    /// Walks through an object that is not empty; `value` reads the value of a key.
    private mutating func object(_ value: (inout Self, _ key: Range<Int>) -> Bool) -> Bool {
        guard skip(UInt8(ascii: "{")) else { return false }
        repeat {
            guard let key = string(), skip(UInt8(ascii: ":")), value(&self, key) else { return false }
        } while skip(UInt8(ascii: ","))
        return skip(UInt8(ascii: "}"))
    }

    private mutating func skipValue(depth: Int) -> Bool {
        skipSpace()
        guard offset < text.count, depth < 8 else { return false }
        switch text[offset] {
        case UInt8(ascii: "\""): return string() != nil
        case UInt8(ascii: "{"): return object { answer, _ in answer.skipValue(depth: depth + 1) }
        case UInt8(ascii: "["):
            offset += 1
            repeat {
                guard skipValue(depth: depth + 1) else { return false }
            } while skip(UInt8(ascii: ","))
            return skip(UInt8(ascii: "]"))
        default: return skipWord()
        }
    }

    /// Skips a whole number, `true`, `false` or `null`.
    private mutating func skipWord() -> Bool {
        let start = offset
        while offset < text.count, Self.isWordByte(text[offset]) { offset += 1 }
        let word = text[start..<offset]
        let isNumber = !word.isEmpty && word.allSatisfy { $0 <= UInt8(ascii: "9") }
        return isNumber || ["true", "false", "null"].contains { word.elementsEqual($0.utf8) }
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
    }

    /// Returns the range of a string without escapes.
    private mutating func string() -> Range<Int>? {
        guard skip(UInt8(ascii: "\"")) else { return nil }
        let start = offset
        while offset < text.count {
            switch text[offset] {
            case UInt8(ascii: "\""):
                offset += 1
                return start..<offset - 1
            case UInt8(ascii: "\\"), ..<0x20: return nil
            default: offset += 1
            }
        }
        return nil
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
