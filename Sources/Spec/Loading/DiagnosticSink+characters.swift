internal import YAML

extension DiagnosticSink {
    /// Reports every key and text with a NUL character, which neither Postgres nor a phone could take.
    func checkCharacters(_ node: YAMLNode, path: String = "") {
        if node.hasNUL { reportCharacters(node, path: path) }
    }

    private func reportCharacters(_ node: YAMLNode, path: String) {
        switch node.content {
        case .invalid: break
        case .sequence(let items):
            for (index, item) in items.enumerated() { reportCharacters(item, path: "\(path)[\(index)]") }
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
                reportCharacters(pair.value, path: field)
            }
        case .scalar(let scalar):
            guard scalar.text.utf8.contains(0) else { return }
            report(.nulCharacter, at: node.range, field: path, "this text has a NUL character", help: "remove it")
        }
    }
}

extension YAMLNode {
    /// Whether there is a NUL anywhere; found without the paths that a report needs.
    fileprivate var hasNUL: Bool {
        switch content {
        case .invalid: false
        case .sequence(let items): items.contains(where: \.hasNUL)
        case .mapping(let mapping): mapping.pairs.contains { $0.key.utf8.contains(0) || $0.value.hasNUL }
        // Only an escape in double quotes can make one.
        case .scalar(let scalar): scalar.style == .doubleQuoted && scalar.text.utf8.contains(0)
        }
    }
}
