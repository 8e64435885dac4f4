/// The pairs of a mapping, in the order of the text, each key once.
public struct YAMLMapping: Sendable {
    /// A key with its place, and its value.
    public struct Pair: Sendable {
        fileprivate let table: NodeTable
        fileprivate let record: NodeRecord
        public let value: YAMLNode

        /// The text of the key, made anew each time.
        public var key: String { table.text(of: record) }

        /// Where the key stands.
        public var keyRange: YAMLRange { record.range }
    }

    /// The pairs of a mapping.
    public struct Pairs: RandomAccessCollection, Sendable {
        fileprivate let table: NodeTable
        fileprivate let record: NodeRecord

        public var startIndex: Int { 0 }

        public var endIndex: Int { Int(record.count) }

        public subscript(position: Int) -> Pair {
            precondition(indices.contains(position), "pair \(position) of \(count)")
            return Pair(
                table: table,
                record: table[record.child(2 * position)],
                value: YAMLNode(table[record.child(2 * position + 1)], in: table)
            )
        }
    }

    public let pairs: Pairs

    init(_ record: NodeRecord, in table: NodeTable) {
        pairs = Pairs(table: table, record: record)
    }

    /// Whether pairs were left out because of a reported problem, so that a missing key means nothing.
    public var isDamaged: Bool { pairs.record.isDamaged }

    /// The position of a key.
    public func index(of key: String) -> Int? {
        pairs.table.position(of: key, in: pairs.record)
    }

    /// The value of the pair at a position.
    public func value(at position: Int) -> YAMLNode {
        precondition(pairs.indices.contains(position), "pair \(position) of \(pairs.count)")
        return YAMLNode(pairs.table[pairs.record.child(2 * position + 1)], in: pairs.table)
    }

    /// The pair with a key.
    public func pair(_ key: String) -> Pair? {
        index(of: key).map { pairs[$0] }
    }

    /// The value of a key.
    public subscript(key: String) -> YAMLNode? {
        index(of: key).map(value)
    }
}
