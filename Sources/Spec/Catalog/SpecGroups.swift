internal import Synchronization

/// The specs of a catalog by kind, and its names by tenant and kind.
final class SpecGroups: Sendable {
    private let kinds: [SpecKind: any Sendable]
    private let claimed: [SpecIdentity: SpecOrigin]
    /// Made when the first name leads nowhere.
    private let names = Mutex<[SpecIdentity: [String]]?>(nil)

    init(sorted: [Located<any SpecContent>], claimed: [SpecIdentity: SpecOrigin]) {
        self.claimed = claimed
        let groups = SpecKind.allCases.parallelMap(by: 1) { kind in Self.group(kind.content, sorted) }
        kinds = Dictionary(uniqueKeysWithValues: zip(SpecKind.allCases, groups))
    }

    private static func group<Spec: SpecContent>(
        _ type: Spec.Type,
        _ sorted: [Located<any SpecContent>]
    ) -> any Sendable {
        var group: [Located<Spec>] = []
        for index in sorted.indices where sorted[index].identity.kind == Spec.kind {
            if let spec = sorted[index].as(type) { group.append(spec) }
        }
        return group
    }

    /// The specs of one kind, sorted by identity.
    func all<Spec: SpecContent>(_ type: Spec.Type) -> [Located<Spec>] {
        kinds[Spec.kind] as? [Located<Spec>] ?? []
    }

    /// The names that documents of a tenant and kind claim, sorted.
    func names(_ kind: SpecKind, tenant: String) -> [String] {
        names.withLock { names in
            let all = names ?? Dictionary(grouping: claimed.keys, by: Self.group).mapValues { $0.map(\.name).sorted() }
            names = all
            return all[SpecIdentity(tenant: tenant, kind: kind, name: "")] ?? []
        }
    }

    /// What all identities of a tenant and kind have in common.
    static func group(_ identity: SpecIdentity) -> SpecIdentity {
        SpecIdentity(tenant: identity.tenant, kind: identity.kind, name: "")
    }
}
