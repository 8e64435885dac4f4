/// Writes diagnostics for people and for machines.
///
/// ```text
/// error[C012]: unknown field `fieldd`
///   --> campaigns/acme/overdue.yaml:14:9
///    |
/// 14 |     - { fieldd: paymentStatus, operator: eq, value: unpaid }
///    |         ^^^^^^
///    = help: did you mean `field`?
/// ```
public struct DiagnosticRenderer: Sendable {
    private enum Style: String {
        case error = "\u{1B}[1;31m"
        case warning = "\u{1B}[1;33m"
        case frame = "\u{1B}[1;34m"
        case bold = "\u{1B}[1m"
    }

    private let lines: [String: [Substring]]
    private let usesColour: Bool

    /// Makes a renderer.
    ///
    /// - Parameters:
    ///   - sources: The text of each file by its path, as ``SpecCatalog/sources`` has it; a file that is missing here is
    ///     named, but not quoted.
    ///   - usesColour: Whether to write ANSI colours.
    public init(sources: [String: String], usesColour: Bool = false) {
        lines = sources.mapValues { $0.split(omittingEmptySubsequences: false) { $0.isNewline } }
        self.usesColour = usesColour
    }

    /// Writes diagnostics one below the other, with an empty line between and a newline at the end.
    public func text(_ diagnostics: [Diagnostic]) -> String {
        diagnostics.map(text).joined(separator: "\n")
    }

    /// Writes one diagnostic with its source lines, ending in a newline.
    public func text(_ diagnostic: Diagnostic) -> String {
        let style: Style = diagnostic.severity == .error ? .error : .warning
        let places = [diagnostic.place] + (diagnostic.related.map { [$0.place] } ?? [])
        let width = places.map { String($0.start.line).count }.max() ?? 1
        let gutter = String(repeating: " ", count: width)
        var text = paint("\(diagnostic.severity.rawValue)[\(diagnostic.code.rawValue)]", style)
        text += paint(": \(Self.harmless(diagnostic.message))", .bold) + "\n"
        text += "\(gutter)\(paint("-->", .frame)) \(Self.name(diagnostic.place))\n"
        text += quote(diagnostic.place, marker: "^", label: nil, width: width, style)
        if let related = diagnostic.related {
            text += "\(gutter)\(paint(":::", .frame)) \(Self.name(related.place))\n"
            text += quote(related.place, marker: "-", label: related.label, width: width, .frame)
        }
        if let help = diagnostic.help {
            text += "\(gutter) \(paint("=", .frame)) \(paint("help", .bold)): \(Self.harmless(help))\n"
        }
        return text
    }

    private func quote(_ place: SourcePlace, marker: String, label: String?, width: Int, _ style: Style) -> String {
        guard let lines = lines[place.file], place.start.line <= lines.count else { return "" }
        let source = lines[place.start.line - 1].unicodeScalars
        let lineEnd = source.count + 1
        let start = min(place.start.column, lineEnd)
        let end = place.end.line == place.start.line ? min(place.end.column, lineEnd) : lineEnd
        let number = String(place.start.line)
        let gutter = String(repeating: " ", count: width)
        let padded = String(repeating: " ", count: width - number.count) + number
        let shown = Self.harmless(String(Substring(source)))
        var carets = String(repeating: " ", count: start - 1)
        carets += paint(String(repeating: marker, count: max(1, end - start)) + (label.map { " \($0)" } ?? ""), style)
        let bar = paint("|", .frame)
        let quoted = shown.isEmpty ? "" : " \(shown)"
        return "\(gutter) \(bar)\n\(paint(padded, .frame)) \(bar)\(quoted)\n\(gutter) \(bar) \(carets)\n"
    }

    private static func name(_ place: SourcePlace) -> String {
        harmless("\(place.file):\(place.start.line):\(place.start.column)")
    }

    /// Replaces what would move the cursor or switch the colours of a terminal.
    private static func harmless(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else { return text }
        var safe = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            let isControl = scalar.properties.generalCategory == .control
            safe.append(isControl ? (scalar == "\t" ? " " : "\u{FFFD}") : scalar)
        }
        return String(safe)
    }

    private func paint(_ text: String, _ style: Style) -> String {
        usesColour ? style.rawValue + text + "\u{1B}[0m" : text
    }
}
