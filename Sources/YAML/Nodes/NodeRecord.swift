/// One node as it lies in a ``NodeTable``: plain bytes that cost nothing to copy or to forget.
struct NodeRecord {
    enum Kind: UInt8 {
        case scalar, sequence, mapping, invalid
    }

    var kind: Kind
    /// How a scalar was written.
    var style = YAMLScalar.Style.plain
    /// The tag of a scalar.
    var tag: YAMLScalar.CoreTag?
    /// Whether a mapping lacks pairs that were reported.
    var isDamaged = false
    /// Where the bytes of a scalar, the items of a sequence, or the keys and values of a mapping start.
    var first: UInt32 = 0
    /// How many bytes, items or pairs there are.
    var count: UInt32 = 0
    var range: YAMLRange

    /// The place of an item, or of a key or value.
    func child(_ index: Int) -> Int { Int(first) + index }
}
