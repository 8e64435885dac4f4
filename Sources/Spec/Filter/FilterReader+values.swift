internal import YAML

extension FilterReader {
    /// Reads the value that an operator needs.
    func check(
        _ operation: FilterOperator,
        _ field: FilterField,
        _ read: ReadNode
    ) -> FilterCondition.Check? {
        switch operation {
        case .eq, .neq, .gt, .gte, .lt, .lte:
            guard let comparison = FilterCondition.Comparison(rawValue: operation.rawValue) else { return nil }
            return value(of: read.node, field, read.field).map { .compare(comparison, $0) }
        case .contains:
            return sink.string(read.node, field: read.field).flatMap { text in
                field == .contact(.tags) ? .hasTag(text.value) : .containsText(text.value)
            }
        case .isIn: return list(read, operation) { value(of: $0, field, $1) }.map { .isIn(Self.alike($0)) }
        case .isNotIn: return list(read, operation) { value(of: $0, field, $1) }.map { .isNotIn(Self.alike($0)) }
        case .containsAny: return list(read, operation) { sink.string($0, field: $1)?.value }.map { .hasAnyTag($0) }
        case .containsAll: return list(read, operation) { sink.string($0, field: $1)?.value }.map { .hasAllTags($0) }
        case .isNull, .isNotNull: return nil
        }
    }

    private func list<Item>(
        _ read: ReadNode,
        _ operation: FilterOperator,
        _ item: (YAMLNode, String) -> Item?
    ) -> [Item]? {
        guard let nodes = read.node.sequence else {
            if case .invalid = read.node.content { return nil }
            let message = "`\(operation.rawValue)` needs a list"
            let help = "write `value: [\(read.node.scalar?.text ?? "…")]`"
            sink.report(.filterValue, at: read.range, field: read.field, message, help: help)
            return nil
        }
        guard !nodes.isEmpty else {
            let message = "`\(operation.rawValue)` needs at least one value"
            sink.report(.filterValue, at: read.range, field: read.field, message)
            return nil
        }
        let list = read.field
        let items = nodes.indices.compactMap { item(nodes[$0], FieldPath.item($0, of: list)) }
        return items.count == nodes.count ? items : nil
    }

    /// Reads one value of the type that a field is compared with.
    private func value(of node: YAMLNode, _ field: FilterField, _ path: String) -> FilterValue? {
        guard let scalar = node.scalar else {
            if case .invalid = node.content { return nil }
            let found = node.sequence == nil ? "a mapping" : "a list"
            return wrong(node, path, "expected one value for `\(field)`, found \(found)")
        }
        if case .null = scalar.value {
            return wrong(
                node,
                path,
                "expected a value for `\(field)`, found nothing",
                help: "use `is_null` or `is_not_null`"
            )
        }
        guard case .contact(let contactField) = field else { return metadataValue(scalar, node, path) }
        switch contactField.type {
        // No filter names a column of the last two types.
        case .text, .textList, .boolean, .object: return sink.string(node, field: path).map { .text($0.value) }
        case .timestamp: return time(scalar, node, contactField, path)
        case .integer:
            switch scalar.value {
            case .int(let value): return .integer(value)
            case .float(let value) where value.isFinite: return .number(value)
            default: return wrong(node, path, "expected a number for `\(field)`, found `\(scalar.text)`")
            }
        }
    }

    private func metadataValue(_ scalar: YAMLScalar, _ node: YAMLNode, _ path: String) -> FilterValue? {
        switch scalar.value {
        case .int(let value): return .integer(value)
        case .float(let value) where value.isFinite: return .number(value)
        // What the operator ->> gives for a JSON boolean.
        case .bool(let value): return .text(value ? "true" : "false")
        default: return sink.string(node, field: path).map { .text($0.value) }
        }
    }

    private func time(_ scalar: YAMLScalar, _ node: YAMLNode, _ field: ContactColumn, _ path: String) -> FilterValue? {
        if case .string(let text) = scalar.value, let time = FilterTime(text) { return .time(time) }
        let help = "write `2025-01-31`, `2025-01-31T08:00:00Z`, or `-7d` for seven days ago"
        return wrong(node, path, "`\(scalar.text)` is not a date for `\(field.rawValue)`", help: help)
    }

    private func wrong(_ node: YAMLNode, _ path: String, _ message: String, help: String? = nil) -> FilterValue? {
        sink.report(.filterValue, at: node.range, field: path, message, help: help)
        return nil
    }

    /// Numbers beside texts become texts, and whole numbers beside fractions become fractions.
    private static func alike(_ values: [FilterValue]) -> [FilterValue] {
        let hasText = values.contains { if case .text = $0 { true } else { false } }
        let hasNumber = values.contains { if case .number = $0 { true } else { false } }
        return values.map { value in
            switch value {
            case .integer(let integer) where hasText: .text(String(integer))
            case .number(let number) where hasText: .text("\(number)")
            case .integer(let integer) where hasNumber: .number(Double(integer))
            default: value
            }
        }
    }
}
