/// One thing to tell the author of a spec, at the place where it is wrong.
public struct Diagnostic: Hashable, Sendable {
    /// How bad it is.
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

    public let code: DiagnosticCode
    public let severity: Severity
    public let place: SourcePlace
    /// The field, such as `conditions[0].value`; `nil` if it is about more than one.
    public let field: String?
    /// What is wrong: lower case, no full stop, names in backticks.
    public let message: String
    /// What the author can do about it.
    public let help: String?
    public let related: Related?

    /// Makes a diagnostic; its severity is that of its code.
    public init(
        _ code: DiagnosticCode,
        at place: SourcePlace,
        field: String? = nil,
        _ message: String,
        help: String? = nil,
        related: Related? = nil
    ) {
        self.code = code
        severity = code.severity
        self.place = place
        self.field = field
        self.message = message
        self.help = help
        self.related = related
    }
}

extension Diagnostic: Comparable {
    /// Orders by file, line and column, then by code and message.
    public static func < (left: Self, right: Self) -> Bool {
        (left.place, left.code.rawValue, left.message) < (right.place, right.code.rawValue, right.message)
    }
}
