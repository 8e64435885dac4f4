/// A line of source as a terminal shows it, and where the carets below it go.
///
/// Columns of terminals are not scalars: tabs and East Asian characters take more than one, combining marks none. A
/// long line is cut around the carets.
struct SourceExcerpt {
    /// What to print; never longer than ``maximumWidth`` columns and two ellipses.
    let text: String
    /// The columns before the first caret.
    let indent: Int
    /// How many carets; at least one.
    let length: Int

    private static let maximumWidth = 200
    private static let context = 60
    private static let tabWidth = 4

    /// Shows the scalars from `start` up to `end`, both from 0; an end behind the line is the end of the line.
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
