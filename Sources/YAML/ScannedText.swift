/// Finds the comments and tabs between the values of a text; libyaml drops them, so this walks the bytes.
struct ScannedText {
    let text: SourceText
    /// The ranges of the values, in the order of the text: a `#` or a tab inside one belongs to the value.
    let scalars: [Range<Int>]
    /// The ranges that libyaml could not parse, in the order of the text: it is unknown what is a value there.
    let unread: [Range<Int>]
    private(set) var comments: [YAMLComment] = []
    private(set) var tabs: [YAMLProblem] = []

    private var line = 1
    private var lineStart: Int
    private var hasContent = false
    /// Number of comments directly above this line that have a line of their own and wait for the line they apply to.
    private var waiting = 0

    init(_ text: SourceText, scalars: [Range<Int>], unread: [Range<Int>], limit: Int) {
        (self.text, self.scalars, self.unread) = (text, scalars, unread)
        lineStart = text.contentStart
        scan(limit: limit)
    }

    private mutating func scan(limit: Int) {
        var (scalar, hole) = (0, 0)
        var offset = text.contentStart
        while offset < text.bytes.count {
            while scalar < scalars.count, scalars[scalar].upperBound <= offset { scalar += 1 }
            while hole < unread.count, unread[hole].upperBound <= offset { hole += 1 }
            let value = scalar < scalars.count ? scalars[scalar] : text.bytes.count..<Int.max
            let unknown = hole < unread.count ? unread[hole] : text.bytes.count..<Int.max
            if value.contains(offset) || unknown.contains(offset) {
                let end = value.contains(offset) ? value.upperBound : unknown.upperBound
                pass(offset..<min(end, text.bytes.count))
                offset = end
            } else {
                offset = look(through: offset..<min(value.lowerBound, unknown.lowerBound), limit: limit)
            }
        }
    }

    /// Skips bytes that belong to values, or to text that could not be parsed.
    private mutating func pass(_ range: Range<Int>) {
        for offset in range {
            if Self.mayEndLine(text.bytes[offset]), text.isBreak(at: offset) {
                endLine(at: offset)
            } else if !hasContent {
                settle()
            }
        }
    }

    /// Collects the comments and tabs of a range between values.
    ///
    /// - Returns: The end of the range, or of the comment that leads beyond it.
    private mutating func look(through range: Range<Int>, limit: Int) -> Int {
        var offset = range.lowerBound
        while offset < range.upperBound {
            let byte = text.bytes[offset]
            if Self.mayEndLine(byte), text.isBreak(at: offset) {
                endLine(at: offset)
            } else if byte == UInt8(ascii: "#"), isComment(at: offset) {
                offset = comment(from: offset)
                continue
            } else if byte == 0x09 {
                if tabs.count < limit { tabs.append(tab(at: offset)) }
            } else if byte != 0x20, byte != 0x0D, !hasContent {
                settle()
            }
            offset += 1
        }
        return offset
    }

    /// Returns true if a byte can be the last of a line break, which most bytes cannot.
    private static func mayEndLine(_ byte: UInt8) -> Bool {
        byte == 0x0A || byte == 0x0D || byte >= 0x80
    }

    private mutating func endLine(at offset: Int) {
        // Comments do not apply to lines below an empty line.
        if !hasContent, comments.last?.range.start.line != line { waiting = 0 }
        (line, lineStart, hasContent) = (line + 1, offset + 1, false)
    }

    /// Records that the line has content, to which the comments above apply.
    private mutating func settle() {
        hasContent = true
        for index in comments.indices.suffix(waiting) {
            let old = comments[index]
            comments[index] = YAMLComment(text: old.text, range: old.range, subjectLine: line)
        }
        waiting = 0
    }

    private func isComment(at offset: Int) -> Bool {
        guard offset > lineStart else { return true }
        return text.bytes[offset - 1] == 0x20 || text.bytes[offset - 1] == 0x09
    }

    private mutating func comment(from start: Int) -> Int {
        var next = start + 1
        while next < text.bytes.count, text.bytes[next] != 0x0D, !text.isBreak(at: next) { next += 1 }
        // A line break is recognised by its last byte; its first bytes are not part of the comment.
        var end = next
        if end < text.bytes.count, text.bytes[end] & 0xC0 == 0x80 {
            while end > start, text.bytes[end] & 0xC0 == 0x80 { end -= 1 }
        }
        let words = String(decoding: text.bytes[(start + 1)..<max(start + 1, end)], as: UTF8.self)
        let range = YAMLRange(start: mark(start), end: mark(end))
        comments.append(YAMLComment(text: words, range: range, subjectLine: line))
        if !hasContent { waiting += 1 }
        return next
    }

    private func mark(_ offset: Int) -> YAMLMark {
        YAMLMark(line: line, column: text.count(from: lineStart, to: offset).scalars + 1, offset: offset)
    }

    private func tab(at offset: Int) -> YAMLProblem {
        let start = mark(offset)
        let end = YAMLMark(line: start.line, column: start.column + 1, offset: offset + 1)
        return YAMLProblem(.tab, at: YAMLRange(start: start, end: end), "tab between values", help: "use spaces")
    }
}
