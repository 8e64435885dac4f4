internal import YAML

extension Located {
    /// The texts in a field and below it, wherever they are nested, in the order of the file.
    func texts(in field: String) -> [ReadValue<String>] {
        guard let value = document.mapping?[field] else { return [] }
        var texts: [ReadValue<String>] = []
        Self.collect(value, field, into: &texts)
        return texts
    }

    private static func collect(_ node: YAMLNode, _ field: String, into texts: inout [ReadValue<String>]) {
        switch node.content {
        case .invalid: break
        case .sequence(let items):
            for (index, item) in items.enumerated() { collect(item, "\(field)[\(index)]", into: &texts) }
        case .mapping(let mapping):
            for pair in mapping.pairs { collect(pair.value, "\(field).\(pair.key)", into: &texts) }
        case .scalar(let scalar):
            guard case .string(let text) = scalar.value else { return }
            texts.append(ReadValue(text, from: ReadNode(node, field: field)))
        }
    }
}
