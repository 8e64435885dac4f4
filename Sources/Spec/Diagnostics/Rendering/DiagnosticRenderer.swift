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

    private let lines: [String: SourceLines]
    private let usesColour: Bool
    /// The paths of files in annotations and SARIF.
    let paths: RepositoryPaths

    /// Makes a renderer.
    ///
    /// - Parameters:
    ///   - sources: The text of each file by its path, as ``SpecCatalog/sources`` has it; a file that is missing here is
    ///     named, but not quoted.
    ///   - usesColour: True to write ANSI colours.
    ///   - paths: The names of the files in annotations and SARIF; by default those in the diagnostics.
    public init(sources: [String: String], usesColour: Bool = false, paths: RepositoryPaths = RepositoryPaths()) {
        lines = sources.mapValues(SourceLines.init)
        self.usesColour = usesColour
        self.paths = paths
    }

    /// Writes diagnostics one below the other, with an empty line between and a newline at the end.
    ///
    /// - Parameters:
    ///   - diagnostics: The diagnostics to write, in this order.
    ///   - maximum: The number of diagnostics after which the others are only counted, warnings before errors; 0 and
    ///     `nil` mean no limit.
    /// - Returns: The text; empty without diagnostics.
    public func text(_ diagnostics: [Diagnostic], maximum: Int? = nil) -> String {
        guard let maximum, maximum > 0, diagnostics.count > maximum else {
            return diagnostics.map(text).joined(separator: "\n")
        }
        let errors = diagnostics.count { $0.severity == .error }
        var (errorsLeft, warningsLeft) = (min(errors, maximum), max(0, maximum - errors))
        let shown = diagnostics.filter { diagnostic in
            let left = diagnostic.severity == .error ? errorsLeft : warningsLeft
            if diagnostic.severity == .error { errorsLeft -= 1 } else { warningsLeft -= 1 }
            return left > 0
        }
        let hiddenErrors = errors - min(errors, maximum)
        let hidden = diagnostics.count - maximum
        let counts = GitHubText.counts(errors: hiddenErrors, warnings: hidden - hiddenErrors)
        return shown.map(text).joined(separator: "\n") + "\n… and \(hidden) more (\(counts))\n"
    }

    /// Writes how to learn more about the codes of diagnostics, ending in a newline; empty without diagnostics.
    public static func closing(_ diagnostics: [Diagnostic]) -> String {
        let codes = Set(diagnostics.map(\.code.rawValue)).sorted()
        guard let first = codes.first else { return "" }
        let rest = codes.count == 1 ? "" : "; there are also \(codes.dropFirst().joined(separator: ", "))"
        return "`reconcile explain \(first)` explains the code, with an example\(rest).\n"
    }

    /// Returns a line of a file without its end, if the file is known and long enough.
    func line(_ number: Int, of file: String) -> Substring? {
        lines[file]?.line(number)
    }

    /// Writes one diagnostic with its source lines, ending in a newline.
    public func text(_ diagnostic: Diagnostic) -> String {
        let style: Style = diagnostic.severity == .error ? .error : .warning
        let places = [diagnostic.place] + (diagnostic.related.map { [$0.place] } ?? [])
        let width = places.map { String($0.lastLine).count }.max() ?? 1
        let gutter = String(repeating: " ", count: width)
        var text = paint("\(diagnostic.severity.rawValue)[\(diagnostic.code.rawValue)]", style)
        text += paint(": \(TerminalText.harmless(diagnostic.message))", .bold) + "\n"
        text += "\(gutter)\(paint("-->", .frame)) \(Self.name(diagnostic.place))\n"
        text += quote(diagnostic.place, marker: "^", label: nil, width: width, style)
        if let related = diagnostic.related {
            text += "\(gutter)\(paint(":::", .frame)) \(Self.name(related.place))\n"
            text += quote(related.place, marker: "-", label: related.label, width: width, .frame)
        }
        if let help = diagnostic.help {
            text += "\(gutter) \(paint("=", .frame)) \(paint("help", .bold)): \(TerminalText.harmless(help))\n"
        }
        return text
    }

    /// Quotes the line that a place begins in and, if it is longer, the one that it ends in.
    private func quote(_ place: SourcePlace, marker: Character, label: String?, width: Int, _ style: Style) -> String {
        guard let line = line(place.start.line, of: place.file) else { return "" }
        let gutter = String(repeating: " ", count: width)
        let frame = "\(gutter) \(paint("|", .frame))"
        guard place.lastLine > place.start.line, let last = self.line(place.lastLine, of: place.file) else {
            let end = place.end.line == place.start.line ? place.end.column - 1 : Int.max
            let excerpt = SourceExcerpt(line, from: place.start.column - 1, to: end)
            return frame + "\n" + quote(excerpt, place.start.line, width) + mark(excerpt, marker, label, frame, style)
        }
        let first = SourceExcerpt(line, from: place.start.column - 1, to: Int.max)
        let indent = last.unicodeScalars.prefix { $0 == " " }.count
        let end = place.end.line == place.lastLine ? place.end.column - 1 : Int.max
        let tail = SourceExcerpt(last, from: min(indent, max(0, end - 1)), to: end)
        var text = frame + "\n" + quote(first, place.start.line, width) + mark(first, marker, nil, frame, style)
        if place.lastLine > place.start.line + 1 { text += paint("...", .frame) + "\n" }
        text += quote(tail, place.lastLine, width) + mark(tail, marker, label, frame, style)
        return text
    }

    private func quote(_ excerpt: SourceExcerpt, _ number: Int, _ width: Int) -> String {
        let digits = String(number)
        let padded = String(repeating: " ", count: max(0, width - digits.count)) + digits
        return "\(paint(padded, .frame)) \(paint("|", .frame))\(excerpt.text.isEmpty ? "" : " \(excerpt.text)")\n"
    }

    private func mark(
        _ excerpt: SourceExcerpt,
        _ marker: Character,
        _ label: String?,
        _ frame: String,
        _ style: Style
    ) -> String {
        let marks =
            String(repeating: marker, count: excerpt.length) + (label.map { " \(TerminalText.harmless($0))" } ?? "")
        return "\(frame) \(String(repeating: " ", count: excerpt.indent))\(paint(marks, style))\n"
    }

    private static func name(_ place: SourcePlace) -> String {
        TerminalText.harmless("\(place.file):\(place.start.line):\(place.start.column)")
    }

    private func paint(_ text: String, _ style: Style) -> String {
        usesColour ? style.rawValue + text + "\u{1B}[0m" : text
    }
}

extension SourcePlace {
    /// The last line of the place that has text: a block ends at the start of the line below it.
    var lastLine: Int {
        end.line > start.line && end.column == 1 ? end.line - 1 : max(start.line, end.line)
    }
}
