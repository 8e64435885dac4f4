public import JSON

extension DiagnosticRenderer {
    /// Diagnostics as data: counts, and for each its code, severity, range, message and help.
    ///
    /// Lines and columns start at 1, columns count Unicode scalars, ends are exclusive.
    public static func json(_ diagnostics: [Diagnostic]) -> JSONValue {
        let errors = diagnostics.count { $0.severity == .error }
        return .object([
            "formatVersion": .string("1.0"),
            "valid": .bool(errors == 0),
            "errorCount": .integer(errors),
            "warningCount": .integer(diagnostics.count - errors),
            "diagnostics": .array(diagnostics.map(json)),
        ])
    }

    private static func json(_ diagnostic: Diagnostic) -> JSONValue {
        var object: [String: JSONValue] = [
            "code": .string(diagnostic.code.rawValue),
            "severity": .string(diagnostic.severity.rawValue),
            "message": .string(diagnostic.message),
            "file": .string(diagnostic.place.file),
            "range": json(diagnostic.place),
        ]
        if let field = diagnostic.field { object["field"] = .string(field) }
        if let help = diagnostic.help { object["help"] = .string(help) }
        if let related = diagnostic.related {
            object["related"] = .object([
                "file": .string(related.place.file),
                "range": json(related.place),
                "label": .string(related.label),
            ])
        }
        return .object(object)
    }

    private static func json(_ place: SourcePlace) -> JSONValue {
        .object(["start": json(place.start), "end": json(place.end)])
    }

    private static func json(_ position: SourcePlace.Position) -> JSONValue {
        .object([
            "line": .integer(position.line),
            "column": .integer(position.column),
            "offset": .integer(position.offset),
        ])
    }
}
