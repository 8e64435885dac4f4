internal import YAML

/// A value that was read, with the node and the field that it came from.
struct ReadValue<Value> {
    let value: Value
    private let read: ReadNode

    init(_ value: Value, from read: ReadNode) {
        (self.value, self.read) = (value, read)
    }

    var node: YAMLNode { read.node }

    var field: String { read.field }

    var range: YAMLRange { read.range }

    /// Another value of the same field.
    func with<Other>(_ value: Other) -> ReadValue<Other> {
        ReadValue<Other>(value, from: read)
    }
}
