import Spelling
import YAML

/// The contents of one file, read and checked without any other file.
final class SpecFileReading: Sendable {
    /// One document that states its kind and its name.
    struct Document: Sendable {
        let origin: SpecOrigin
        /// The spec; `nil` if not even a draft could be read.
        let spec: Located<any SpecContent>?
        let isDraft: Bool
    }

    let file: SpecCatalog.SourceFile
    let documents: [Document]
    let findings: DiagnosticSink.Findings
    let allowances: [AllowComment]
    /// The values that come from the environment.
    let substituted: [ValueSubstitution.Substituted]
    /// The names of all values that the file takes.
    let valueNames: Set<String>

    init(_ file: SpecCatalog.SourceFile, environment: EnvironmentChoice) {
        let sink = DiagnosticSink(file: file.path)
        let stream = YAMLReader().read(file.bytes)
        for problem in stream.problems { sink.report(problem) }
        self.file = file
        var nodes = stream.documents
        var substitution = ValueSubstitution(environment, sink: sink)
        if ValueSubstitution.isNeeded(for: file.bytes) { nodes = nodes.map { substitution.apply(to: $0) } }
        (substituted, valueNames) = (substitution.substituted, substitution.names)
        let reader = DocumentReader(file, mayHaveNUL: stream.hasNUL, environment: environment, sink: sink)
        documents = nodes.indices.compactMap { reader.document(nodes[$0], at: $0) }
        allowances = AllowComment.read(stream.comments, sink: sink)
        findings = sink.findings
    }
}

/// Reads the documents of one file.
struct DocumentReader {
    private let source: SpecSource
    private let tenant: String
    private let mayHaveNUL: Bool
    private let sink: DiagnosticSink

    init(_ file: SpecCatalog.SourceFile, mayHaveNUL: Bool, environment: EnvironmentChoice, sink: DiagnosticSink) {
        source = SpecSource(path: file.path, bytes: file.bytes, environment: environment)
        // A file outside of all folders contributes only its problems.
        tenant = file.tenant ?? ""
        self.mayHaveNUL = mayHaveNUL
        self.sink = sink
    }

    /// Reads the document at a position of the file; `nil` if no other document could refer to it.
    func document(_ node: YAMLNode, at position: Int) -> SpecFileReading.Document? {
        if let scalar = node.scalar, case .null = scalar.value { return nil }
        guard let mapping = node.mapping else {
            sink.reportWrongType(of: node, field: "", expected: "a mapping with `kind`")
            return nil
        }
        guard let kind = kind(mapping, node) else { return nil }
        // A document without a name, or with a taken one, is read too, so that one run reports all its mistakes.
        let (spec, faults) = kind.definition.read(node, mayHaveNUL: mayHaveNUL, sink: sink)
        guard let (name, range) = name(mapping) else { return nil }
        let identity = SpecIdentity(tenant: tenant, kind: kind, name: name)
        let origin = SpecOrigin(
            identity: identity,
            name: range,
            document: node,
            faults: faults,
            at: position,
            of: source
        )
        return SpecFileReading.Document(
            origin: origin,
            spec: spec.map { Located($0, from: origin) },
            isDraft: faults != nil
        )
    }

    private func name(_ mapping: YAMLMapping) -> (text: String, range: YAMLRange)? {
        guard let node = mapping["name"], let scalar = node.scalar, SpecIdentity.isSlug(scalar.text) else { return nil }
        return (scalar.text, node.range)
    }

    private func kind(_ mapping: YAMLMapping, _ document: YAMLNode) -> SpecKind? {
        guard let node = mapping["kind"] else {
            guard !mapping.isDamaged else { return nil }
            let start = mapping.pairs.first?.keyRange ?? document.range
            let near = mapping.pairs.first { !SpellingSuggestion.candidates(for: $0.key, among: ["kind"]).isEmpty }
            if let near {
                let message = "unknown field `\(near.key)`"
                sink.report(
                    .unknownField,
                    at: near.keyRange,
                    field: near.key,
                    message,
                    help: "did you mean `kind`?",
                    fix: WordFix(near.key, suggestions: ["kind"])
                )
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
        let near = SpellingSuggestion.candidates(for: read.value, among: known)
        let fix = WordFix(read.value, suggestions: near)
        sink.report(.unknownKind, at: read.range, field: "kind", "unknown kind `\(read.value)`", help: help, fix: fix)
        return nil
    }
}
