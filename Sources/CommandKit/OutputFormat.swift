public import ArgumentParser
public import JSON

/// A format of results.
public enum OutputFormat: String, ExpressibleByArgument, CaseIterable, Sendable {
    case text, json
}

/// The format in which a command prints its result.
public struct FormatOptions: ParsableArguments {
    @Option(help: "Format of the result: text for people, or json with the names of the HTTP API.")
    public var format = OutputFormat.text

    public init() {}

    /// Prints a result in the chosen format, on lines of its own.
    public func write(_ json: @autoclosure () throws -> JSONValue, text: @autoclosure () throws -> String) rethrows {
        switch format {
        case .json: Terminal.write(try json().canonicalText + "\n")
        case .text:
            let text = try text()
            Terminal.write(text.isEmpty || text.hasSuffix("\n") ? text : text + "\n")
        }
    }
}

/// The choice of colours that commands take as `--color`.
public enum ColourChoice: String, ExpressibleByArgument, CaseIterable, Sendable {
    /// Only on a terminal, and not if `NO_COLOR` is set.
    case auto
    case always
    case never
}

/// The option for colours.
public struct ColourOptions: ParsableArguments, Sendable {
    @Option(
        name: .customLong("color"),
        help: "Colours: auto (on a terminal, unless NO_COLOR is set), always or never."
    )
    public var choice = ColourChoice.auto

    public init() {}

    /// True if results are to be coloured.
    public var outputHasColour: Bool { choice == .auto ? Terminal.outputHasColour : choice == .always }

    /// True if messages on standard error are to be coloured.
    public var errorsHaveColour: Bool { choice == .auto ? Terminal.errorsHaveColour : choice == .always }
}

/// A table whose columns are aligned; the last one may be of any length.
public struct TextTable: Sendable {
    private let header: [String]
    private var lines: [Line] = []

    private enum Line {
        case row([String])
        /// A line below a row that belongs to it.
        case note(String)
    }

    /// Makes an empty table.
    ///
    /// - Parameter header: The names of the columns.
    public init(_ header: String...) {
        self.header = header
    }

    public var isEmpty: Bool { lines.isEmpty }

    /// Adds a row; an absent or empty cell is shown as a dash.
    public mutating func add(_ cells: String?...) {
        lines.append(.row(cells.map { cell in cell.flatMap { $0.isEmpty ? nil : Terminal.harmless($0) } ?? "-" }))
    }

    /// Adds a line below the last row.
    public mutating func note(_ text: String) {
        lines.append(.note(Terminal.harmless(text)))
    }

    /// The table as text, each line with its line end.
    public var text: String {
        var widths = header.map(\.count)
        for case .row(let cells) in lines {
            for (column, cell) in cells.enumerated() { widths[column] = max(widths[column], TextWidth.of(cell)) }
        }
        func line(_ cells: [String]) -> String {
            var text = ""
            for (column, cell) in cells.enumerated() {
                text += cell
                guard column < cells.count - 1 else { continue }
                text += String(repeating: " ", count: max(0, widths[column] - TextWidth.of(cell)) + 2)
            }
            return text + "\n"
        }
        return line(header)
            + lines.map { entry in
                switch entry {
                case .row(let cells): line(cells)
                case .note(let text): "  \(text)\n"
                }
            }
            .joined()
    }
}

/// The number of columns that text takes on a terminal.
public enum TextWidth {
    /// Returns the columns of a text without control characters: two for wide characters, such as Chinese ones and emoji.
    public static func of(_ text: some StringProtocol) -> Int {
        text.reduce(0) { $0 + of($1) }
    }

    /// Returns the longest beginning that fits; a text that is cut ends with an ellipsis.
    public static func cut(_ text: String, to columns: Int) -> String {
        guard of(text) > columns else { return text }
        var (kept, width) = ("", 0)
        for character in text {
            width += of(character)
            guard width < columns else { break }
            kept.append(character)
        }
        return columns > 0 ? kept + "…" : ""
    }

    private static func of(_ character: Character) -> Int {
        guard let first = character.unicodeScalars.first, !first.isASCII else { return 1 }
        if character.unicodeScalars.contains("\u{FE0F}") || first.properties.isEmojiPresentation { return 2 }
        switch first.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: break
        }
        return wide.contains { $0.contains(first.value) } ? 2 : 1
    }

    /// The blocks of wide characters (East Asian Width W and F).
    private static let wide: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA000...0xA4CF,
        0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6,
        0x1F300...0x1F64F, 0x1F900...0x1F9FF, 0x20000...0x3FFFD,
    ]
}
