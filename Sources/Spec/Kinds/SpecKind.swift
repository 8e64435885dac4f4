/// The kinds of specs, in the order in which they are applied: what is referred to comes first.
public enum SpecKind: String, Hashable, Sendable, CaseIterable, Comparable {
    case sender = "Sender"
    case template = "Template"
    case audience = "Audience"
    case campaign = "Campaign"

    /// Kinds that are planned, so that their documents get a clear answer.
    static let unsupported = ["Tenant", "Schedule", "Trigger"]

    /// The type that holds specs of this kind.
    var content: any SpecContent.Type {
        switch self {
        case .sender: SenderSpec.self
        case .template: TemplateSpec.self
        case .audience: AudienceSpec.self
        case .campaign: CampaignSpec.self
        }
    }

    /// Reads a spec of this kind back from its canonical form.
    ///
    /// - Throws: ``SpecError`` that names the fields, if the value is not a canonical form.
    public func spec(canonical: JSONValue) throws(SpecError) -> any SpecContent {
        let sink = DiagnosticSink(file: "")
        let spec = content.read(canonical.node, sink: sink).spec
        let errors = sink.diagnostics.filter { $0.severity == .error }
        guard errors.isEmpty, let spec else { throw SpecError(diagnostics: errors) }
        return spec
    }

    /// Orders kinds as they are applied.
    public static func < (left: Self, right: Self) -> Bool {
        left.rank < right.rank
    }

    private var rank: Int {
        switch self {
        case .sender: 0
        case .template: 1
        case .audience: 2
        case .campaign: 3
        }
    }
}
