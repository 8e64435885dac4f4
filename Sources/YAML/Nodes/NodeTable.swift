/// All nodes of a text, one behind the other, and the texts of their scalars.
///
/// What is in a collection lies together, keys and values by turns, so that a collection is a stretch of the table. A
/// whole file is two allocations, and nothing is counted while its nodes are passed around but the table itself.
final class NodeTable: Sendable {
    private let records: [NodeRecord]
    private let texts: [UInt8]

    init(records: [NodeRecord], texts: [UInt8]) {
        (self.records, self.texts) = (records, texts)
    }

    subscript(index: Int) -> NodeRecord { records[index] }

    /// The text of a scalar.
    func text(of scalar: NodeRecord) -> String {
        Self.text(of: scalar, in: texts)
    }

    static func text(of scalar: NodeRecord, in texts: [UInt8]) -> String {
        String(decoding: texts[Int(scalar.first)..<Int(scalar.first) + Int(scalar.count)], as: UTF8.self)
    }

    /// The place of a key among the pairs of a mapping, found by walking: mappings of specs are short.
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
