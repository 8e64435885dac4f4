/// Finds what specs refer to, and reports what does not exist or does not fit.
struct ReferenceChecker {
    private let specs: [SpecIdentity: Located<any SpecContent>]
    private let claimed: Set<SpecIdentity>
    /// The names of each tenant and kind, for suggestions.
    private let names: [SpecIdentity: [String]]

    init(specs: [SpecIdentity: Located<any SpecContent>], claimed: Set<SpecIdentity>) {
        self.specs = specs
        self.claimed = claimed
        names = Dictionary(grouping: claimed) { SpecIdentity(tenant: $0.tenant, kind: $0.kind, name: "") }
            .mapValues { $0.map(\.name).sorted() }
    }

    /// Resolves all campaigns that can be resolved, in the order given.
    func resolve(_ sorted: [Located<any SpecContent>]) -> ([ResolvedCampaign], [Diagnostic]) {
        var resolved: [ResolvedCampaign] = []
        var found: [Diagnostic] = []
        for located in sorted {
            if let old = located.value.header.renamedFrom { checkRename(located, from: old, &found) }
            guard let campaign = located.map({ $0 as? CampaignSpec }) else { continue }
            if let result = resolve(campaign, &found) { resolved.append(result) }
        }
        return (resolved, found)
    }

    private func checkRename(_ spec: Located<any SpecContent>, from old: String, _ found: inout [Diagnostic]) {
        let identity = SpecIdentity(tenant: spec.identity.tenant, kind: spec.identity.kind, name: old)
        guard let other = specs[identity] else { return }
        let message = "`renamedFrom` names `\(old)`, which still exists"
        let related = Diagnostic.Related(place: other.place, label: "defined here")
        let place = spec.place(of: "renamedFrom")
        let help = "remove the old spec, or `renamedFrom`"
        let diagnostic = Diagnostic(
            .conflictingFields,
            at: place,
            field: "renamedFrom",
            message,
            help: help,
            related: related
        )
        found.append(diagnostic)
    }

    private func resolve(_ campaign: Located<CampaignSpec>, _ found: inout [Diagnostic]) -> ResolvedCampaign? {
        let spec = campaign.value
        let sender = find(SenderSpec.self, spec.sender, field: "sender", of: campaign, &found)
        let (template, payload) = message(of: campaign, &found)
        var filter: AudienceFilter?
        switch spec.audience {
        case .named(let name):
            guard let audience = find(AudienceSpec.self, name, field: "audience", of: campaign, &found) else {
                return nil
            }
            filter = audience.filter
        case .filter(let inline): filter = inline
        case nil: break
        }
        guard let sender, let payload else { return nil }
        return ResolvedCampaign(
            identity: campaign.identity,
            place: campaign.place,
            spec: spec,
            sender: sender,
            template: template,
            messagePayload: payload,
            audienceFilter: filter
        )
    }

    private func message(
        of campaign: Located<CampaignSpec>,
        _ found: inout [Diagnostic]
    ) -> (TemplateSpec?, JSONValue?) {
        switch campaign.value.content {
        case .message(let payload): return (nil, payload)
        case .template(let name, let params):
            guard let template = find(TemplateSpec.self, name, field: "template", of: campaign, &found) else {
                return (nil, nil)
            }
            let mismatches = template.mismatches(params: Set(params.keys))
            for mismatch in mismatches { found.append(diagnostic(mismatch, of: campaign, template)) }
            guard mismatches.isEmpty else { return (nil, nil) }
            return (template, MessagePayload.object(template: template, params: params))
        }
    }

    private func diagnostic(
        _ mismatch: ParameterMismatch,
        of campaign: Located<CampaignSpec>,
        _ template: TemplateSpec
    ) -> Diagnostic {
        let identity = SpecIdentity(tenant: campaign.identity.tenant, kind: .template, name: template.name)
        let related = specs[identity].map { located in
            Diagnostic.Related(place: located.place(of: "body"), label: "the template's body")
        }
        switch mismatch {
        case .missing:
            let place = campaign.keyPlace(of: "params", in: "")
            let hasParams = place != campaign.place
            return mismatch.diagnostic(at: hasParams ? place : campaign.place(of: "template"), related: related)
        case .superfluous(let key, _, _):
            return mismatch.diagnostic(at: campaign.keyPlace(of: key, in: "params"), related: related)
        }
    }

    /// Finds a spec of the same tenant; says nothing if the spec exists but has errors itself.
    private func find<Spec: SpecContent>(
        _ type: Spec.Type,
        _ name: String,
        field: String,
        of campaign: Located<CampaignSpec>,
        _ found: inout [Diagnostic]
    ) -> Spec? {
        // A draft has no name where it could not be read.
        guard !name.isEmpty else { return nil }
        let tenant = campaign.identity.tenant
        let identity = SpecIdentity(tenant: tenant, kind: Spec.kind, name: name)
        if let spec = specs[identity]?.value as? Spec { return spec }
        guard !claimed.contains(identity) else { return nil }
        let known = names[SpecIdentity(tenant: tenant, kind: Spec.kind, name: "")] ?? []
        let kind = Spec.kind.rawValue
        let help =
            SpellingSuggestion.help(for: name, among: known, what: "tenant `\(tenant)` has")
            ?? "define a `kind: \(kind)` of that name in `\(tenant)`"
        let message = "unknown \(kind) `\(name)` in tenant `\(tenant)`"
        found.append(Diagnostic(.unknownReference, at: campaign.place(of: field), field: field, message, help: help))
        return nil
    }
}
