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
    /// The specs with errors, of which the sound fields are checked, too.
    private(set) var drafts: [SpecIdentity: Located<any SpecContent>] = [:]
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

    /// Returns the names that documents of a kind claim by tenant, sorted, including documents with errors.
    func names(of kind: SpecKind) -> [String: [String]] {
        names.reduce(into: [:]) { found, group in
            if group.key.kind == kind { found[group.key.tenant] = group.value }
        }
    }

    /// Replaces values of specs; their order and identities stay.
    mutating func update(_ value: (Located<any SpecContent>) -> Located<any SpecContent>) {
        specs = specs.map(value)
    }

    /// Sets the specs with errors.
    mutating func setDrafts(_ drafts: [Located<any SpecContent>]) {
        self.drafts = Dictionary(drafts.map { ($0.identity, $0) }) { first, _ in first }
    }

    /// Returns a spec of any kind whose fields are sound: one without errors, or a draft with errors in other fields.
    func sound(_ identity: SpecIdentity, _ fields: [String]) -> Located<any SpecContent>? {
        self[identity] ?? drafts[identity].flatMap { $0.isSound(fields) ? $0 : nil }
    }

    /// Returns a spec whose fields are sound.
    func sound<Spec: SpecContent>(
        _ type: Spec.Type,
        _ name: String,
        tenant: String,
        _ fields: [String]
    ) -> Located<Spec>? {
        sound(SpecIdentity(tenant: tenant, kind: Spec.kind, name: name), fields)?.as(Spec.self)
    }

    /// Returns the specs of one kind whose fields are sound, sorted by identity.
    func allSound<Spec: SpecContent>(_ type: Spec.Type, _ fields: [String]) -> [Located<Spec>] {
        let found = drafts.isEmpty ? [] : drafts.values.compactMap { $0.as(type) }.filter { $0.isSound(fields) }
        return found.isEmpty ? all(type) : (all(type) + found).sorted { $0.identity < $1.identity }
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

    /// Returns true if a tenant has a document of a kind in which a field may have another meaning than was read.
    func hasBroken(_ kind: SpecKind, tenant: String, _ field: String) -> Bool {
        // Every spec without errors has claimed its identity.
        guard claimed.count > specs.count else { return false }
        return names[Group(tenant: tenant, kind: kind)]?
            .contains { name in
                let identity = SpecIdentity(tenant: tenant, kind: kind, name: name)
                return isBroken(identity) && sound(identity, [field]) == nil
            } ?? false
    }

    /// Finds the spec that a field refers to, and reports a name that does not exist.
    ///
    /// - Parameters:
    ///   - type: The kind of the spec.
    ///   - name: Its name.
    ///   - field: The field with the name.
    ///   - referrer: The spec with the field.
    ///   - fields: The fields that the caller needs: a spec with errors in other fields is returned, too.
    ///   - found: Receives the mistake.
    /// - Returns: The spec; `nil` for a spec with errors in those fields, which were reported.
    func find<Spec: SpecContent>(
        _ type: Spec.Type,
        _ name: String,
        field: String,
        of referrer: Located<some Sendable>,
        sound fields: [String]? = nil,
        _ found: inout [Diagnostic]
    ) -> Located<Spec>? {
        let tenant = referrer.identity.tenant
        // In a draft, a name that could not be read is empty.
        guard !name.isEmpty else { return nil }
        if let spec = spec(type, name, tenant: tenant) { return spec }
        guard !isBroken(SpecIdentity(tenant: tenant, kind: Spec.kind, name: name)) else {
            return fields.flatMap { sound(type, name, tenant: tenant, $0) }
        }
        let known = names[Group(tenant: tenant, kind: Spec.kind)] ?? []
        let kind = Spec.kind.rawValue
        let help =
            SpellingSuggestion.help(for: name, among: known, what: "tenant `\(tenant)` has")
            ?? "define a `kind: \(kind)` of that name in `\(tenant)`"
        let message = "unknown \(kind) `\(name)` in tenant `\(tenant)`"
        let place = referrer.place(of: field)
        let near = SpellingSuggestion.candidates(for: name, among: known)
        // Another name may be meant, so the author decides.
        let fix = near.count == 1 ? Diagnostic.Fix(place: place, replacement: near[0], isSure: false) : nil
        found.append(Diagnostic(.unknownReference, at: place, field: field, message, help: help, fix: fix))
        return nil
    }
}
