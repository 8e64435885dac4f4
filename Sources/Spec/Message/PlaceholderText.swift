/// The bytes of a text in which placeholders are looked for; braces, bars and spaces are ASCII, and part of no longer
/// character.
struct PlaceholderText {
    static let open = UInt8(ascii: "{")
    static let close = UInt8(ascii: "}")

    private let bytes: [UInt8]

    init(_ text: String) {
        bytes = Array(text.utf8)
    }

    var count: Int { bytes.count }

    func text(_ range: Range<Int>) -> String {
        String(decoding: bytes[range], as: UTF8.self)
    }

    /// A range of bytes as one of Unicode scalars.
    func scalars(_ range: Range<Int>) -> Range<Int> {
        // Every scalar has one byte that continues none.
        let start = bytes[..<range.lowerBound].count { $0 & 0xC0 != 0x80 }
        return start..<start + bytes[range].count { $0 & 0xC0 != 0x80 }
    }

    /// Where a byte next stands twice, both times before an end.
    func pair(_ byte: UInt8, from start: Int = 0, before end: Int = .max) -> Int? {
        var index = start
        while index + 1 < min(bytes.count, end) {
            if bytes[index] == byte, bytes[index + 1] == byte { return index }
            index += 1
        }
        return nil
    }

    /// The place of the next `}}`, if no other `{{` comes before.
    func close(from start: Int) -> Int? {
        guard let close = pair(Self.close, from: start) else { return nil }
        return pair(Self.open, from: start, before: close) == nil ? close : nil
    }

    func first(_ byte: UInt8, in range: Range<Int>) -> Int? {
        bytes[range].firstIndex(of: byte)
    }

    /// The range without the spaces at its ends.
    func trimmed(_ range: Range<Int>) -> Range<Int> {
        var (start, end) = (range.lowerBound, range.upperBound)
        while start < end, bytes[start] == 0x20 { start += 1 }
        while end > start, bytes[end - 1] == 0x20 { end -= 1 }
        return start..<end
    }
}
