/// Gives senders and templates the account of their tenant, and checks accounts against each other.
struct AccountChecker {
    private let index: SpecIndex
    /// The names that `kind: Account` documents claim, by tenant; documents with errors are included.
    private let names: [String: [String]]

    init(index: SpecIndex) {
        self.index = index
        names = index.names(of: .account)
    }

    /// Fills in the only account of the tenant; reports a sender or template that could belong to several.
    func fill(_ located: Located<any SpecContent>, _ found: inout [Diagnostic]) -> Located<any SpecContent> {
        guard let member = located.value as? any AccountMember, member.account == nil,
            let known = names[located.identity.tenant], located.lacks("account")
        else { return located }
        guard known.count == 1 else {
            let list = known.map { "`\($0)`" }.joined(separator: ", ")
            let message = "missing field `account`: tenant `\(located.identity.tenant)` has several, \(list)"
            let help = "name one of them"
            found.append(Diagnostic(.missingField, at: located.headPlace, field: "account", message, help: help))
            return located
        }
        return located.map { _ in member.belonging(to: known[0]) } ?? located
    }

    /// Checks the accounts that some specs name.
    func check(_ specs: ArraySlice<Located<any SpecContent>>, _ found: inout [Diagnostic]) {
        for spec in specs {
            guard let member = spec.value as? any AccountMember, let account = member.account else { continue }
            let known = index.find(AccountSpec.self, account, field: "account", of: spec, &found)
            if let known, let template = spec.as(TemplateSpec.self) { checkUploads(template, known, &found) }
        }
    }

    /// Warns of samples that cannot be uploaded, because the account names no app.
    private func checkUploads(
        _ template: Located<TemplateSpec>,
        _ account: Located<AccountSpec>,
        _ found: inout [Diagnostic]
    ) {
        guard account.lacks("appId"), let sample = template.value.submissions.flatMap(TemplateSubmission.samples).first
        else { return }
        found.append(
            Diagnostic(
                .sampleWithoutApp,
                at: template.lacks("header") ? template.headPlace : template.place(of: "header"),
                field: "header",
                "account `\(account.identity.name)` has no `appId`, and the sample for `\(sample.key)` is uploaded through an app",
                help: "add the `appId` to the account; it is only needed to submit the template",
                related: Diagnostic.Related(place: account.place, label: "the account")
            )
        )
    }

    /// Checks that each campaign sends a template of its sender's account.
    func check(_ campaigns: [ResolvedCampaign], _ found: inout [Diagnostic]) {
        for campaign in campaigns {
            guard let template = campaign.template, let account = template.account, let own = campaign.sender.account,
                account != own, hasAccounts([account, own], of: campaign.identity.tenant),
                let located = index.spec(CampaignSpec.self, campaign.identity.name, tenant: campaign.identity.tenant)
            else { continue }
            found.append(
                Self.otherAccount(template, campaign.sender, at: located.place(of: "template"), field: "template")
            )
        }
    }

    /// Returns false if an account does not exist, which was reported.
    private func hasAccounts(_ accounts: [String], of tenant: String) -> Bool {
        accounts.allSatisfy { names[tenant]?.contains($0) ?? false }
    }

    /// Makes the error about a template of another account than the sender's.
    static func otherAccount(
        _ template: TemplateSpec,
        _ sender: SenderSpec,
        at place: SourcePlace,
        field: String
    ) -> Diagnostic {
        let message =
            "template `\(template.name)` belongs to account `\(template.account ?? "")`, and sender `\(sender.name)` to "
            + "`\(sender.account ?? "")`"
        let help = "WhatsApp sends templates from the numbers of their own account only"
        return Diagnostic(.otherAccount, at: place, field: field, message, help: help)
    }

    /// Finds templates that are one at WhatsApp: of one name and language at one account, or both without one.
    ///
    /// Two templates that share several languages are reported once, at the first of them.
    func checkTemplates(_ found: inout [Diagnostic]) {
        struct Key: Hashable {
            let (tenant, account, name, language): (String, String?, String, String)
        }
        var first: [Key: Located<TemplateSpec>] = [:]
        for template in index.allSound(TemplateSpec.self, ["whatsappName", "language", "languages", "account"]) {
            let (tenant, account) = (template.identity.tenant, template.value.account)
            // Which of several accounts is meant was asked.
            guard !template.value.whatsappName.isEmpty, account != nil || names[tenant] == nil else { continue }
            var reported: Set<SpecIdentity> = []
            for language in template.value.codes where !language.isEmpty {
                let key = Key(tenant: tenant, account: account, name: template.value.whatsappName, language: language)
                guard let other = first[key] else {
                    first[key] = template
                    continue
                }
                guard other.identity != template.identity, reported.insert(other.identity).inserted else { continue }
                let at = account.map { " at account `\($0)`" } ?? ""
                found.append(
                    Diagnostic(
                        .sameTemplate,
                        at: Self.place(of: language, in: template),
                        field: Self.isOwn(language, template) ? "whatsappName" : "languages.\(language)",
                        "templates `\(other.identity.name)` and `\(template.identity.name)` are one: `\(key.name)` in "
                            + "`\(language)`\(at)",
                        help: "keep one of the two, or give them names of their own",
                        related: Diagnostic.Related(place: Self.place(of: language, in: other), label: "the other one")
                    )
                )
            }
        }
    }

    private static func isOwn(_ language: String, _ template: Located<TemplateSpec>) -> Bool {
        template.value.language == language
    }

    /// Returns the place that gives a template a language: its name, or the key among its `languages`.
    private static func place(of language: String, in template: Located<TemplateSpec>) -> SourcePlace {
        isOwn(language, template)
            ? template.place(of: "whatsappName") : template.keyPlace(of: language, in: "languages")
    }

    /// Finds accounts that are one at WhatsApp: an error within a tenant, a warning across tenants.
    func checkIDs(_ found: inout [Diagnostic]) {
        var first: [String: Located<AccountSpec>] = [:]
        for account in index.allSound(AccountSpec.self, ["wabaId"]) where !account.value.wabaId.isEmpty {
            guard let other = first[account.value.wabaId] else {
                first[account.value.wabaId] = account
                continue
            }
            let isOwn = other.identity.tenant == account.identity.tenant
            let id = account.value.wabaId
            let message =
                isOwn
                ? "accounts `\(other.identity.name)` and `\(account.identity.name)` have the same `wabaId` \(id)"
                : "tenant `\(other.identity.tenant)` has an account with the same `wabaId` \(id)"
            found.append(
                Diagnostic(
                    isOwn ? .sameAccount : .sharedAccount,
                    at: account.place(of: "wabaId"),
                    field: "wabaId",
                    message,
                    help: isOwn
                        ? "keep one of the two, and name it in `account` of senders and templates"
                        : "they share all templates there: give each template to one tenant only, under a name of its own",
                    related: Diagnostic.Related(place: other.place(of: "wabaId"), label: "the other one")
                )
            )
        }
    }
}

/// Gives the senders of one business portfolio one quota group: they share the limit at WhatsApp.
///
/// A sender that names a group keeps it.
struct PortfolioGroups {
    /// The portfolios of accounts that name one.
    private let portfolios: [SpecIdentity: String]

    init(index: SpecIndex) {
        let accounts = index.all(AccountSpec.self).compactMap { account in
            account.value.businessId.map { (account.identity, $0) }
        }
        portfolios = Dictionary(accounts) { first, _ in first }
    }

    /// Fills in the group of a sender whose account belongs to a portfolio.
    func fill(_ located: Located<any SpecContent>) -> Located<any SpecContent> {
        guard !portfolios.isEmpty, var sender = located.value as? SenderSpec, let account = sender.account,
            let portfolio = portfolios[
                SpecIdentity(tenant: located.identity.tenant, kind: .account, name: account)
            ],
            located.lacks("quotaGroup")
        else { return located }
        sender.quotaGroup = AccountSpec.quotaGroup(ofPortfolio: portfolio)
        return located.map { _ in sender } ?? located
    }
}

/// A spec that belongs to an account at WhatsApp.
protocol AccountMember: SpecContent {
    /// An account of the same tenant, by its name; `nil` if the tenant has none.
    var account: String? { get set }
}

extension AccountMember {
    fileprivate func belonging(to account: String) -> any SpecContent {
        var member = self
        member.account = account
        return member
    }
}
