/// The pairs of a mapping, in the order of the text, each key once.
public struct YAMLMapping: Sendable {
    /// A key with its place, and its value.
    public struct Pair: Sendable {
        public let key: String
        public let keyRange: YAMLRange
        public let value: YAMLNode

        /// Makes a pair.
        public init(key: String, keyRange: YAMLRange, value: YAMLNode) {
            self.key = key
            self.keyRange = keyRange
            self.value = value
        }
    }

    public let pairs: [Pair]
    /// Whether pairs were left out because of a reported problem, so that a missing key means nothing.
    public let isDamaged: Bool

    /// Makes a mapping.
    public init(pairs: [Pair], isDamaged: Bool = false) {
        self.pairs = pairs
        self.isDamaged = isDamaged
    }

    /// The position of a key, found by walking: mappings of specs are short.
    public func index(of key: String) -> Int? {
        for index in pairs.indices where pairs[index].key == key { return index }
        return nil
    }

    /// The pair with a key.
    public func pair(_ key: String) -> Pair? {
        index(of: key).map { pairs[$0] }
    }

    /// The value of a key.
    public subscript(key: String) -> YAMLNode? {
        pair(key)?.value
    }
}
