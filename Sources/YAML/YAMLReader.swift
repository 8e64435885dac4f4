/// Reads YAML texts into located nodes.
///
/// Reading never throws and never stops at the first mistake; the problems are returned together with the documents. A
/// syntax error ends its document, and reading goes on at the next `---`.
///
/// ```swift
/// let stream = YAMLReader().read(Array("name: main".utf8))
/// print(stream.documents[0].mapping?["name"]?.scalar?.text ?? "")  // main
/// ```
public struct YAMLReader: Sendable {
    public let limits: YAMLLimits

    /// Makes a reader with limits.
    public init(limits: YAMLLimits = YAMLLimits()) {
        self.limits = limits
    }

    /// Reads all documents of a UTF-8 text, with or without a byte order mark.
    public func read(_ bytes: [UInt8]) -> YAMLStream {
        let text: SourceText
        switch SourceText.check(bytes, limit: limits.bytes) {
        case .success(let checked): text = checked
        case .failure(let problem): return YAMLStream(documents: [], problems: [problem])
        }
        var composer = Composer(text: text, limits: limits)
        var start: Int? = text.contentStart
        while let offset = start {
            start = composer.compose(from: offset)
        }
        return composer.finish()
    }
}

/// All documents of a text, and everything that is wrong with it.
public struct YAMLStream: Sendable {
    /// The roots of the documents that could be read, in order; empty documents are left out.
    public let documents: [YAMLNode]
    /// All problems, in the order of the text.
    public let problems: [YAMLProblem]
    /// The comments of everything that could be read, in the order of the text.
    public let comments: [YAMLComment]

    /// True if any key or text has a NUL character.
    public let hasNUL: Bool

    /// Makes a stream.
    public init(
        documents: [YAMLNode],
        problems: [YAMLProblem],
        comments: [YAMLComment] = [],
        hasNUL: Bool = false
    ) {
        self.documents = documents
        self.problems = problems
        self.comments = comments
        self.hasNUL = hasNUL
    }
}

/// Limits of a reader, so that no file can exhaust memory or time.
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
