/// The specs of a catalog by kind, and its names by tenant and kind; each group is made when it is first asked for.
final class SpecGroups {
    private let specs: [SpecIdentity: Located<any SpecContent>]
    private let claimed: [SpecIdentity: SourcePlace]
    private var kinds: [SpecKind: any Sendable] = [:]
    private lazy var names = Dictionary(grouping: claimed.keys, by: Self.group).mapValues { $0.map(\.name).sorted() }

    /// All specs, sorted by identity.
    private(set) lazy var sorted: [Located<any SpecContent>] = {
        let located = Array(specs.values)
        // Numbers are cheaper to move about than specs.
        return located.indices.sorted { located[$0].identity < located[$1].identity }.map { located[$0] }
    }()

    init(specs: [SpecIdentity: Located<any SpecContent>], claimed: [SpecIdentity: SourcePlace]) {
        (self.specs, self.claimed) = (specs, claimed)
    }

    /// The specs of one kind, sorted by identity.
    func all<Spec: SpecContent>(_ type: Spec.Type) -> [Located<Spec>] {
        if let known = kinds[Spec.kind] as? [Located<Spec>] { return known }
        var group: [Located<Spec>] = []
        for located in sorted {
            if let spec = located.as(Spec.self) { group.append(spec) }
        }
        kinds[Spec.kind] = group
        return group
    }

    /// The names that documents of a tenant and kind claim, sorted.
    func names(_ kind: SpecKind, tenant: String) -> [String] {
        names[SpecIdentity(tenant: tenant, kind: kind, name: "")] ?? []
    }

    /// What all identities of a tenant and kind have in common.
    static func group(_ identity: SpecIdentity) -> SpecIdentity {
        SpecIdentity(tenant: identity.tenant, kind: identity.kind, name: "")
    }
}
