internal import YAML

/// The node of a field that was read.
struct ReadNode {
    let node: YAMLNode
    /// The path of the field is put together only when somebody asks for it: few fields are ever reported.
    private let parent: String
    private let key: String

    init(_ node: YAMLNode, key: String, in parent: String) {
        (self.node, self.parent, self.key) = (node, parent, key)
    }

    init(_ node: YAMLNode, field: String) {
        self.init(node, key: field, in: "")
    }

    var field: String { parent.isEmpty ? key : parent + "." + key }

    var range: YAMLRange { node.range }

    /// The value that the node was understood as.
    func with<Value>(_ value: Value) -> ReadValue<Value> {
        ReadValue(value, from: self)
    }
}
