/// What a reader refuses to do, so that no file can exhaust memory or time.
public struct YAMLLimits: Hashable, Sendable {
    /// Nodes of one document, aliases expanded.
    public var nodes: Int
    /// Collections inside collections, aliases expanded.
    public var depth: Int
    /// Bytes of the whole text.
    public var bytes: Int
    /// Nodes that aliases may add, over all documents of the text.
    public var aliasedNodes: Int
    /// Problems after which reading stops.
    public var problems: Int

    /// Makes limits; the defaults are those of a spec file.
    public init(
        nodes: Int = 10_000,
        depth: Int = 64,
        bytes: Int = 1 << 20,
        aliasedNodes: Int = 100_000,
        problems: Int = 100
    ) {
        self.nodes = nodes
        self.depth = depth
        self.bytes = bytes
        self.aliasedNodes = aliasedNodes
        self.problems = problems
    }
}
