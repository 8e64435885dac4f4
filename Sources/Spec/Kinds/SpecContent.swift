public import JSON
internal import YAML

/// One kind of spec.
///
/// A new kind is one file with a conforming type, and one case of ``SpecKind``.
public protocol SpecContent: Hashable, Sendable {
    static var kind: SpecKind { get }

    var header: SpecHeader { get }

    /// The form that is stored and compared: defaults filled in, always the same for the same meaning.
    var canonical: JSONValue { get }
}

extension SpecContent {
    /// The slug of the spec.
    public var name: String { header.name }

    /// Whether the row made of this spec refuses deletion.
    public var protect: Bool { header.protect }

    /// Reads a spec back from its canonical form.
    ///
    /// - Throws: ``SpecError`` that names the fields, if the value is not a canonical form.
    public init(canonical: JSONValue) throws(SpecError) {
        guard let spec = try Self.kind.spec(canonical: canonical) as? Self else { throw SpecError(diagnostics: []) }
        self = spec
    }
}

/// The reading half of a kind, kept apart because its types are not public.
protocol ReadableSpec: SpecContent {
    init?(_ reader: inout FieldReader)
}

extension ReadableSpec {
    /// Reads a document of this kind; `kind` is known already, and ignored.
    ///
    /// - Parameters:
    ///   - node: The document.
    ///   - mayHaveNUL: Whether to look for NUL characters; `false` if it is known that there are none.
    ///   - sink: Where mistakes are reported.
    /// - Returns: The spec, if enough of it could be read; a draft when it has errors, good for nothing but finding more.
    static func read(
        _ node: YAMLNode,
        mayHaveNUL: Bool = true,
        sink: DiagnosticSink
    ) -> (spec: (any SpecContent)?, isDraft: Bool) {
        guard var reader = FieldReader(node, path: "", what: kind.phrase, sink: sink) else {
            return (nil, true)
        }
        _ = reader.node("kind")
        let before = sink.diagnostics.count
        if mayHaveNUL { sink.checkCharacters(node) }
        let spec = Self(&reader)
        reader.finish()
        return (spec, !sink.isClean(since: before))
    }
}
