import JSON
import YAML

/// Finds the specs that others refer to, and reports those that do not exist or do not fit.
struct ReferenceChecker {
    private let index: SpecIndex
    private let templates: NamedTemplates

    init(index: SpecIndex) {
        self.index = index
        templates = NamedTemplates(index.specs.compactMap { $0.as(TemplateSpec.self) })
    }

    /// Resolves all campaigns that can be resolved, in the order given.
    func resolve(_ sorted: ArraySlice<Located<any SpecContent>>, _ found: inout [Diagnostic]) -> [ResolvedCampaign] {
        var resolved: [ResolvedCampaign] = []
        for located in sorted {
            if let old = located.value.header.renamedFrom { checkRename(located, from: old, &found) }
            guard let campaign = located.as(CampaignSpec.self) else { continue }
            if let result = resolve(campaign, &found) { resolved.append(result) }
        }
        return resolved
    }

    private func checkRename(_ spec: Located<any SpecContent>, from old: String, _ found: inout [Diagnostic]) {
        let identity = SpecIdentity(tenant: spec.identity.tenant, kind: spec.identity.kind, name: old)
        guard let other = index.sound(identity, ["renamedFrom"]), !isRenamedItself(other, besides: spec.identity) else {
            return
        }
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

    /// Returns true if the spec that has the old name is renamed too, and so on until a name is free: a chain, not a
    /// circle.
    private func isRenamedItself(_ spec: Located<any SpecContent>, besides first: SpecIdentity) -> Bool {
        var seen: Set<SpecIdentity> = [first]
        var current = spec
        while let old = current.value.header.renamedFrom {
            guard seen.insert(current.identity).inserted else { return false }
            let identity = SpecIdentity(tenant: first.tenant, kind: first.kind, name: old)
            guard let next = index.sound(identity, ["renamedFrom"]) else { return true }
            current = next
        }
        return false
    }

    private func resolve(_ campaign: Located<CampaignSpec>, _ found: inout [Diagnostic]) -> ResolvedCampaign? {
        let spec = campaign.value
        let sender = sender(of: campaign, &found)
        let (template, isComplete) = message(of: campaign, &found)
        var (filter, namedFilter): (AudienceFilter?, JSONValue?)
        switch spec.audience {
        case .named(let name):
            guard let audience = index.find(AudienceSpec.self, name, field: "audience", of: campaign, &found)
            else { return nil }
            (filter, namedFilter) = (audience.value.filter, audience.value.filterJSON)
        case .filter(let inline): filter = inline
        case nil: break
        }
        guard let sender, isComplete else { return nil }
        return ResolvedCampaign(
            campaign,
            sender: sender,
            template: template,
            namedCategory: TemplateReference(of: campaign.value, in: campaign.identity.tenant, from: sender)
                .flatMap(templates.category),
            audienceFilter: filter,
            namedFilter: namedFilter
        )
    }

    /// Finds the sender; a default sender that does not exist is reported at the tenant, not at every campaign.
    private func sender(of campaign: Located<CampaignSpec>, _ found: inout [Diagnostic]) -> SenderSpec? {
        guard let name = campaign.value.sender else { return nil }
        if campaign.usesDefault {
            return index.spec(SenderSpec.self, name, tenant: campaign.identity.tenant)?.value
        }
        return index.find(SenderSpec.self, name, field: "sender", of: campaign, &found)?.value
    }

    /// Finds the template, if the message is made from one, and whether the message can be made.
    private func message(
        of campaign: Located<CampaignSpec>,
        _ found: inout [Diagnostic]
    ) -> (template: TemplateSpec?, isComplete: Bool) {
        switch campaign.value.content {
        case .message: return (nil, true)
        case .template(let name, let params):
            // The other fields of a template have no variables.
            let fields = ["header", "body", "buttons", "cards", "offer", "otp", "languages"]
            guard
                let template = index.find(
                    TemplateSpec.self,
                    name,
                    field: "template",
                    of: campaign,
                    sound: fields,
                    &found
                )
            else { return (nil, false) }
            let mismatches = template.value.mismatches(params: keys(of: params, campaign))
            for mismatch in mismatches { found.append(diagnostic(mismatch, of: campaign, template)) }
            let faults = template.value.faults(in: params)
            for fault in faults {
                found.append(fault.diagnostic(at: campaign.keyPlace(of: fault.key, in: "params")))
            }
            if let language = campaign.value.language, template.value.language != nil,
                !template.value.codes.contains(language)
            {
                let known = template.value.codes.map { "`\($0)`" }.joined(separator: ", ")
                let message = "template `\(name)` has no language `\(language)`"
                let place = campaign.place(of: "language")
                found.append(
                    Diagnostic(.translation, at: place, field: "language", message, help: "it has \(known)")
                )
                return (nil, false)
            }
            guard mismatches.isEmpty, faults.isEmpty, !index.isBroken(template.identity) else { return (nil, false) }
            return (template.value, true)
        }
    }

    /// Returns the keys of parameters, also of those whose texts have errors.
    private func keys(of params: [String: String], _ campaign: Located<CampaignSpec>) -> Set<String> {
        guard !campaign.isSound(["params"]) else { return Set(params.keys) }
        return Set(params.keys).union(campaign.document.mapping?["params"]?.mapping?.pairs.map(\.key) ?? [])
    }

    private func diagnostic(
        _ mismatch: ParameterMismatch,
        of campaign: Located<CampaignSpec>,
        _ template: Located<TemplateSpec>
    ) -> Diagnostic {
        let related = Diagnostic.Related(place: template.place(of: "body"), label: "the template's body")
        switch mismatch {
        case .missing:
            let place = campaign.keyPlace(of: "params", in: "")
            let hasParams = place != campaign.place
            return mismatch.diagnostic(at: hasParams ? place : campaign.place(of: "template"), related: related)
        case .superfluous(let key, _, _), .doubled(let key, _):
            return mismatch.diagnostic(at: campaign.keyPlace(of: key, in: "params"), related: related)
        }
    }
}
