public import JSON

/// The kinds of specs, in the order in which they are applied: what is referred to comes first.
public enum SpecKind: String, Hashable, Sendable, CaseIterable, Comparable {
    case tenant = "Tenant"
    case sender = "Sender"
    case template = "Template"
    case audience = "Audience"
    case campaign = "Campaign"
    case schedule = "Schedule"
    case trigger = "Trigger"

    /// The type that holds specs of this kind.
    var content: any ReadableSpec.Type {
        switch self {
        case .tenant: TenantSpec.self
        case .sender: SenderSpec.self
        case .template: TemplateSpec.self
        case .audience: AudienceSpec.self
        case .campaign: CampaignSpec.self
        case .schedule: ScheduleSpec.self
        case .trigger: TriggerSpec.self
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

    /// Reads a spec of this kind back from a row: a template by whatever rules it was taken in, others by those of today.
    ///
    /// - Throws: ``SpecError`` that names the fields, if the value is no such spec.
    public func spec(stored: JSONValue) throws(SpecError) -> any SpecContent {
        self == .template ? try TemplateSpec(stored: stored) : try spec(canonical: stored)
    }

    /// What documents of this kind are called in messages.
    var phrase: String {
        switch self {
        case .tenant: "kind `Tenant`"
        case .sender: "kind `Sender`"
        case .template: "kind `Template`"
        case .audience: "kind `Audience`"
        case .campaign: "kind `Campaign`"
        case .schedule: "kind `Schedule`"
        case .trigger: "kind `Trigger`"
        }
    }

    /// Orders kinds as they are applied.
    public static func < (left: Self, right: Self) -> Bool {
        left.rank < right.rank
    }

    /// By the rank: the default would hash the whole word.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(rank)
    }

    private var rank: UInt8 {
        switch self {
        case .tenant: 0
        case .sender: 1
        case .template: 2
        case .audience: 3
        case .campaign: 4
        case .schedule: 5
        case .trigger: 6
        }
    }
}
