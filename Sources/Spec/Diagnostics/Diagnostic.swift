internal import YAML

/// A finding for the author of a spec, with its place.
public struct Diagnostic: Hashable, Sendable {
    /// The severity of a diagnostic.
    public enum Severity: String, Hashable, Sendable {
        /// The specs can still be applied.
        case warning
        /// Nothing is applied until this is fixed.
        case error
    }

    /// A second place that explains the first.
    public struct Related: Hashable, Sendable {
        public let place: SourcePlace
        public let label: String

        /// Makes a second place.
        public init(place: SourcePlace, label: String) {
            self.place = place
            self.label = label
        }
    }

    /// A replacement of text that removes the mistake.
    public struct Fix: Hashable, Sendable {
        /// The text that is replaced.
        public let place: SourcePlace
        public let replacement: String
        /// True if there is no other remedy, so that `reconcile validate --fix` may apply it.
        public let isSure: Bool

        /// The effect of the fix, as a sentence without a full stop.
        public var description: String { "replace it by `\(replacement)`" }
    }

    public let code: DiagnosticCode
    public let severity: Severity
    public let place: SourcePlace
    /// The field, such as `conditions[0].value`; `nil` if it is about more than one.
    public let field: String?
    /// The problem: lower case, no full stop.
    public let message: String
    /// The remedy for the author.
    public let help: String?
    public let related: Related?
    /// The correction; `nil` if the author has to decide.
    public let fix: Fix?

    /// Makes a diagnostic; its severity is that of its code.
    public init(
        _ code: DiagnosticCode,
        at place: SourcePlace,
        field: String? = nil,
        _ message: String,
        help: String? = nil,
        related: Related? = nil,
        fix: Fix? = nil
    ) {
        self.code = code
        severity = code.severity
        self.place = place
        self.field = field.map(Self.cut)
        self.message = Self.cut(message)
        self.help = help.map(Self.cut)
        self.related = related
        self.fix = fix
    }

    private init(_ other: Self, severity: Severity? = nil, related: Related? = nil) {
        (code, self.severity, place) = (other.code, severity ?? other.severity, other.place)
        (field, message, help) = (other.field, other.message, other.help)
        self.related = related ?? other.related
        fix = other.fix
    }

    /// Returns the same diagnostic with a second place.
    func related(to place: SourcePlace, label: String) -> Self {
        Self(self, related: Related(place: place, label: label))
    }

    /// The same diagnostic as an error.
    var asError: Self { Self(self, severity: .error) }

    /// Returns the diagnostic without its fix if the text to replace has an anchor or a tag, which would get lost.
    func checkingFix(_ bytes: [UInt8]?) -> Self {
        guard let fix else { return self }
        let start = fix.place.start.offset
        if let bytes, bytes.indices.contains(start), !"&!".utf8.contains(bytes[start]) { return self }
        return Self(code, at: place, field: field, message, help: help, related: related)
    }

    /// Limits a text that quotes the file: a key may be as long as the file, and be quoted for each of its values.
    private static func cut(_ text: String) -> String {
        guard text.utf8.count > 2_000 else { return text }
        return String(text.unicodeScalars.prefix(1_000)) + "…"
    }
}

extension Diagnostic: Comparable {
    /// Orders by file, line and column, then by code and message.
    public static func < (left: Self, right: Self) -> Bool {
        (left.place, left.code.rawValue, left.message) < (right.place, right.code.rawValue, right.message)
    }
}

extension [Diagnostic] {
    /// Sorts the diagnostics and drops repeated ones: through an alias, a mistake behind its anchor is found again, as
    /// another field at the same place.
    func sortedOnce() -> [Diagnostic] {
        sorted().reduce(into: []) { told, next in
            guard let last = told.last, last.place == next.place, last.code == next.code, last.message == next.message,
                last.help == next.help, last.related == next.related
            else { return told.append(next) }
        }
    }
}

/// A range of a file: from `start` up to, but not including, `end`.
public struct SourcePlace: Hashable, Sendable, Comparable {
    /// One position of a file.
    public struct Position: Hashable, Sendable, Comparable {
        /// The line, from 1.
        public let line: Int
        /// The column in Unicode scalars, from 1.
        public let column: Int
        /// The number of bytes from the start of the file.
        public let offset: Int

        /// Makes a position.
        public init(line: Int, column: Int, offset: Int) {
            self.line = line
            self.column = column
            self.offset = offset
        }

        /// Orders positions of one file from top to bottom.
        public static func < (left: Self, right: Self) -> Bool {
            (left.line, left.column) < (right.line, right.column)
        }
    }

    /// The path that the user gave, joined with the path of the file below it.
    public let file: String
    public let start: Position
    public let end: Position

    /// Makes a place.
    public init(file: String, start: Position, end: Position) {
        self.file = file
        self.start = start
        self.end = end
    }

    /// Makes a place for a file as a whole.
    public init(file: String) {
        let first = Position(line: 1, column: 1, offset: 0)
        self.init(file: file, start: first, end: first)
    }

    /// Orders places by file, then by position.
    public static func < (left: Self, right: Self) -> Bool {
        (left.file, left.start, left.end) < (right.file, right.start, right.end)
    }
}

extension SourcePlace {
    init(file: String, _ range: YAMLRange) {
        self.init(file: file, start: Position(range.start), end: Position(range.end))
    }
}

extension SourcePlace.Position {
    fileprivate init(_ mark: YAMLMark) {
        self.init(line: mark.line, column: mark.column, offset: mark.offset)
    }
}

/// An error of a value that could not be read as a spec or a part of one.
public struct SpecError: Error, Hashable, Sendable, CustomStringConvertible {
    /// All findings, each with its field; never empty.
    public let diagnostics: [Diagnostic]

    /// Makes an error.
    public init(diagnostics: [Diagnostic]) {
        self.diagnostics = diagnostics
    }

    /// All messages, each with its field and its remedy.
    public var description: String {
        diagnostics.map { diagnostic in
            let field = diagnostic.field.map { $0.isEmpty ? "" : "\($0): " } ?? ""
            return field + diagnostic.message + (diagnostic.help.map { " (\($0))" } ?? "")
        }
        .joined(separator: "; ")
    }
}
