/// Looks specs up by name, and explains names that lead nowhere.
struct SpecIndex: Sendable {
    let specs: [SpecIdentity: Located<any SpecContent>]
    /// Every identity that a document claims, also where the document has errors.
    private let claimed: [SpecIdentity: SourcePlace]
    /// Tenants and kinds with documents that have errors.
    private let broken: Set<SpecIdentity>
    private let groups: SpecGroups

    /// Takes specs that are looked up by name; `grouped` tells whether they are listed too.
    init(specs: [SpecIdentity: Located<any SpecContent>], claimed: [SpecIdentity: SourcePlace], grouped: Bool = true) {
        self.specs = specs
        self.claimed = claimed
        // Every spec has claimed its identity, so where the numbers agree nobody else has.
        let lost = claimed.count == specs.count ? [] : claimed.keys.filter { specs[$0] == nil }
        broken = Set(lost.map(SpecGroups.group))
        groups = SpecGroups(specs: grouped ? specs : [:], claimed: claimed)
    }

    /// All specs, sorted by identity.
    var sorted: [Located<any SpecContent>] { groups.sorted }

    /// The specs of one kind, sorted by identity.
    func all<Spec: SpecContent>(_ type: Spec.Type) -> [Located<Spec>] {
        groups.all(type)
    }

    /// One spec without errors.
    func spec<Spec: SpecContent>(_ type: Spec.Type, _ name: String, tenant: String) -> Located<Spec>? {
        specs[SpecIdentity(tenant: tenant, kind: Spec.kind, name: name)]?.as(Spec.self)
    }

    /// Whether a document claims the name, but could not be read without errors.
    func isBroken(_ identity: SpecIdentity) -> Bool {
        specs[identity] == nil && claimed[identity] != nil
    }

    /// Whether a tenant has a document of a kind that could not be read without errors.
    func hasBroken(_ kind: SpecKind, tenant: String) -> Bool {
        broken.contains(SpecIdentity(tenant: tenant, kind: kind, name: ""))
    }

    /// Finds what a field refers to; says nothing if the spec exists but has errors itself.
    func find<Spec: SpecContent>(
        _ type: Spec.Type,
        _ name: String,
        field: String,
        of referrer: Located<some Sendable>,
        _ found: inout [Diagnostic]
    ) -> Located<Spec>? {
        let tenant = referrer.identity.tenant
        // A draft has no name where it could not be read.
        guard !name.isEmpty else { return nil }
        if let spec = spec(type, name, tenant: tenant) { return spec }
        guard !isBroken(SpecIdentity(tenant: tenant, kind: Spec.kind, name: name)) else { return nil }
        let known = groups.names(Spec.kind, tenant: tenant)
        let kind = Spec.kind.rawValue
        let help =
            SpellingSuggestion.help(for: name, among: known, what: "tenant `\(tenant)` has")
            ?? "define a `kind: \(kind)` of that name in `\(tenant)`"
        let message = "unknown \(kind) `\(name)` in tenant `\(tenant)`"
        found.append(Diagnostic(.unknownReference, at: referrer.place(of: field), field: field, message, help: help))
        return nil
    }
}
