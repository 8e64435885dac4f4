internal import YAML

/// A value that was read, with the node and the field that it came from.
struct ReadValue<Value> {
    let value: Value
    let node: YAMLNode
    let field: String

    var range: YAMLRange { node.range }
}
