/// One value of a YAML document, with its place.
public struct YAMLNode: Sendable {
    /// What a node holds.
    public enum Content: Sendable {
        case scalar(YAMLScalar)
        case sequence(YAMLSequence)
        case mapping(YAMLMapping)
        /// Something that a problem was already reported for: say nothing more about it.
        case invalid
    }

    private let table: NodeTable
    private let record: NodeRecord

    init(_ record: NodeRecord, in table: NodeTable) {
        (self.record, self.table) = (record, table)
    }

    /// What the node holds; the text of a scalar is made anew each time.
    public var content: Content {
        switch record.kind {
        case .scalar: .scalar(YAMLScalar(text: table.text(of: record), style: record.style, tag: record.tag))
        case .sequence: .sequence(YAMLSequence(record, in: table))
        case .mapping: .mapping(YAMLMapping(record, in: table))
        case .invalid: .invalid
        }
    }

    /// Where the value stands; for an alias, where the alias stands.
    public var range: YAMLRange { record.range }

    /// Whether the node holds a scalar.
    public var isScalar: Bool { record.kind == .scalar }

    /// The scalar, or `nil` for everything else.
    public var scalar: YAMLScalar? {
        guard case .scalar(let scalar) = content else { return nil }
        return scalar
    }

    /// The items of a sequence, or `nil` for everything else.
    public var sequence: YAMLSequence? {
        record.kind == .sequence ? YAMLSequence(record, in: table) : nil
    }

    /// The mapping, or `nil` for everything else.
    public var mapping: YAMLMapping? {
        record.kind == .mapping ? YAMLMapping(record, in: table) : nil
    }
}
