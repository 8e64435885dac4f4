/// A line of source as a terminal shows it, with the place of the carets below it.
///
/// Columns of terminals are not scalars: tabs and East Asian characters take more than one, combining marks none. A
/// long line is cut around the carets.
struct SourceExcerpt {
    /// The text to print; never longer than ``maximumWidth`` columns and two ellipses.
    let text: String
    /// The columns before the first caret.
    let indent: Int
    /// The number of carets; at least one.
    let length: Int

    private static let maximumWidth = 200
    private static let context = 60
    private static let tabWidth = 4

    /// Makes an excerpt that marks the scalars from `start` up to `end`, both from 0; an end behind the line is the end
    /// of the line.
    init(_ line: Substring, from start: Int, to end: Int) {
        let scalars = line.unicodeScalars
        let skipped = max(0, start - 2 * Self.maximumWidth)
        let lower =
            scalars.index(scalars.startIndex, offsetBy: skipped, limitedBy: scalars.endIndex) ?? scalars.endIndex
        let upper = scalars.index(lower, offsetBy: 4 * Self.maximumWidth, limitedBy: scalars.endIndex)
        let window = Substring(scalars[lower..<(upper ?? scalars.endIndex)])

        var cells: [(shown: String, column: Int)] = []
        var (scalar, column) = (skipped, 0)
        var (first, last): (Int?, Int?) = (nil, nil)
        for character in window {
            if first == nil, scalar + character.unicodeScalars.count > start { first = column }
            if last == nil, scalar >= end { last = column }
            cells.append((TerminalText.harmless(String(character), tabWidth: Self.tabWidth), column))
            column += TerminalText.width(of: character, tabWidth: Self.tabWidth)
            scalar += character.unicodeScalars.count
        }
        let from = first ?? column
        let to = last ?? column
        let isCut = skipped > 0 || upper.map { $0 < scalars.endIndex } == true || column > Self.maximumWidth
        let left = isCut ? max(0, from - Self.context) : 0
        let right = isCut ? left + Self.maximumWidth : column
        let isCutLeft = skipped > 0 || left > 0
        let shown = cells.filter { $0.column >= left && $0.column < right }
        let origin = shown.first?.column ?? left
        let isCutRight = isCut && (upper.map { $0 < scalars.endIndex } == true || column > right)
        text = (isCutLeft ? "…" : "") + shown.map(\.shown).joined() + (isCutRight ? "…" : "")
        indent = from - origin + (isCutLeft ? 1 : 0)
        length = max(1, min(to, right) - from)
    }
}

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

    /// Returns a line by its number from 1, without its end; `nil` behind the last.
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

/// Makes text safe for terminals, and measures its width.
enum TerminalText {
    /// Replaces characters that would move the cursor, switch colours or change the writing direction.
    static func harmless(_ text: String, tabWidth: Int = 1) -> String {
        guard text.unicodeScalars.contains(where: isHarmful) else { return text }
        var safe = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if scalar == "\t" {
                safe.append(contentsOf: repeatElement(" ", count: tabWidth))
            } else {
                safe.append(isHarmful(scalar) ? "\u{FFFD}" : scalar)
            }
        }
        return String(safe)
    }

    private static func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
        guard scalar.value > 0x7E || scalar.value < 0x20 else { return false }
        switch scalar.value {
        case 0x61C, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069, 0x2028, 0x2029: return true
        default: return scalar.properties.generalCategory == .control
        }
    }

    /// Returns the number of columns of a character in a terminal with a fixed pitch.
    static func width(of character: Character, tabWidth: Int) -> Int {
        if character == "\t" { return tabWidth }
        if character.isASCII { return 1 }
        let scalars = character.unicodeScalars
        guard let first = scalars.first else { return 0 }
        if isHarmful(first) { return scalars.count }
        if first.properties.isEmojiPresentation || scalars.contains("\u{FE0F}") || isWide(first) { return 2 }
        switch first.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: return 1
        }
    }

    /// Returns whether a character is wide under Unicode's East Asian Width; emoji have a property of their own.
    private static func isWide(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x4DBF, 0x4E00...0xA4CF, 0xA960...0xA97C, 0xAC00...0xD7A3,
            0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x17000...0x18CD5, 0x1B000...0x1B2FB,
            0x1F200...0x1F265, 0x20000...0x3FFFD:
            true
        default: false
        }
    }
}
