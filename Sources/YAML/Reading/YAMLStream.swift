/// All documents of a text, and everything that is wrong with it.
public struct YAMLStream: Sendable {
    /// The roots of the documents that could be read, in order; empty documents are left out.
    public let documents: [YAMLNode]
    /// All problems, in the order of the text.
    public let problems: [YAMLProblem]
    /// The comments of everything that could be read, in the order of the text.
    public let comments: [YAMLComment]

    /// Whether any key or text has a NUL character.
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
