import Calendar
import JSON
public import Spec
import Store

/// The state that the specs describe, in the form in which rows are compared.
public struct DesiredState: Sendable {
    /// One spec.
    final class Item: Sendable {
        let identity: SpecIdentity
        /// The former name of the row, if the spec gives one.
        let renamedFrom: SpecIdentity?
        let content: JSONValue
        let spec: Located<any SpecContent>
        /// The campaign with its references resolved; `nil` for other kinds.
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

    /// The environment whose values the specs have; `nil` if none was chosen.
    let environment: String?
    /// True if the database may be of another environment, which it becomes then.
    public var changesEnvironment = false
    /// The names of templates that are to be deleted at WhatsApp, each with `:` and a language for one language only.
    public var deletionsAtWhatsApp: [String] = []
    /// The tenants to plan for; `nil` means all.
    let tenants: [String]?
    /// All tenants that have specs.
    let allTenants: [String]
    private(set) var items: [SpecIdentity: Item]
    /// The number of items by tenant.
    let specCounts: [String: Int]
    /// The policies by tenant.
    let policies: [String: TenantPolicy]
    /// The zones of the tenants' clocks; tenants without one are left out.
    let zones: [String: IANAZone]
    /// The prices beside the specs; `nil` without any.
    let rates: RateBook?
    /// The currencies of costs by tenant; tenants without one are left out.
    let currencies: [String: String]
    /// The files beside the specs of the tenants that are planned for.
    let media: [MediaFile]
    /// The policy violations that the specs alone show.
    let policyBreaches: [PolicyBreach]

    /// Makes the state from a valid catalog; this keeps all cores busy, so call it outside of the cooperative pool.
    ///
    /// - Parameters:
    ///   - catalog: All specs, without errors.
    ///   - root: The folder of the catalog; rows name their files relative to it.
    ///   - tenants: The tenants to plan for; empty means all.
    ///   - holds: Returns whether the database holds a tenant; specs of others are left out, as if they were not there.
    /// - Throws: ``ReconcileError/invalidSpecs(errors:)`` if the catalog has errors.
    public init(
        catalog: SpecCatalog,
        root: String,
        tenants: [String] = [],
        holds: (String) -> Bool = { _ in true }
    ) throws(ReconcileError) {
        guard catalog.isValid else {
            throw .invalidSpecs(errors: catalog.diagnostics.count { $0.severity == .error })
        }
        environment = catalog.environment
        self.tenants = Self.scope(tenants)
        allTenants = catalog.tenants.filter(holds)
        func isChosen(_ tenant: String) -> Bool {
            (tenants.isEmpty || tenants.contains(tenant)) && holds(tenant)
        }
        let specs = catalog.specs.filter { isChosen($0.identity.tenant) }
        var folder = root
        while folder.hasSuffix("/") { folder.removeLast() }
        let campaigns = Self.campaigns(of: specs, among: catalog.resolvedCampaigns)
        let made = specs.indices.parallelMap { [folder = folder + "/"] index in
            Self.item(specs[index], campaigns[index], below: folder)
        }
        var items = [SpecIdentity: Item](minimumCapacity: made.count)
        for item in made { items[item.identity] = item }
        self.items = items
        specCounts = specs.indices.reduce(into: [:]) { $0[specs[$1].identity.tenant, default: 0] += 1 }
        let tenantSpecs = specs.indices.filter { specs[$0].identity.kind == .tenant }
            .compactMap { specs[$0].value as? TenantSpec }
        policies = Dictionary(tenantSpecs.map { ($0.name, $0.policy) }) { first, _ in first }
        zones = Dictionary(tenantSpecs.compactMap { spec in spec.zone.map { (spec.name, $0) } }) { first, _ in first }
        rates = catalog.rates
        currencies = catalog.rates?.currencies(of: catalog) ?? [:]
        media = catalog.media.filter { isChosen($0.tenant) }
        policyBreaches = catalog.policyViolations
            .filter { isChosen($0.tenant) }
            .map { PolicyBreach($0.rule, $0.identity, actual: $0.actual, reason: $0.message) }
    }

    /// True if an apply records an environment, or removes the record.
    var setsEnvironment: Bool { environment != nil || changesEnvironment }

    /// Checks that the database has no specs of another environment.
    ///
    /// - Throws: ``ReconcileError/otherEnvironment(stored:given:)``.
    func checkEnvironment(of stored: String?) throws(ReconcileError) {
        guard let stored, stored != environment, !changesEnvironment else { return }
        throw .otherEnvironment(stored: stored, given: environment)
    }

    /// Sorts the tenants and removes duplicates; `nil` means all.
    static func scope(_ tenants: [String]) -> [String]? {
        tenants.isEmpty ? nil : Set(tenants).sorted()
    }

    /// Finds the resolved campaign of each campaign spec; both lists are sorted.
    private static func campaigns(
        of specs: [Located<any SpecContent>],
        among resolved: [ResolvedCampaign]
    ) -> [ResolvedCampaign?] {
        var next = 0
        return specs.indices.map { index in
            let identity = specs[index].identity
            guard identity.kind == .campaign else { return nil }
            while next < resolved.count, resolved[next].identity < identity { next += 1 }
            return next < resolved.count && resolved[next].identity == identity ? resolved[next] : nil
        }
    }

    private static func item(
        _ spec: Located<any SpecContent>,
        _ campaign: ResolvedCampaign?,
        below folder: String
    ) -> Item {
        let identity = spec.identity
        var content = spec.value.canonical.fields ?? [:]
        if let campaign {
            content["message"] = campaign.messagePayload
            content["audienceFilter"] = campaign.namedFilter
        }
        let file = spec.place.file
        content["sourceFile"] = .string(file.hasPrefix(folder) ? path(of: file, below: folder) : file)
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

    private static func path(of file: String, below folder: String) -> String {
        String(Substring(file.utf8.dropFirst(folder.utf8.count).drop { $0 == UInt8(ascii: "/") }))
    }
}

extension DesiredState {
    /// Returns the state with other campaigns, whose content is the same.
    func mappingCampaigns(_ transform: (ResolvedCampaign) -> ResolvedCampaign) -> DesiredState {
        var state = self
        for (identity, item) in items {
            guard let campaign = item.campaign else { continue }
            state.items[identity] = Item(
                identity: identity,
                renamedFrom: item.renamedFrom,
                content: item.content,
                spec: item.spec,
                campaign: transform(campaign)
            )
        }
        return state
    }

    /// The names of templates that are to be deleted at WhatsApp, without languages.
    var namesDeletedAtWhatsApp: [String] {
        deletionsAtWhatsApp.compactMap { $0.split(separator: ":", maxSplits: 1).first.map(String.init) }
    }

    /// Returns the state with templates under other names at WhatsApp, and the campaigns that send them.
    func namingTemplates(_ names: [SpecIdentity: String]) -> DesiredState {
        var state = self
        for (identity, item) in items {
            let name: String?
            if identity.kind == .template {
                name = names[identity]
            } else {
                name = item.campaign?.template.flatMap { template in
                    names[SpecIdentity(tenant: identity.tenant, kind: .template, name: template.name)]
                }
            }
            guard let name, var content = item.content.fields else { continue }
            let campaign = item.campaign?.sending(atWhatsApp: name)
            if let campaign {
                content["message"] = ManagedRow.comparable(campaign.messagePayload)
            } else {
                content["whatsappName"] = .string(name)
            }
            state.items[identity] = Item(
                identity: identity,
                renamedFrom: item.renamedFrom,
                content: .object(content),
                spec: item.spec,
                campaign: campaign
            )
        }
        return state
    }

    /// Checks that every requested tenant has specs or rows.
    ///
    /// - Throws: ``ReconcileError/unknownTenants(_:known:)``.
    func checkTenants(against state: CurrentState) throws(ReconcileError) {
        guard let tenants else { return }
        let known = Set(items.keys.map(\.tenant)).union(state.rows.keys.map(\.tenant))
        let unknown = tenants.filter { !known.contains($0) }
        guard unknown.isEmpty else { throw .unknownTenants(unknown, known: allTenants) }
    }
}
