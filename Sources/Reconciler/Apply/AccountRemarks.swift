import Foundation
import Postgres
import Spec
import Store

/// The remarks of a plan on what WhatsApp's webhooks told of the templates, numbers and accounts that the campaigns of the specs use.
enum AccountRemarks {
    /// Returns the remarks as sentences: first those on senders, then those on templates, each once.
    static func read(
        _ desired: DesiredState,
        now: Date,
        on connection: PostgresConnection
    ) async throws -> [String] {
        let facts = try await AccountFactRepository.facts(
            tenants: desired.tenants,
            now: now,
            time: { tenant, date in TenantClock.sentence(date, in: desired.zones[tenant]) },
            on: connection
        )
        guard !facts.isEmpty else { return [] }
        let senders = Dictionary(facts.map { (SpecIdentity(sender: $0), $0) }) { first, _ in first }
        let campaigns = desired.items.values.compactMap(\.campaign)
        var templates: Set<String> = []
        for campaign in campaigns {
            guard let template = campaign.template, let language = template.language,
                let sender = senders[SpecIdentity(senderOf: campaign)],
                let state = sender.template(template.whatsappName, language),
                let remark = state.remark(
                    storedCategory: template.category.rawValue,
                    time: { TenantClock.sentence($0, in: desired.zones[campaign.identity.tenant]) }
                )
            else { continue }
            let name = "\(campaign.identity.tenant)/Template/\(template.name)"
            templates.insert("at WhatsApp, \(name) (\(language)) of sender `\(campaign.sender.name)` \(remark)")
        }
        let used = Set(campaigns.map(SpecIdentity.init(senderOf:)))
        let remarks = facts.filter { used.contains(SpecIdentity(sender: $0)) }.flatMap(\.remarks)
        return Set(remarks).sorted() + templates.sorted()
    }
}

extension SpecIdentity {
    fileprivate init(sender facts: AccountFactRepository.SenderFacts) {
        self.init(tenant: facts.tenantID, kind: .sender, name: facts.name)
    }

    fileprivate init(senderOf campaign: ResolvedCampaign) {
        self.init(tenant: campaign.identity.tenant, kind: .sender, name: campaign.sender.name)
    }
}
