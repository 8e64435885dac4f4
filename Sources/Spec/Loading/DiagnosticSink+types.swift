internal import YAML

extension DiagnosticSink {
    /// Takes a node as a string, and warns where YAML 1.1 readers would not.
    func string(_ node: YAMLNode, field: String) -> ReadValue<String>? {
        string(ReadNode(node, field: field))
    }

    /// Takes the value of a field as a string, and warns where YAML 1.1 readers would not.
    func string(_ read: ReadNode) -> ReadValue<String>? {
        let node = read.node
        guard let scalar = node.scalar, case .string(let text) = scalar.value else {
            let field = read.field
            let help = node.scalar.flatMap { $0.text.isEmpty ? nil : "write it as \"\($0.text)\"" }
            reportWrongType(of: node, field: field, expected: "a string", help: help)
            return nil
        }
        if let reading = scalar.yaml11Reading {
            let message = "plain `\(text)` is a string here, but \(reading.words) to YAML 1.1 readers"
            report(.ambiguousScalar, at: node.range, field: read.field, message, help: "write it as \"\(text)\"")
        }
        return read.with(text)
    }

    /// Reports a node of another type than expected; says nothing where a problem was reported before.
    func reportWrongType(of node: YAMLNode, field: String, expected: String, help: String? = nil) {
        let found: String
        switch node.content {
        case .invalid: return
        case .sequence: found = "a list"
        case .mapping: found = "a mapping"
        case .scalar(let scalar):
            switch scalar.value {
            case .null: found = "nothing"
            case .bool: found = "a boolean"
            case .int: found = "a whole number"
            case .float: found = "a number"
            case .string: found = "a string"
            }
        }
        let name = field.isEmpty ? "" : " for `\(field)`"
        let isLong = node.range.end.line > node.range.start.line && !node.isScalar
        let range = isLong ? YAMLRange(start: node.range.start, end: node.range.start) : node.range
        report(.wrongType, at: range, field: field, "expected \(expected)\(name), found \(found)", help: help)
    }
}

extension YAML11Reading {
    fileprivate var words: String {
        switch self {
        case .bool(let value): "the boolean \(value)"
        case .sexagesimal: "a number to the base of 60"
        case .timestamp: "a date"
        case .octal: "an octal number"
        case .number: "a number"
        }
    }
}
