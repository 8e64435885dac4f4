internal import Synchronization

/// The specs of a catalog by kind, and its names by tenant and kind.
final class SpecGroups: Sendable {
    /// All specs, sorted by identity.
    let sorted: [Located<any SpecContent>]
    private let kinds: [SpecKind: any Sendable]
    private let claimed: [SpecIdentity: SourcePlace]
    /// Made when the first name leads nowhere.
    private let names = Mutex<[SpecIdentity: [String]]?>(nil)

    init(specs: [SpecIdentity: Located<any SpecContent>], claimed: [SpecIdentity: SourcePlace]) {
        let located = Array(specs.values)
        // Numbers are cheaper to move about than specs.
        let sorted = located.indices.sorted { located[$0].identity < located[$1].identity }.map { located[$0] }
        self.sorted = sorted
        self.claimed = claimed
        kinds = [
            .tenant: Self.all(TenantSpec.self, sorted), .sender: Self.all(SenderSpec.self, sorted),
            .template: Self.all(TemplateSpec.self, sorted), .audience: Self.all(AudienceSpec.self, sorted),
            .campaign: Self.all(CampaignSpec.self, sorted), .schedule: Self.all(ScheduleSpec.self, sorted),
            .trigger: Self.all(TriggerSpec.self, sorted),
        ]
    }

    private static func all<Spec: SpecContent>(
        _ type: Spec.Type,
        _ sorted: [Located<any SpecContent>]
    ) -> [Located<Spec>] {
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
