/// Puts nodes together, the inner ones first.
public struct NodeBuilder {
    /// A node that is not yet part of another.
    public struct Part {
        let record: NodeRecord

        static func invalid(at range: YAMLRange) -> Part {
            Part(record: NodeRecord(kind: .invalid, range: range))
        }

        /// The same scalar with a tag.
        func with(_ tag: YAMLScalar.CoreTag) -> Part {
            var record = record
            record.tag = tag
            return Part(record: record)
        }

        /// The same node at another place, as an alias gives it.
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

    /// Makes a builder with room for what a text of so many bytes may hold.
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

    /// Adds the keys and values of a mapping, by turns.
    ///
    /// - Parameters:
    ///   - fields: A key, its value, the next key, and so on; keys are scalars, each with another text.
    ///   - isDamaged: Whether pairs were left out that were reported.
    ///   - range: Where the mapping stands.
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
