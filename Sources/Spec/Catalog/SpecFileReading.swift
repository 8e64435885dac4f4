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
        let reader = DocumentReader(file, mayHaveNUL: stream.hasNUL, sink: sink)
        documents = stream.documents.indices.compactMap { reader.document(stream.documents[$0], at: $0) }
        allowances = AllowComment.read(stream.comments, sink: sink)
        findings = sink.findings
    }
}
