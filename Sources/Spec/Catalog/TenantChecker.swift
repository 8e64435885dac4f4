/// Checks the documents about the tenants themselves.
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

    private func misnamed(_ tenant: Located<TenantSpec>) -> Diagnostic {
        let folder = tenant.identity.tenant
        let name = tenant.identity.name
        guard let other = index.spec(TenantSpec.self, folder, tenant: folder) else {
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
