/// Reads YAML texts into located nodes.
///
/// Reading never throws and never stops at the first mistake; the problems come beside the documents. A syntax
/// error ends its document, and reading goes on at the next `---`.
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
