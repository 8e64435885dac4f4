internal import YAML

/// What one file holds, as far as it can be told without looking at any other file.
struct SpecFileReading: Sendable {
    /// One document that says of which kind it is.
    struct Document: Sendable {
        let kind: SpecKind
        let node: YAMLNode
        /// `nil` if it is missing or no slug.
        let name: (text: String, range: YAMLRange)?
        /// `nil` if not even a draft could be read.
        let spec: (any SpecContent)?
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
        documents = stream.documents.compactMap { Self.document($0, sink) }
        allowances = AllowComment.read(stream.comments, sink: sink)
        findings = sink.findings
    }

    private static func document(_ node: YAMLNode, _ sink: DiagnosticSink) -> Document? {
        if let scalar = node.scalar, case .null = scalar.value { return nil }
        guard let mapping = node.mapping else {
            sink.reportWrongType(of: node, field: "", expected: "a mapping with `kind`")
            return nil
        }
        guard let kind = kind(mapping, node, sink) else { return nil }
        // Also without a name, or with one that is taken, so that its other mistakes come in the same run.
        let (spec, isDraft) = kind.content.read(node, sink: sink)
        return Document(kind: kind, node: node, name: name(mapping), spec: spec, isDraft: isDraft)
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
