import Spelling

/// Looks up specs by name and kind, and explains names that do not exist.
struct SpecIndex: Sendable {
    /// The tenant and kind that identities have in common.
    private struct Group: Hashable {
        let tenant: String
        let kind: SpecKind
    }

    /// All specs without errors, sorted by identity.
    private(set) var specs: [Located<any SpecContent>]
    private let positions: [SpecIdentity: Int]
    /// Every identity that a document claims, including documents with errors.
    private let claimed: Set<SpecIdentity>
    private let names: [Group: [String]]

    /// Makes an index of specs in any order.
    init(_ specs: [Located<any SpecContent>], claimed: some Sequence<SpecIdentity>) {
        self.specs = specs.sorted { $0.identity < $1.identity }
        self.claimed = Set(claimed)
        names = Dictionary(grouping: self.claimed) { Group(tenant: $0.tenant, kind: $0.kind) }
            .mapValues { $0.map(\.name).sorted() }
        positions = Dictionary(uniqueKeysWithValues: zip(self.specs.map(\.identity), self.specs.indices))
    }

    /// Replaces values of specs; their order and identities stay.
    mutating func update(_ value: (Located<any SpecContent>) -> Located<any SpecContent>) {
        specs = specs.map(value)
    }

    /// One spec without errors, of any kind.
    subscript(identity: SpecIdentity) -> Located<any SpecContent>? {
        positions[identity].map { specs[$0] }
    }

    /// Returns the specs of one kind, sorted by identity.
    func all<Spec: SpecContent>(_ type: Spec.Type) -> [Located<Spec>] {
        specs.compactMap { $0.as(type) }
    }

    /// Returns one spec without errors.
    func spec<Spec: SpecContent>(_ type: Spec.Type, _ name: String, tenant: String) -> Located<Spec>? {
        self[SpecIdentity(tenant: tenant, kind: Spec.kind, name: name)]?.as(Spec.self)
    }

    /// Returns true if a document claims the name, but has errors.
    func isBroken(_ identity: SpecIdentity) -> Bool {
        positions[identity] == nil && claimed.contains(identity)
    }

    /// Returns true if a tenant has a document of a kind with errors.
    func hasBroken(_ kind: SpecKind, tenant: String) -> Bool {
        // Every spec without errors has claimed its identity.
        guard claimed.count > specs.count else { return false }
        return names[Group(tenant: tenant, kind: kind)]?
            .contains { isBroken(SpecIdentity(tenant: tenant, kind: kind, name: $0)) } ?? false
    }

    /// Finds the spec that a field refers to, and reports a name that does not exist; a spec with errors is not reported.
    func find<Spec: SpecContent>(
        _ type: Spec.Type,
        _ name: String,
        field: String,
        of referrer: Located<some Sendable>,
        _ found: inout [Diagnostic]
    ) -> Located<Spec>? {
        let tenant = referrer.identity.tenant
        // In a draft, a name that could not be read is empty.
        guard !name.isEmpty else { return nil }
        if let spec = spec(type, name, tenant: tenant) { return spec }
        guard !isBroken(SpecIdentity(tenant: tenant, kind: Spec.kind, name: name)) else { return nil }
        let known = names[Group(tenant: tenant, kind: Spec.kind)] ?? []
        let kind = Spec.kind.rawValue
        let help =
            SpellingSuggestion.help(for: name, among: known, what: "tenant `\(tenant)` has")
            ?? "define a `kind: \(kind)` of that name in `\(tenant)`"
        let message = "unknown \(kind) `\(name)` in tenant `\(tenant)`"
        found.append(Diagnostic(.unknownReference, at: referrer.place(of: field), field: field, message, help: help))
        return nil
    }
}
