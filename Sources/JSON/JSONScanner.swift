/// Walks through a JSON text and skips what its reader does not ask for, without making values.
///
/// It reads what programs usually write: strings without escapes and whole numbers, at most eight levels deep below a
/// skipped value. Its methods return `nil` or `false` for anything else; then the text has to be read with
/// ``JSONValue/init(parsing:isLenient:)``.
package struct JSONScanner {
    private let text: UnsafeRawBufferPointer
    private var offset = 0

    /// Starts at the first byte; the scanner must not outlive the buffer.
    package init(_ text: UnsafeRawBufferPointer) {
        self.text = text
    }

    /// True if only space is left.
    package var isAtEnd: Bool {
        mutating get {
            skipSpace()
            return offset == text.count
        }
    }

    /// Reads an object that is not empty; `value` reads or skips what belongs to a key, and returns whether it could.
    package mutating func object(_ value: (inout Self, _ key: UnsafeRawBufferPointer) -> Bool) -> Bool {
        guard skip(UInt8(ascii: "{")) else { return false }
        repeat {
            guard let key = string(), skip(UInt8(ascii: ":")), value(&self, key) else { return false }
        } while skip(UInt8(ascii: ","))
        return skip(UInt8(ascii: "}"))
    }

    /// Skips a value of any type.
    package mutating func skipValue() -> Bool { skipValue(depth: 0) }

    private mutating func skipValue(depth: Int) -> Bool {
        skipSpace()
        guard offset < text.count, depth < 8 else { return false }
        switch text[offset] {
        case UInt8(ascii: "\""): return string() != nil
        case UInt8(ascii: "{"): return object { scanner, _ in scanner.skipValue(depth: depth + 1) }
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

    /// Reads a string without escapes: its bytes, which may not be UTF-8.
    package mutating func string() -> UnsafeRawBufferPointer? {
        guard skip(UInt8(ascii: "\"")) else { return nil }
        let start = offset
        while offset < text.count {
            switch text[offset] {
            case UInt8(ascii: "\""):
                offset += 1
                return UnsafeRawBufferPointer(rebasing: text[start..<offset - 1])
            case UInt8(ascii: "\\"), ..<0x20: return nil
            default: offset += 1
            }
        }
        return nil
    }

    /// Skips space and then one byte, if it is this one.
    package mutating func skip(_ byte: UInt8) -> Bool {
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
