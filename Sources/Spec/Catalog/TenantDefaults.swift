import Spelling

/// Fills in the defaults of the tenant, so that users of the catalog always find a value.
struct TenantDefaults: Sendable {
    private let index: SpecIndex

    init(index: SpecIndex) {
        self.index = index
    }

    /// Fills in a default; reports a field that neither the spec nor its tenant gives.
    func fill(_ located: Located<any SpecContent>, _ found: inout [Diagnostic]) -> Located<any SpecContent> {
        fill(located, as: located.identity.kind.definition, &found)
    }

    private func fill<Spec: SpecDefinition>(
        _ located: Located<any SpecContent>,
        as type: Spec.Type,
        _ found: inout [Diagnostic]
    ) -> Located<any SpecContent> {
        guard let field = Spec.tenantDefault, var spec = located.value as? Spec, spec[keyPath: field.value] == nil
        else { return located }
        spec[keyPath: field.value] = value(of: field, for: located, &found)
        return located.map { _ in spec } ?? located
    }

    private func value(
        of field: TenantDefault<some SpecDefinition>,
        for located: Located<any SpecContent>,
        _ found: inout [Diagnostic]
    ) -> String? {
        let tenant = located.identity.tenant
        // A field that is present and wrong was reported.
        guard located.usesDefault else { return nil }
        let document = index.sound(TenantSpec.self, tenant, tenant: tenant, ["defaults"])
        if let value = document?.value.defaults[keyPath: field.ofTenant] { return value }
        // The default may be what could not be read.
        let isBroken = index.isBroken(SpecIdentity(tenant: tenant, kind: .tenant, name: tenant))
        guard document != nil || !isBroken else { return nil }
        let name = field.field
        let help = "\(located.identity.kind.phrase) needs it, unless `defaults.\(name)` of the `Tenant` gives one"
        let message = "missing field `\(name)`"
        found.append(Diagnostic(.missingField, at: located.headPlace, field: name, message, help: help))
        return nil
    }
}

/// Checks `Tenant` documents.
struct TenantChecker {
    private let index: SpecIndex

    init(index: SpecIndex) {
        self.index = index
    }

    /// Checks the `Tenant` documents among some specs.
    func check(_ specs: ArraySlice<Located<any SpecContent>>, _ found: inout [Diagnostic]) {
        for tenant in specs.compactMap({ $0.as(TenantSpec.self) }) {
            if tenant.identity.name != tenant.identity.tenant { found.append(misnamed(tenant)) }
            if let sender = tenant.value.defaults.sender {
                _ = index.find(SenderSpec.self, sender, field: "defaults.sender", of: tenant, &found)
            }
        }
    }

    /// Reports limits and bills in currencies of which there are no prices, and tenants that could have several currencies.
    func checkCosts(_ rates: RateFiles, _ found: inout [Diagnostic]) {
        // Prices that cannot be read were reported, and may be the ones.
        guard !rates.isBroken else { return }
        for tenant in index.all(TenantSpec.self) {
            guard let limit = tenant.value.policy.maxCost, rates.book?.currencies.contains(limit.currency) != true
            else {
                continue
            }
            let field = "policy.maxCost"
            let message = "there are no prices in \(limit.currency) to compare `maxCost` with"
            let help = "put them into \(rates.folder), such as with `campaignd rates convert`"
            let place = tenant.place(of: field)
            found.append(Diagnostic(.invalidValue, at: place, field: field, message, help: help))
        }
        guard let book = rates.book else { return }
        let accounts = index.all(AccountSpec.self)
        for account in accounts {
            guard let currency = account.value.currency, !book.currencies.contains(currency) else { continue }
            found.append(
                Diagnostic(
                    .unpricedMarket,
                    at: account.place(of: "currency"),
                    field: "currency",
                    "there are no prices in \(currency), in which the account is billed",
                    help: "put them into \(rates.folder), such as with `campaignd rates convert`"
                )
            )
        }
        let billed = Dictionary(grouping: accounts, by: \.identity.tenant).mapValues { $0.compactMap(\.value.currency) }
        for tenant in index.all(TenantSpec.self) {
            let name = tenant.identity.tenant
            guard book.currency(limit: tenant.value.policy.maxCost, billed: billed[name] ?? []) == nil else { continue }
            let message =
                "no costs are estimated: there are prices in \(SpellingSuggestion.list(book.currencies, "and"))"
            let help = "give the `Account` its `currency`, or set `policy.maxCost`"
            found.append(Diagnostic(.unpricedMarket, at: tenant.place, message, help: help))
        }
    }

    private func misnamed(_ tenant: Located<TenantSpec>) -> Diagnostic {
        let folder = tenant.identity.tenant
        let name = tenant.identity.name
        guard let other = index.sound(TenantSpec.self, folder, tenant: folder, []) else {
            let message = "Tenant `\(name)` lies in the folder of tenant `\(folder)`"
            let help = "name it `\(folder)`, or move it into a folder `\(name)`"
            return Diagnostic(.tenantName, at: tenant.place, field: "name", message, help: help)
        }
        let message = "tenant `\(folder)` has a second `Tenant` document"
        let related = Diagnostic.Related(place: other.place, label: "the first one")
        let help = "put both into one"
        return Diagnostic(.tenantName, at: tenant.place, field: "name", message, help: help, related: related)
    }
}
