internal import YAML

extension JSONValue {
    /// The plain value of a node, without places.
    init(_ node: YAMLNode) {
        switch node.content {
        case .invalid: self = .null
        case .sequence(let items): self = .array(items.map(JSONValue.init))
        case .mapping(let mapping):
            // The reader of YAML has left repeated keys out.
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
        let mark = YAMLMark(line: 1, column: 1, offset: 0)
        let range = YAMLRange(start: mark, end: mark)
        func scalar(_ text: String, _ tag: YAMLScalar.CoreTag?) -> YAMLNode.Content {
            .scalar(YAMLScalar(text: text, style: .doubleQuoted, tag: tag))
        }
        let content: YAMLNode.Content =
            switch self {
            case .null: scalar("", .null)
            case .bool(let value): scalar(value ? "true" : "false", .bool)
            case .integer(let value): scalar(String(value), .int)
            case .number(let value): scalar("\(value)", .float)
            case .string(let text): scalar(text, nil)
            case .array(let items): .sequence(items.map(\.node))
            case .object(let fields):
                .mapping(
                    YAMLMapping(
                        pairs: fields.map {
                            YAMLMapping.Pair(key: $0.key, keyRange: range, value: $0.value.node)
                        }
                    )
                )
            }
        return YAMLNode(content: content, range: range)
    }
}
