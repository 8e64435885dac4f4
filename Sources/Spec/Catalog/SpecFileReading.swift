internal import YAML

/// What one file holds, as far as it can be told without looking at any other file.
final class SpecFileReading: Sendable {
    /// One document that says of which kind it is, and how it is called.
    struct Document: Sendable {
        let origin: SpecOrigin
        /// `nil` if not even a draft could be read.
        let spec: Located<any SpecContent>?
        let isDraft: Bool
    }

    let file: SpecCatalog.SourceFile
    let documents: [Document]
    let findings: DiagnosticSink.Findings
    let allowances: [AllowComment]

    init(_ file: SpecCatalog.SourceFile) {
        let sink = DiagnosticSink(file: file.path)
        let stream = YAMLReader().read(file.bytes)
        for problem in stream.problems { sink.report(problem) }
        self.file = file
        // Of a file outside of all folders nothing is taken but what is wrong with it.
        let tenant = file.tenant ?? ""
        documents = stream.documents.compactMap { Self.document($0, tenant, mayHaveNUL: stream.hasNUL, sink) }
        allowances = AllowComment.read(stream.comments, sink: sink)
        findings = sink.findings
    }

    private static func document(
        _ node: YAMLNode,
        _ tenant: String,
        mayHaveNUL: Bool,
        _ sink: DiagnosticSink
    ) -> Document? {
        if let scalar = node.scalar, case .null = scalar.value { return nil }
        guard let mapping = node.mapping else {
            sink.reportWrongType(of: node, field: "", expected: "a mapping with `kind`")
            return nil
        }
        guard let kind = kind(mapping, node, sink) else { return nil }
        // Also without a name, or with one that is taken, so that its other mistakes come in the same run.
        let (spec, isDraft) = kind.content.read(node, mayHaveNUL: mayHaveNUL, sink: sink)
        guard let (name, range) = name(mapping) else { return nil }
        let identity = SpecIdentity(tenant: tenant, kind: kind, name: name)
        let origin = SpecOrigin(identity: identity, place: SourcePlace(file: sink.file, range), node: node)
        return Document(origin: origin, spec: spec.map { Located($0, from: origin) }, isDraft: isDraft)
    }

    private static func name(_ mapping: YAMLMapping) -> (text: String, range: YAMLRange)? {
        guard let node = mapping["name"], let scalar = node.scalar, SpecIdentity.isSlug(scalar.text) else { return nil }
        return (scalar.text, node.range)
    }

    private static func kind(_ mapping: YAMLMapping, _ document: YAMLNode, _ sink: DiagnosticSink) -> SpecKind? {
        guard let node = mapping["kind"] else {
            guard !mapping.isDamaged else { return nil }
            let start = mapping.pairs.first?.keyRange ?? document.range
            let near = mapping.pairs.first { !SpellingSuggestion.candidates(for: $0.key, among: ["kind"]).isEmpty }
            if let near {
                let message = "unknown field `\(near.key)`"
                sink.report(.unknownField, at: near.keyRange, field: near.key, message, help: "did you mean `kind`?")
            } else {
                let help = "start the document with `kind: Campaign` or another kind"
                sink.report(.missingField, at: start, field: "kind", "missing field `kind`", help: help)
            }
            return nil
        }
        guard let read = sink.string(node, field: "kind") else { return nil }
        if let kind = SpecKind(rawValue: read.value) { return kind }
        let known = SpecKind.allCases.map(\.rawValue)
        let help = SpellingSuggestion.help(for: read.value, among: known, what: "the kinds are")
        sink.report(.unknownKind, at: read.range, field: "kind", "unknown kind `\(read.value)`", help: help)
        return nil
    }
}
