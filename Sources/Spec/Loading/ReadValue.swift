internal import YAML

/// A value that was read, with the node and the field that it came from.
struct ReadValue<Value> {
    let value: Value
    let node: YAMLNode
    /// The path of the field is put together only when somebody asks for it: few fields are ever reported.
    private let parent: String
    private let key: String

    init(value: Value, node: YAMLNode, parent: String = "", key: String) {
        (self.value, self.node, self.parent, self.key) = (value, node, parent, key)
    }

    init(value: Value, node: YAMLNode, field: String) {
        self.init(value: value, node: node, key: field)
    }

    var field: String { parent.isEmpty ? key : parent + "." + key }

    var range: YAMLRange { node.range }

    /// Another value of the same field.
    func with<Other>(_ value: Other) -> ReadValue<Other> {
        ReadValue<Other>(value: value, node: node, parent: parent, key: key)
    }
}
