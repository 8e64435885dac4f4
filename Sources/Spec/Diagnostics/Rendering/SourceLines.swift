/// A source text cut into lines where editors see line breaks: LF, CR and CR LF.
struct SourceLines: Sendable {
    private let lines: [Substring]

    init(_ text: String) {
        var lines: [Substring] = []
        let bytes = text.utf8
        var start = bytes.startIndex
        // The reader does not count a byte order mark as a column.
        if text.unicodeScalars.first == "\u{FEFF}" { start = bytes.index(start, offsetBy: 3) }
        var index = start
        while index < bytes.endIndex {
            let length = Self.breakLength(bytes, at: index)
            guard length > 0 else {
                bytes.formIndex(after: &index)
                continue
            }
            lines.append(text[start..<index])
            bytes.formIndex(&index, offsetBy: length)
            start = index
        }
        lines.append(text[start...])
        self.lines = lines
    }

    /// A line by its number from 1, without its end; `nil` behind the last.
    func line(_ number: Int) -> Substring? {
        lines.indices.contains(number - 1) ? lines[number - 1] : nil
    }

    private static func breakLength(_ bytes: String.UTF8View, at index: String.Index) -> Int {
        func follows(_ tail: [UInt8]) -> Bool { bytes[bytes.index(after: index)...].starts(with: tail) }
        return switch bytes[index] {
        case 0x0A: 1
        case 0x0D: follows([0x0A]) ? 2 : 1
        default: 0
        }
    }
}
