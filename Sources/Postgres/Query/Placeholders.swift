/// Finds `$n` in SQL, so that a fragment's parameters can be renumbered.
///
/// Text in quotes, in comments and in dollar quotes is left alone.
enum Placeholders {
    static func shifted(_ sql: String, by offset: Int) -> String {
        guard offset > 0 else { return sql }
        let bytes = Array(sql.utf8)
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count + 16)
        var index = 0
        while index < bytes.count {
            let end = skip(bytes, from: index)
            if end > index {
                output += bytes[index..<end]
                index = end
            } else if bytes[index] == UInt8(ascii: "$"), let (number, after) = number(bytes, from: index + 1) {
                output += "$\(number + offset)".utf8
                index = after
            } else {
                output.append(bytes[index])
                index += 1
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    /// Returns the end of the quoted or commented text that starts at `index`, or `index` if none starts there.
    private static func skip(_ bytes: [UInt8], from index: Int) -> Int {
        switch bytes[index] {
        case UInt8(ascii: "'"):
            let escapes = index > 0 && (bytes[index - 1] | 0x20) == UInt8(ascii: "e") && !isWord(bytes, at: index - 2)
            return closing(bytes, quote: UInt8(ascii: "'"), from: index + 1, backslash: escapes)
        case UInt8(ascii: "\""):
            return closing(bytes, quote: UInt8(ascii: "\""), from: index + 1, backslash: false)
        case UInt8(ascii: "-") where bytes[index...].starts(with: "--".utf8):
            return bytes[index...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
        case UInt8(ascii: "/") where bytes[index...].starts(with: "/*".utf8):
            return find(Array("*/".utf8), in: bytes, from: index + 2)
        case UInt8(ascii: "$"):
            guard let tag = dollarTag(bytes, from: index) else { return index }
            return find(tag, in: bytes, from: index + tag.count)
        default:
            // A dollar inside a word (`a$1`) is part of the name.
            var end = index
            while isWord(bytes, at: end) || (end > index && end < bytes.count && bytes[end] == UInt8(ascii: "$")) {
                end += 1
            }
            // The prefix of a string belongs to the word; the quote after it is found at `end`.
            return end
        }
    }

    private static func closing(_ bytes: [UInt8], quote: UInt8, from start: Int, backslash: Bool) -> Int {
        var index = start
        while index < bytes.count {
            if backslash && bytes[index] == UInt8(ascii: "\\") {
                index += 2
            } else if bytes[index] == quote {
                // A doubled quote opens the text again at once, which has the same effect.
                return index + 1
            } else {
                index += 1
            }
        }
        return bytes.count
    }

    private static func find(_ needle: [UInt8], in bytes: [UInt8], from start: Int) -> Int {
        var index = start
        while index < bytes.count {
            if bytes[index...].starts(with: needle) { return index + needle.count }
            index += 1
        }
        return bytes.count
    }

    /// Reads `$$` or `$tag$` at `index`; a tag does not start with a digit.
    private static func dollarTag(_ bytes: [UInt8], from index: Int) -> [UInt8]? {
        var end = index + 1
        if end < bytes.count, isDigit(bytes[end]) { return nil }
        while isWord(bytes, at: end) { end += 1 }
        guard end < bytes.count, bytes[end] == UInt8(ascii: "$") else { return nil }
        return Array(bytes[index...end])
    }

    private static func number(_ bytes: [UInt8], from start: Int) -> (value: Int, end: Int)? {
        var end = start
        var value = 0
        while end < bytes.count, isDigit(bytes[end]), value < 1_000_000 {
            value = value * 10 + Int(bytes[end] - UInt8(ascii: "0"))
            end += 1
        }
        return end > start ? (value, end) : nil
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
    }

    private static func isWord(_ bytes: [UInt8], at index: Int) -> Bool {
        guard bytes.indices.contains(index) else { return false }
        let byte = bytes[index]
        return isDigit(byte) || byte == UInt8(ascii: "_") || byte >= 0x80
            || UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20
    }
}
