internal import YAML

extension DiagnosticSink {
    /// Takes over a problem of the YAML reader.
    func report(_ problem: YAMLProblem) {
        let related = problem.related.map {
            Diagnostic.Related(place: SourcePlace(file: file, $0.range), label: $0.label)
        }
        report(problem.kind.code, at: problem.range, problem.message, help: problem.help, related: related)
    }
}

extension YAMLProblem.Kind {
    fileprivate var code: DiagnosticCode {
        switch self {
        case .syntax: .syntax
        case .encoding: .encoding
        case .tab: .tab
        case .duplicateKey: .duplicateKey
        case .mergeKey: .mergeKey
        case .nonStringKey: .nonStringKey
        case .unknownTag: .unknownTag
        case .unknownAnchor: .unknownAnchor
        case .tooLarge: .tooLarge
        }
    }
}
