internal import YAML

extension DiagnosticSink {
    /// Reports every key and text with a NUL character, which neither Postgres nor a phone could take.
    func checkCharacters(_ node: YAMLNode, path: String = "") {
        switch node.content {
        case .invalid: break
        case .sequence(let items):
            for (index, item) in items.enumerated() { checkCharacters(item, path: "\(path)[\(index)]") }
        case .mapping(let mapping):
            for pair in mapping.pairs {
                let field = path.isEmpty ? pair.key : "\(path).\(pair.key)"
                if pair.key.utf8.contains(0) {
                    report(
                        .nulCharacter,
                        at: pair.keyRange,
                        field: path,
                        "this key has a NUL character",
                        help: "remove it"
                    )
                }
                checkCharacters(pair.value, path: field)
            }
        case .scalar(let scalar):
            guard scalar.text.utf8.contains(0) else { return }
            report(.nulCharacter, at: node.range, field: path, "this text has a NUL character", help: "remove it")
        }
    }
}
