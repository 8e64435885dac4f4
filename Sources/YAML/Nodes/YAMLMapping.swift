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

    /// The pair with a key, found by walking: mappings of specs are short.
    public func pair(_ key: String) -> Pair? {
        pairs.first { $0.key == key }
    }

    /// The value of a key.
    public subscript(key: String) -> YAMLNode? {
        pair(key)?.value
    }
}
