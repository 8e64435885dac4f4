import JSON
internal import YAML

extension JSONValue {
    /// Takes the plain value of a node, without places.
    init(_ node: YAMLNode) {
        switch node.content {
        case .invalid: self = .null
        case .sequence(let items): self = .array(items.map(JSONValue.init))
        case .mapping(let mapping):
            // The YAML reader has removed repeated keys.
            self = .object(JSONObject(unique: mapping.pairs.map { (key: $0.key, value: JSONValue($0.value)) }))
        case .scalar(let scalar):
            switch scalar.value {
            case .null: self = .null
            case .bool(let value): self = .bool(value)
            case .int(let value): self = .integer(value)
            case .float(let value): self = .number(value)
            case .string(let text): self = .string(text)
            }
        }
    }

    /// A node without a place, so that rows and requests pass the same readers as files.
    var node: YAMLNode {
        var builder = NodeBuilder()
        let root = add(to: &builder)
        return builder.node(root)
    }

    private func add(to builder: inout NodeBuilder) -> NodeBuilder.Part {
        let mark = YAMLMark(line: 1, column: 1, offset: 0)
        let range = YAMLRange(start: mark, end: mark)
        func scalar(_ text: String, _ tag: YAMLScalar.CoreTag?) -> NodeBuilder.Part {
            builder.scalar(text, style: .doubleQuoted, tag: tag, at: range)
        }
        switch self {
        case .null: return scalar("", .null)
        case .bool(let value): return scalar(value ? "true" : "false", .bool)
        case .integer(let value): return scalar(String(value), .int)
        case .number(let value): return scalar("\(value)", .float)
        case .string(let text): return scalar(text, nil)
        case .array(let items):
            let parts = items.map { $0.add(to: &builder) }
            return builder.sequence(parts, at: range)
        case .object(let fields):
            let parts = fields.flatMap { [scalar($0.key, nil), $0.value.add(to: &builder)] }
            return builder.mapping(parts, at: range)
        }
    }
}
