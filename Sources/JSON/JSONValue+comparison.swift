internal import Glibc

extension JSONValue {
    /// Whether a JSON text says exactly this value, found without making a value of the text.
    ///
    /// `true` is certain. `false` may also mean that the text is written in a way that is not looked into here, such as
    /// numbers with a fraction or `\u` escapes: then read it, and compare the values.
    package func isWritten(as text: UnsafeRawBufferPointer) -> Bool {
        var comparison = JSONComparison(text: text)
        return comparison.matches(self) && comparison.isAtEnd
    }
}

extension String {
    /// Whether these are the bytes of the text.
    func isWritten(as bytes: UnsafeRawBufferPointer) -> Bool {
        let isSame = utf8.withContiguousStorageIfAvailable { own in
            guard own.count == bytes.count else { return false }
            guard let left = own.baseAddress, let right = bytes.baseAddress else { return true }
            return memcmp(left, right, bytes.count) == 0
        }
        return isSame ?? utf8.elementsEqual(bytes)
    }
}

/// Walks through a JSON text and a value side by side.
private struct JSONComparison {
    let text: UnsafeRawBufferPointer
    private var offset = 0

    init(text: UnsafeRawBufferPointer) {
        self.text = text
    }

    var isAtEnd: Bool {
        mutating get {
            skipSpace()
            return offset == text.count
        }
    }

    mutating func matches(_ value: JSONValue) -> Bool {
        skipSpace()
        switch value {
        case .null: return skip("null")
        case .bool(let flag): return flag ? skip("true") : skip("false")
        case .integer(let number): return matches(number)
        case .number: return false
        case .string(let string): return matches(string)
        case .array(let items): return matches(items)
        case .object(let fields): return matches(fields)
        }
    }

    private mutating func matches(_ number: Int) -> Bool {
        let start = offset
        while offset < text.count, text[offset] == UInt8(ascii: "-") || isDigit(text[offset]) { offset += 1 }
        if offset < text.count, [UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E")].contains(text[offset]) {
            return false
        }
        return String(number).utf8.elementsEqual(text[start..<offset])
    }

    private mutating func matches(_ string: String) -> Bool {
        guard skip(UInt8(ascii: "\"")) else { return false }
        return skipPlain(string) || skipEscaped(string)
    }

    /// Skips a text that is written without escapes, as most are; stays where it is if it cannot.
    private mutating func skipPlain(_ string: String) -> Bool {
        let end = offset + string.utf8.count
        guard end < text.count, text[end] == UInt8(ascii: "\"") else { return false }
        let written = UnsafeRawBufferPointer(rebasing: text[offset..<end])
        // A quote in there would have ended the text sooner, and a backslash begins an escape.
        guard string.isWritten(as: written), !written.has("\""), !written.has("\\") else { return false }
        offset = end + 1
        return true
    }

    private mutating func skipEscaped(_ string: String) -> Bool {
        for byte in string.utf8 {
            guard offset < text.count else { return false }
            let written = text[offset]
            if written != byte || written == UInt8(ascii: "\\") || written == UInt8(ascii: "\"") {
                guard written == UInt8(ascii: "\\"), escape(at: offset + 1) == byte else { return false }
                offset += 1
            }
            offset += 1
        }
        return skip(UInt8(ascii: "\""))
    }

    /// What an escape stands for; `nil` for one that stands for more than one byte.
    private func escape(at offset: Int) -> UInt8? {
        guard offset < text.count else { return nil }
        switch text[offset] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return text[offset]
        case UInt8(ascii: "n"): return 0x0A
        case UInt8(ascii: "r"): return 0x0D
        case UInt8(ascii: "t"): return 0x09
        default: return nil
        }
    }

    private mutating func matches(_ items: [JSONValue]) -> Bool {
        guard skip(UInt8(ascii: "[")) else { return false }
        for (index, item) in items.enumerated() {
            skipSpace()
            guard index == 0 || skip(UInt8(ascii: ",")), matches(item) else { return false }
        }
        skipSpace()
        return skip(UInt8(ascii: "]"))
    }

    /// Keys come in any order; as many as there are fields, each of which is one, are all of them if none comes twice.
    private mutating func matches(_ fields: JSONObject) -> Bool {
        guard skip(UInt8(ascii: "{")), fields.count <= UInt64.bitWidth else { return false }
        var seen: UInt64 = 0
        for index in 0..<fields.count {
            skipSpace()
            guard index == 0 || skip(UInt8(ascii: ",")) else { return false }
            skipSpace()
            guard let key = key(), let position = fields.position(ofBytes: key) else { return false }
            guard seen & 1 << UInt64(position) == 0 else { return false }
            seen |= 1 << UInt64(position)
            skipSpace()
            guard skip(UInt8(ascii: ":")), matches(fields[position].value) else { return false }
        }
        skipSpace()
        return skip(UInt8(ascii: "}"))
    }

    /// A key without escapes.
    private mutating func key() -> UnsafeRawBufferPointer? {
        guard skip(UInt8(ascii: "\"")) else { return nil }
        let start = offset
        while offset < text.count, text[offset] != UInt8(ascii: "\"") {
            guard text[offset] != UInt8(ascii: "\\") else { return nil }
            offset += 1
        }
        let key = UnsafeRawBufferPointer(rebasing: text[start..<offset])
        return skip(UInt8(ascii: "\"")) ? key : nil
    }

    private func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private mutating func skip(_ byte: UInt8) -> Bool {
        guard offset < text.count, text[offset] == byte else { return false }
        offset += 1
        return true
    }

    private mutating func skip(_ word: StaticString) -> Bool {
        for index in 0..<word.utf8CodeUnitCount {
            guard skip(word.utf8Start[index]) else { return false }
        }
        return true
    }

    private mutating func skipSpace() {
        while offset < text.count {
            let byte = text[offset]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
            offset += 1
        }
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func has(_ byte: Unicode.Scalar) -> Bool {
        guard let start = baseAddress else { return false }
        return memchr(start, Int32(byte.value), count) != nil
    }
}
