import Foundation
import Postgres
import Spec
import Spelling
import Store

/// The remarks of a plan on what WhatsApp's webhooks told of the templates, numbers and accounts that the campaigns of the specs use.
enum AccountRemarks {
    /// Returns the remarks as sentences: first those on senders, then those on templates, each once; not on those of which the plan
    /// tells more.
    static func read(
        _ desired: DesiredState,
        except told: Set<SpecIdentity>,
        now: Date,
        on connection: PostgresConnection
    ) async throws -> [String] {
        let facts = try await AccountFactRepository.facts(
            tenants: desired.tenants,
            now: now,
            time: { tenant, date in TenantClock.sentence(date, in: desired.zones[tenant]) },
            on: connection
        )
        let seen = try await AccountViewRepository.views(tenants: desired.tenants, withTemplates: false, on: connection)
        let views = seen.flatMap { NumberRemarks.of($0, desired) } + PortfolioRemarks.of(seen, desired)
        guard !facts.isEmpty else { return views }
        let senders = Dictionary(facts.map { (SpecIdentity(sender: $0), $0) }) { first, _ in first }
        let campaigns = desired.items.values.compactMap(\.campaign)
        var templates: Set<String> = []
        for campaign in campaigns {
            guard let template = campaign.template, let language = template.language,
                !told.contains(
                    SpecIdentity(tenant: campaign.identity.tenant, kind: .template, name: template.name)
                ),
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
        return views + Set(remarks).sorted() + templates.sorted()
    }
}

/// The remarks of a plan on what was read of accounts and their numbers.
enum NumberRemarks {
    /// Returns the remarks as sentences: on the account, on its numbers, and on their limits.
    static func of(_ view: AccountView, _ desired: DesiredState) -> [String] {
        let account = "\(view.tenantID)/Account/\(view.name)"
        guard desired.items[SpecIdentity(tenant: view.tenantID, kind: .account, name: view.name)] != nil else {
            return []
        }
        var remarks: [String] = []
        if let error = view.error { remarks.append("\(account) could not be read at WhatsApp: \(error)") }
        let senders = desired.items.values.compactMap { item -> (name: String, spec: SenderSpec)? in
            guard item.identity.tenant == view.tenantID, let spec = item.spec.value as? SenderSpec,
                spec.account == view.name
            else { return nil }
            return (item.identity.name, spec)
        }
        .sorted { $0.name < $1.name }
        for sender in senders {
            guard let number = view.numbers.first(where: { $0.phoneNumberID == sender.spec.phoneNumberId }) else {
                continue
            }
            let name = "the number of sender `\(sender.name)`"
            if let goneAt = number.goneAt {
                remarks.append(
                    "\(name) is not in \(account) any more, since the reading at \(goneAt.formatted(.iso8601)): correct "
                        + "`phoneNumberId` or `account` of the sender"
                )
                continue
            }
            if !number.isHealthy {
                let state = [number.status, number.platform].compactMap(\.self).joined(separator: ", ")
                remarks.append("WhatsApp does not send from \(name): \(state)")
            }
            if let quality = number.quality, ["RED", "YELLOW"].contains(quality) {
                remarks.append("WhatsApp gives \(name) the quality \(quality)")
            }
        }
        guard let limit = view.profile?.messagingLimit else { return remarks }
        for sender in senders where sender.spec.dailyLimit.map({ $0 > limit }) ?? true {
            remarks.append(
                "WhatsApp allows sender `\(sender.name)` \(limit.grouped) business-initiated messages in 24 hours, "
                    + "less than its spec, and the lower limit counts"
            )
        }
        return remarks
    }
}

/// The remarks of a plan on the business portfolios of accounts: the numbers of one share a limit at WhatsApp.
enum PortfolioRemarks {
    /// Returns the remarks as sentences: on accounts whose spec names another portfolio, then on senders that share no quota.
    static func of(_ views: [AccountView], _ desired: DesiredState) -> [String] {
        var wrong: [String] = []
        var shared: [Portfolio: [String]] = [:]
        for view in views {
            let identity = SpecIdentity(tenant: view.tenantID, kind: .account, name: view.name)
            guard let spec = desired.items[identity]?.spec.value as? AccountSpec, let profile = view.profile else {
                continue
            }
            if let own = spec.businessId, let read = profile.businessID, own != read {
                wrong.append(
                    "\(view.tenantID)/Account/\(view.name) belongs to portfolio \(read) at WhatsApp, and its spec says \(own): "
                        + "correct `businessId`"
                )
            }
            guard profile.messagingLimit != nil else { continue }
            let id = profile.businessID ?? spec.businessId
            let key = Portfolio(tenant: view.tenantID, id: id ?? "of \(view.name)", isKnown: id != nil)
            shared[key, default: []].append(view.name)
        }
        return wrong + shared.sorted { $0.key < $1.key }.compactMap { remark(on: $0.key, accounts: $0.value, desired) }
    }

    private struct Portfolio: Hashable, Comparable {
        let tenant: String
        let id: String
        /// False if it is not known which portfolio the one account belongs to.
        let isKnown: Bool

        static func < (one: Self, other: Self) -> Bool { (one.tenant, one.id) < (other.tenant, other.id) }
    }

    private static func remark(on portfolio: Portfolio, accounts: [String], _ desired: DesiredState) -> String? {
        let senders = desired.items.values.compactMap { item -> (name: String, spec: SenderSpec)? in
            guard item.identity.tenant == portfolio.tenant, let spec = item.spec.value as? SenderSpec,
                let account = spec.account, accounts.contains(account)
            else { return nil }
            return (item.identity.name, spec)
        }
        guard Set(senders.map(\.spec.quotaGroup)).count > 1 else { return nil }
        let names = senders.map { "`\($0.name)`" }.sorted().joined(separator: ", ")
        let lacking = accounts.filter { name in
            let identity = SpecIdentity(tenant: portfolio.tenant, kind: .account, name: name)
            return (desired.items[identity]?.spec.value as? AccountSpec)?.businessId == nil
        }
        let remedy: String
        if lacking.isEmpty {
            remedy = "name the same `quotaGroup` in all of them, or in none"
        } else {
            let list = lacking.map { "`\($0)`" }.joined(separator: ", ")
            let id = portfolio.isKnown ? " \"\(portfolio.id)\"" : ""
            remedy = "give Account \(list) its `businessId`\(id), or the senders one `quotaGroup`"
        }
        return "senders \(names) share a limit at WhatsApp, and each counts for itself; \(remedy)"
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
