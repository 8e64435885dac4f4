import Spelling

/// Looks specs up by name, and explains names that lead nowhere.
struct SpecIndex: Sendable {
    /// All specs, sorted by identity.
    let sorted: [Located<any SpecContent>]
    private let positions: [SpecIdentity: Int]
    /// Every identity that a document claims, also where the document has errors.
    private let claimed: [SpecIdentity: SpecOrigin]
    /// Tenants and kinds with documents that have errors.
    private let broken: Set<SpecIdentity>
    private let groups: SpecGroups

    /// Takes specs that are sorted by identity, to look them up.
    init(sorted: [Located<any SpecContent>], claimed: [SpecIdentity: SpecOrigin]) {
        var positions = [SpecIdentity: Int](minimumCapacity: sorted.count)
        for index in sorted.indices { positions[sorted[index].identity] = index }
        // Every spec has claimed its identity, so where the numbers agree nobody else has.
        let lost = claimed.count == sorted.count ? [] : claimed.keys.filter { positions[$0] == nil }
        (self.sorted, self.positions, self.claimed) = (sorted, positions, claimed)
        broken = Set(lost.map(SpecGroups.group))
        groups = SpecGroups(sorted: [], claimed: claimed)
    }

    private init(_ other: Self, sorted: [Located<any SpecContent>]) {
        (self.sorted, positions, claimed, broken) = (sorted, other.positions, other.claimed, other.broken)
        groups = SpecGroups(sorted: sorted, claimed: other.claimed)
    }

    /// The same specs in the same order with other values, also by kind.
    func with(_ values: [Located<any SpecContent>]) -> SpecIndex {
        SpecIndex(self, sorted: values)
    }

    /// One spec without errors, of any kind.
    subscript(identity: SpecIdentity) -> Located<any SpecContent>? {
        positions[identity].map { sorted[$0] }
    }

    /// The specs of one kind, sorted by identity.
    func all<Spec: SpecContent>(_ type: Spec.Type) -> [Located<Spec>] {
        groups.all(type)
    }

    /// One spec without errors.
    func spec<Spec: SpecContent>(_ type: Spec.Type, _ name: String, tenant: String) -> Located<Spec>? {
        self[SpecIdentity(tenant: tenant, kind: Spec.kind, name: name)]?.as(Spec.self)
    }

    /// Whether a document claims the name, but could not be read without errors.
    func isBroken(_ identity: SpecIdentity) -> Bool {
        positions[identity] == nil && claimed[identity] != nil
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
