internal import Foundation
import JSON
import Spelling

/// Finds what goes beyond the policies of the tenants, as far as the specs alone can tell.
///
/// How many recipients a run has only the contacts can tell, so ``TenantPolicy/maxRecipients`` is not checked here.
struct PolicyChecker {
    private let index: SpecIndex
    private let now: Date

    init(index: SpecIndex, now: Date) {
        self.index = index
        self.now = now
    }

    /// All violations, sorted.
    func violations() -> [PolicyViolation] {
        let tenants = index.all(TenantSpec.self)
            .filter { $0.identity.name == $0.identity.tenant && !$0.value.policy.isEmpty }
        guard !tenants.isEmpty else { return [] }
        let campaigns = Dictionary(grouping: index.all(CampaignSpec.self), by: \.identity.tenant)
        let schedules = index.all(ScheduleSpec.self)
        return tenants.flatMap { tenant -> [PolicyViolation] in
            let own = campaigns[tenant.identity.tenant] ?? []
            return count(own, tenant) + categories(own, tenant)
                + IntervalChecker(now: now).violations(schedules, tenant)
        }
        .sorted()
    }

    private func count(_ campaigns: [Located<CampaignSpec>], _ tenant: Located<TenantSpec>) -> [PolicyViolation] {
        let count = campaigns.count
        guard let limit = tenant.value.policy.maxCampaigns, count > limit else { return [] }
        let message = "tenant `\(tenant.identity.tenant)` has \(count) campaigns, more than \(limit)"
        let place = tenant.place(of: "policy.maxCampaigns")
        return [
            PolicyViolation(
                rule: .maxCampaigns,
                identity: tenant.identity,
                message: message,
                place: place,
                limit: place
            )
        ]
    }

    private func categories(
        _ campaigns: [Located<CampaignSpec>],
        _ tenant: Located<TenantSpec>
    ) -> [PolicyViolation] {
        guard let allowed = tenant.value.policy.allowedCategories else { return [] }
        let words = SpellingSuggestion.list(allowed.map(\.rawValue), "and")
        // The first of several languages stands for all: the category belongs to the name.
        let templates = Dictionary(
            index.all(TemplateSpec.self).filter { $0.identity.tenant == tenant.identity.tenant }
                .map { ($0.value.whatsappName, $0.value.category) }
        ) { first, _ in first }
        return campaigns.compactMap { campaign in
            let what: String
            switch sending(campaign, templates) {
            case .noTemplate: return nil
            case .template(let category):
                if allowed.contains(category) { return nil }
                what = "a template of category `\(category.rawValue)`"
            case .unknownTemplate: what = "a template of unknown category"
            }
            let field = campaign.value.template == nil ? "message.template.name" : "template"
            return PolicyViolation(
                rule: .allowedCategories,
                identity: campaign.identity,
                message: "campaign `\(campaign.identity.name)` sends \(what), and the policy allows only \(words)",
                place: campaign.place(of: field),
                limit: tenant.place(of: "policy.allowedCategories")
            )
        }
    }

    /// What a campaign sends, as far as categories go.
    private enum Sending {
        case noTemplate
        case template(TemplateSpec.Category)
        /// A raw message with a template of no spec, so that nobody knows what it was approved for.
        case unknownTemplate
    }

    private func sending(
        _ campaign: Located<CampaignSpec>,
        _ templates: [String: TemplateSpec.Category]
    ) -> Sending {
        let tenant = campaign.identity.tenant
        switch campaign.value.content {
        case .template(let name, _):
            // One that does not exist was reported.
            return index.spec(TemplateSpec.self, name, tenant: tenant).map { .template($0.value.category) }
                ?? .noTemplate
        case .message(let payload):
            guard payload["type"] == "template" else { return .noTemplate }
            let name = payload["template"]?["name"]?.stringValue ?? ""
            return templates[name].map { .template($0) } ?? .unknownTemplate
        }
    }
}

extension CampaignSpec {
    /// The name of the template spec, if there is one.
    fileprivate var template: String? {
        if case .template(let name, _) = content { name } else { nil }
    }
}
