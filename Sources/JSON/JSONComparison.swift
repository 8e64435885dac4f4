internal import Glibc

extension JSONValue {
    /// True if a JSON text has exactly this value; the text is compared without being parsed into a value.
    ///
    /// `true` is certain. `false` may also mean that the text uses a form that is not handled here, such as numbers
    /// with a fraction or `\u` escapes. In that case parse the text and compare the values.
    package func isWritten(as text: UnsafeRawBufferPointer) -> Bool {
        var scanner = JSONScanner(text)
        return scanner.matches(self) && scanner.isAtEnd
    }
}

extension String {
    /// True if the text has exactly these bytes.
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
extension JSONScanner {
    fileprivate mutating func matches(_ value: JSONValue) -> Bool {
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

    /// Skips a text without escapes, as most are; does not move if the text differs or has escapes.
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
        guard offset < text.count, text[offset] == UInt8(ascii: "\"") else { return false }
        offset += 1
        return true
    }

    /// Returns the byte that an escape means; `nil` for one that means more than one byte.
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
            guard index == 0 || skip(UInt8(ascii: ",")), matches(item) else { return false }
        }
        return skip(UInt8(ascii: "]"))
    }

    /// Matches an object whose keys may be in any order; each field must be matched exactly once.
    private mutating func matches(_ fields: JSONObject) -> Bool {
        guard skip(UInt8(ascii: "{")), fields.count <= UInt64.bitWidth else { return false }
        var seen: UInt64 = 0
        for index in 0..<fields.count {
            guard index == 0 || skip(UInt8(ascii: ",")) else { return false }
            guard let key = string(), let position = fields.position(ofBytes: key) else { return false }
            guard seen & 1 << UInt64(position) == 0 else { return false }
            seen |= 1 << UInt64(position)
            guard skip(UInt8(ascii: ":")), matches(fields[position].value) else { return false }
        }
        return skip(UInt8(ascii: "}"))
    }

    private func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private mutating func skip(_ word: StaticString) -> Bool {
        skipSpace()
        let end = offset + word.utf8CodeUnitCount
        guard end <= text.count, word.withUTF8Buffer({ text[offset..<end].elementsEqual($0) }) else { return false }
        offset = end
        return true
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func has(_ byte: Unicode.Scalar) -> Bool {
        guard let start = baseAddress else { return false }
        return memchr(start, Int32(byte.value), count) != nil
    }
}
