/// The items of a sequence, in the order of the text.
public struct YAMLSequence: RandomAccessCollection, Sendable {
    private let table: NodeTable
    private let record: NodeRecord

    init(_ record: NodeRecord, in table: NodeTable) {
        (self.record, self.table) = (record, table)
    }

    public var startIndex: Int { 0 }

    public var endIndex: Int { Int(record.count) }

    public subscript(position: Int) -> YAMLNode {
        precondition(indices.contains(position), "item \(position) of \(count)")
        return YAMLNode(table[record.child(position)], in: table)
    }
}
