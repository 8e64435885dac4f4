internal import YAML

extension FieldReader {
    /// Reads a mapping below a key: `read` asks for its fields, and what it did not ask for is unknown.
    @discardableResult
    mutating func mapping<Value>(
        _ key: String,
        _ read: (inout FieldReader) -> Value?
    ) -> Value? {
        guard let found = node(key),
            var reader = FieldReader(found.node, path: found.field, what: "`\(key)`", sink: sink)
        else { return nil }
        let value = read(&reader)
        reader.finish()
        return value
    }

    /// Reports the missing fields, but leaves the others alone: somebody else knows them.
    mutating func finishOpen() {
        guard let mapping = node.mapping else { return }
        for pair in mapping.pairs { _ = node(pair.key) }
        finish()
    }

    /// Lets the fields that an unknown choice may have meant pass.
    mutating func skip<Choice: CaseIterable & RawRepresentable<String>>(_ type: Choice.Type) {
        for choice in type.allCases { _ = node(choice.rawValue) }
    }

    /// Reads a list of values of one type; broken items are reported and left out.
    mutating func list<Item>(
        _ key: String,
        _ item: (YAMLNode, String) -> Item?
    ) -> ReadValue<[Item]>? {
        guard let read = node(key) else { return nil }
        guard let nodes = read.node.sequence else {
            sink.reportWrongType(of: read.node, field: read.field, expected: "a list")
            return nil
        }
        let items = nodes.enumerated().compactMap { index, node in item(node, FieldPath.item(index, of: read.field)) }
        return read.with(items)
    }

    /// Reports that two fields exclude each other, at the second; says nothing if one of them is absent.
    ///
    /// - Returns: Whether both are there.
    func exclude(_ key: String, with other: String, label: String) -> Bool {
        guard has(other), let range = keyRange(key) else { return false }
        let related = keyRange(other).map {
            Diagnostic.Related(place: SourcePlace(file: sink.file, $0), label: label)
        }
        let message = "`\(key)` and `\(other)` exclude each other"
        let field = field(key)
        sink.report(.conflictingFields, at: range, field: field, message, help: "keep one of them", related: related)
        return true
    }
}
