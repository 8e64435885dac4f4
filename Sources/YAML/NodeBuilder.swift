/// Builds nodes, inner ones first.
public struct NodeBuilder {
    /// A node that is not yet part of another.
    public struct Part {
        let record: NodeRecord

        /// Makes a value for which a problem was already reported.
        public static func invalid(at range: YAMLRange) -> Part {
            Part(record: NodeRecord(kind: .invalid, range: range))
        }

        /// Returns the same scalar with a tag.
        func with(_ tag: YAMLScalar.CoreTag) -> Part {
            var record = record
            record.tag = tag
            return Part(record: record)
        }

        /// Returns the same node at another place: that of an alias.
        func at(_ range: YAMLRange) -> Part {
            var record = record
            record.range = range
            return Part(record: record)
        }
    }

    private var records: [NodeRecord] = []
    private(set) var texts: [UInt8] = []

    /// Makes a builder.
    public init() {}

    /// Makes a builder with capacity for the nodes of a text of so many bytes.
    init(bytes: Int) {
        records.reserveCapacity(bytes / 6)
        texts.reserveCapacity(bytes)
    }

    /// Adds the text of a scalar.
    public mutating func scalar(
        _ text: String,
        style: YAMLScalar.Style,
        tag: YAMLScalar.CoreTag? = nil,
        at range: YAMLRange
    ) -> Part {
        let first = texts.count
        texts.append(contentsOf: text.utf8)
        return scalar(from: first, style: style, tag: tag, at: range)
    }

    mutating func scalar(_ bytes: UnsafeBufferPointer<UInt8>, style: YAMLScalar.Style, at range: YAMLRange) -> Part {
        let first = texts.count
        unsafe texts.append(contentsOf: bytes)
        return scalar(from: first, style: style, tag: nil, at: range)
    }

    private func scalar(
        from first: Int,
        style: YAMLScalar.Style,
        tag: YAMLScalar.CoreTag?,
        at range: YAMLRange
    ) -> Part {
        var record = NodeRecord(kind: .scalar, style: style, tag: tag, range: range)
        (record.first, record.count) = (UInt32(first), UInt32(texts.count - first))
        return Part(record: record)
    }

    /// Adds the items of a sequence.
    public mutating func sequence(_ items: some Sequence<Part>, at range: YAMLRange) -> Part {
        let first = records.count
        for item in items { records.append(item.record) }
        var record = NodeRecord(kind: .sequence, range: range)
        (record.first, record.count) = (UInt32(first), UInt32(records.count - first))
        return Part(record: record)
    }

    /// Adds the keys and values of a mapping, alternating.
    ///
    /// - Parameters:
    ///   - fields: A key, its value, the next key, and so on; keys are scalars, each with another text.
    ///   - isDamaged: True if reported pairs were left out.
    ///   - range: The place of the mapping.
    /// - Returns: The mapping.
    public mutating func mapping(_ fields: some Sequence<Part>, isDamaged: Bool = false, at range: YAMLRange) -> Part {
        let first = records.count
        for field in fields { records.append(field.record) }
        var record = NodeRecord(kind: .mapping, isDamaged: isDamaged, range: range)
        (record.first, record.count) = (UInt32(first), UInt32((records.count - first) / 2))
        return Part(record: record)
    }

    /// Makes a node that is part of nothing else.
    public func node(_ root: Part) -> YAMLNode {
        YAMLNode(root.record, in: NodeTable(records: records, texts: texts))
    }

    /// Makes nodes that are part of nothing else.
    func nodes(_ roots: [Part]) -> [YAMLNode] {
        let table = NodeTable(records: records, texts: texts)
        return roots.map { YAMLNode($0.record, in: table) }
    }
}

/// All nodes of a text, one after the other, and the texts of their scalars.
///
/// The parts of a collection are neighbours, with keys and values alternating, so that a collection is a range of the
/// table. A whole file takes two allocations, and passing nodes around changes no reference count but that of the
/// table.
final class NodeTable: Sendable {
    private let records: [NodeRecord]
    private let texts: [UInt8]

    init(records: [NodeRecord], texts: [UInt8]) {
        (self.records, self.texts) = (records, texts)
    }

    subscript(index: Int) -> NodeRecord { records[index] }

    /// Returns the text of a scalar.
    func text(of scalar: NodeRecord) -> String {
        Self.text(of: scalar, in: texts)
    }

    static func text(of scalar: NodeRecord, in texts: [UInt8]) -> String {
        String(decoding: texts[Int(scalar.first)..<Int(scalar.first) + Int(scalar.count)], as: UTF8.self)
    }

    /// Finds the position of a key among the pairs of a mapping, by linear search, because mappings of specs are short.
    func position(of key: String, in mapping: NodeRecord) -> Int? {
        var key = key
        return key.withUTF8 { bytes in
            (0..<Int(mapping.count)).first { unsafe isText(of: records[mapping.child(2 * $0)], bytes) }
        }
    }

    private func isText(of scalar: NodeRecord, _ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        guard scalar.count == bytes.count else { return false }
        let start = Int(scalar.first)
        for index in bytes.indices where unsafe texts[start + index] != bytes[index] { return false }
        return true
    }
}

/// One node of a ``NodeTable``: plain bytes that are cheap to copy and to discard.
struct NodeRecord {
    enum Kind: UInt8 {
        case scalar, sequence, mapping, invalid
    }

    var kind: Kind
    /// The style of a scalar.
    var style = YAMLScalar.Style.plain
    /// The tag of a scalar.
    var tag: YAMLScalar.CoreTag?
    /// True if a mapping lacks pairs that were reported.
    var isDamaged = false
    /// The offset of the bytes of a scalar, the items of a sequence, or the keys and values of a mapping.
    var first: UInt32 = 0
    /// The number of bytes, items or pairs.
    var count: UInt32 = 0
    var range: YAMLRange

    /// Returns the place of an item, or of a key or value.
    func child(_ index: Int) -> Int { Int(first) + index }
}
