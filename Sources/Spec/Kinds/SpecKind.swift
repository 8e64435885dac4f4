public import JSON

/// The kinds of specs, in the order in which they are applied: a spec comes after the specs that it refers to.
///
/// A new kind is one file with a type that conforms to ``SpecDefinition``, a case here, and its line in ``definition``.
public enum SpecKind: String, Hashable, Sendable, CaseIterable, Comparable {
    case tenant = "Tenant"
    case account = "Account"
    case sender = "Sender"
    case template = "Template"
    case audience = "Audience"
    case campaign = "Campaign"
    case schedule = "Schedule"
    case trigger = "Trigger"

    /// The type that defines the kind; it provides everything that differs between kinds.
    var definition: any SpecDefinition.Type {
        switch self {
        case .tenant: TenantSpec.self
        case .account: AccountSpec.self
        case .sender: SenderSpec.self
        case .template: TemplateSpec.self
        case .audience: AudienceSpec.self
        case .campaign: CampaignSpec.self
        case .schedule: ScheduleSpec.self
        case .trigger: TriggerSpec.self
        }
    }

    /// The name of the kind in messages.
    var phrase: String { "kind `\(rawValue)`" }

    /// Reads a spec of this kind back from its canonical form.
    ///
    /// - Throws: ``SpecError`` that names the fields, if the value is not a canonical form.
    public func spec(canonical: JSONValue) throws(SpecError) -> any SpecContent {
        let sink = DiagnosticSink(file: "")
        let spec = definition.read(canonical.node, sink: sink).spec
        let errors = sink.diagnostics.filter { $0.severity == .error }
        guard errors.isEmpty, let spec else { throw SpecError(diagnostics: errors) }
        return spec
    }

    /// Reads a spec of this kind back from a row; see ``SpecDefinition/init(stored:)``.
    ///
    /// - Throws: ``SpecError`` that names the fields, if the value is not such a spec.
    public func spec(stored: JSONValue) throws(SpecError) -> any SpecContent {
        try definition.init(stored: stored)
    }

    /// Orders kinds in the order in which they are applied.
    public static func < (left: Self, right: Self) -> Bool {
        left != right && allCases.first { $0 == left || $0 == right } == left
    }
}
