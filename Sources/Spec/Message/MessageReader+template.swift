internal import YAML

/// Raw template messages; what a parameter holds depends on the template, and is left to the API.
extension MessageReader {
    func template(_ reader: inout FieldReader) {
        _ = reader.text("name", upTo: 512)
        reader.require("language")
        let sink = sink
        reader.mapping("language") { reader in
            _ = reader.text("code", upTo: 10)
            if let policy = reader.string("policy"), policy.value != "deterministic" {
                let message = "`\(policy.value)` is not a value of `policy`"
                sink.report(.messageShape, at: policy.range, field: policy.field, message, help: "remove it")
            }
        }
        _ = reader.list("components") { component($0, $1) }
    }

    private func component(_ node: YAMLNode, _ field: String) {
        guard var reader = FieldReader(node, path: field, what: "a component", sink: sink) else { return }
        reader.require("type")
        let type = reader.string("type")
        if type?.value.lowercased() == "button" {
            for key in ["sub_type", "index"] { reader.require(key) }
            _ = reader.string("sub_type")
            if let index = reader.node("index") { checkIndex(index) }
        }
        _ = reader.list("parameters") { node, field in
            guard var reader = FieldReader(node, path: field, what: "a parameter", sink: sink) else { return }
            reader.require("type")
            _ = reader.string("type")
            reader.finishOpen()
        }
        reader.finishOpen()
    }

    /// The API takes the position of a button as a number or as a text.
    private func checkIndex(_ read: ReadNode) {
        let number: Int? =
            switch read.node.scalar?.value {
            case .int(let value): value
            case .string(let text): Int(text)
            default: nil
            }
        guard let number, (0...9).contains(number) else {
            let message = "`index` is not the position of a button"
            return sink.report(.messageShape, at: read.range, field: read.field, message, help: "count from 0 to 9")
        }
    }
}
