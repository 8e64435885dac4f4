public import Spec
import Store

/// What the specs want, in the form in which rows are compared.
public struct DesiredState: Sendable {
    /// One spec.
    final class Item: Sendable {
        let identity: SpecIdentity
        /// The name that the row had before, if the spec says so.
        let renamedFrom: SpecIdentity?
        let content: JSONValue
        let spec: Located<any SpecContent>
        /// The campaign with what it refers to; `nil` for other kinds.
        let campaign: ResolvedCampaign?

        init(
            identity: SpecIdentity,
            renamedFrom: SpecIdentity?,
            content: JSONValue,
            spec: Located<any SpecContent>,
            campaign: ResolvedCampaign?
        ) {
            self.identity = identity
            self.renamedFrom = renamedFrom
            self.content = content
            self.spec = spec
            self.campaign = campaign
        }
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

    /// Takes the specs of a valid catalog; uses all cores, so that many are better not taken on the cooperative pool.
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
        self.tenants = Self.scope(tenants)
        allTenants = catalog.tenants
        let campaigns = Dictionary(
            uniqueKeysWithValues: zip(catalog.resolvedCampaigns.map(\.identity), catalog.resolvedCampaigns.indices)
        )
        let specs = catalog.specs.filter { tenants.isEmpty || tenants.contains($0.identity.tenant) }
        let made = specs.parallelMap { spec in
            let index = spec.identity.kind == .campaign ? campaigns[spec.identity] : nil
            return Self.item(spec, index.map { catalog.resolvedCampaigns[$0] }, root: root)
        }
        items = Dictionary(uniqueKeysWithValues: made.map { ($0.identity, $0) })
        let tenantSpecs = specs.compactMap { $0.identity.kind == .tenant ? $0.value as? TenantSpec : nil }
        policies = Dictionary(tenantSpecs.map { ($0.name, $0.policy) }) { first, _ in first }
        policyBreaches = catalog.policyViolations
            .filter { tenants.isEmpty || tenants.contains($0.tenant) }
            .map { PolicyBreach($0.rule, $0.identity, reason: $0.message) }
    }

    /// The tenants that are meant, each once; `nil` means all.
    static func scope(_ tenants: [String]) -> [String]? {
        tenants.isEmpty ? nil : Set(tenants).sorted()
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
