import YAML

/// Writes nodes and problems in one line, so that tests can compare them as text.
enum Outline {
    static func of(_ node: YAMLNode) -> String {
        switch node.content {
        case .invalid: "<invalid>"
        case .sequence(let items): "[" + items.map(of).joined(separator: ", ") + "]"
        case .mapping(let mapping):
            "{" + mapping.pairs.map { "\($0.key): \(of($0.value))" }.joined(separator: ", ") + "}"
        case .scalar(let scalar):
            switch scalar.value {
            case .null: "null"
            case .bool(let value): "\(value)"
            case .int(let value): "\(value)"
            case .float(let value): "float(\(value))"
            case .string(let value): "'\(value)'"
            }
        }
    }

    static func of(_ range: YAMLRange) -> String {
        "\(range.start.line):\(range.start.column)-\(range.end.line):\(range.end.column)"
    }

    static func of(_ problem: YAMLProblem) -> String {
        var text = "\(of(problem.range)) \(problem.kind.rawValue): \(problem.message)"
        if let help = problem.help { text += " (\(help))" }
        if let related = problem.related { text += " [\(of(related.range)) \(related.label)]" }
        return text
    }
}
