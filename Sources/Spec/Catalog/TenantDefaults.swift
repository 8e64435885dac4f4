/// Gives specs what their tenant says for all of them, so that nobody behind the catalog has to ask.
struct TenantDefaults: Sendable {
    private let index: SpecIndex

    init(index: SpecIndex) {
        self.index = index
    }

    /// Fills the defaults in; reports a field that neither the spec nor its tenant gives.
    func fill(_ located: Located<any SpecContent>, _ found: inout [Diagnostic]) -> Located<any SpecContent> {
        guard located.identity.kind == .campaign || located.identity.kind == .template else { return located }
        let filled: any SpecContent
        switch located.value {
        case let campaign as CampaignSpec where campaign.sender == nil:
            filled = campaign.with(sender: value("sender", of: located, \.sender, &found))
        case let template as TemplateSpec where template.language == nil:
            filled = template.with(language: value("language", of: located, \.language, &found))
        default: return located
        }
        return located.map { _ in filled } ?? located
    }

    private func value(
        _ field: String,
        of located: Located<any SpecContent>,
        _ path: KeyPath<TenantSpec.Defaults, String?>,
        _ found: inout [Diagnostic]
    ) -> String? {
        let tenant = located.identity.tenant
        // What is there and wrong was reported.
        guard located.usesDefault else { return nil }
        if let value = index.spec(TenantSpec.self, tenant, tenant: tenant)?.value.defaults[keyPath: path] {
            return value
        }
        guard !index.isBroken(SpecIdentity(tenant: tenant, kind: .tenant, name: tenant)) else { return nil }
        let kind = located.identity.kind.rawValue
        let help = "kind `\(kind)` needs it, unless `defaults.\(field)` of the `Tenant` gives one"
        let message = "missing field `\(field)`"
        found.append(Diagnostic(.missingField, at: located.headPlace, field: field, message, help: help))
        return nil
    }
}

extension CampaignSpec {
    fileprivate func with(sender: String?) -> CampaignSpec {
        var copy = self
        copy.sender = sender
        return copy
    }
}

extension TemplateSpec {
    fileprivate func with(language: String?) -> TemplateSpec {
        var copy = self
        copy.language = language
        return copy
    }
}
