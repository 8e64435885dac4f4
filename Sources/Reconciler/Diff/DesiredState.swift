public import Spec
import Store

/// What the specs want, in the form in which rows are compared.
public struct DesiredState: Sendable {
    /// One spec.
    struct Item: Sendable {
        let identity: SpecIdentity
        /// The name that the row had before, if the spec says so.
        let renamedFrom: SpecIdentity?
        let content: JSONValue
        let spec: Located<any SpecContent>
        /// The campaign with what it refers to; `nil` for other kinds.
        let campaign: ResolvedCampaign?
    }

    /// Whose specs; `nil` means all.
    let tenants: [String]?
    /// The tenants that have specs, also those that are not looked at.
    let allTenants: [String]
    let items: [SpecIdentity: Item]
    /// The policies of tenants that have one.
    let policies: [String: TenantPolicy]
    /// What breaks them, as far as the specs alone can tell.
    let policyBreaches: [PolicyBreach]

    /// Takes the specs of a valid catalog.
    ///
    /// - Parameters:
    ///   - catalog: All specs, without errors.
    ///   - root: The folder that they were read from; rows name their files below it.
    ///   - tenants: Whose specs to look at; empty means all.
    /// - Throws: ``ReconcileError/invalidSpecs(errors:)`` when the catalog has errors.
    public init(catalog: SpecCatalog, root: String, tenants: [String] = []) throws(ReconcileError) {
        guard catalog.isValid else {
            throw .invalidSpecs(errors: catalog.diagnostics.count { $0.severity == .error })
        }
        self.tenants = tenants.isEmpty ? nil : Set(tenants).sorted()
        allTenants = catalog.tenants
        let campaigns = Dictionary(uniqueKeysWithValues: catalog.resolvedCampaigns.map { ($0.identity, $0) })
        var items: [SpecIdentity: Item] = [:]
        for spec in catalog.specs where tenants.isEmpty || tenants.contains(spec.identity.tenant) {
            items[spec.identity] = Self.item(spec, campaigns[spec.identity], root: root)
        }
        self.items = items
        let tenantSpecs = items.values.compactMap { $0.spec.value as? TenantSpec }
        policies = Dictionary(tenantSpecs.map { ($0.name, $0.policy) }) { first, _ in first }
        policyBreaches = catalog.policyViolations
            .filter { tenants.isEmpty || tenants.contains($0.tenant) }
            .map { PolicyBreach($0.rule, $0.identity, reason: $0.message) }
    }

    private static func item(_ spec: Located<any SpecContent>, _ campaign: ResolvedCampaign?, root: String) -> Item {
        let identity = spec.identity
        var content = spec.value.canonical.objectValue ?? [:]
        if let campaign {
            content["message"] = campaign.messagePayload
            if case .named = campaign.spec.audience { content["audienceFilter"] = campaign.audienceFilter?.json }
        }
        content["sourceFile"] = .string(path(of: spec.place.file, below: root))
        return Item(
            identity: identity,
            renamedFrom: spec.value.header.renamedFrom.map {
                SpecIdentity(tenant: identity.tenant, kind: identity.kind, name: $0)
            },
            content: ManagedRow.comparable(.object(content)),
            spec: spec,
            campaign: campaign
        )
    }

    private static func path(of file: String, below root: String) -> String {
        var prefix = root
        while prefix.hasSuffix("/") { prefix.removeLast() }
        guard file.hasPrefix(prefix + "/") else { return file }
        return String(file.dropFirst(prefix.utf8.count + 1).drop { $0 == "/" })
    }
}
