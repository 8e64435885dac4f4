/// Why a value could not be read as a spec or a part of one.
public struct SpecError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Everything that is wrong, each with the field it is about; never empty.
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
