import JSON
import Spec

/// Finds the changes that specs inherit: from an audience or a template that they name, from a default of their tenant, or
/// from the account that became or was its only one, or that got another portfolio.
///
/// The files of these specs were not edited; only the rows that the daemon reads change.
enum Inheritance {
    /// Marks the changes whose every difference is inherited, with the changes that an author made.
    static func mark(_ plan: inout Plan, _ desired: DesiredState) {
        let kinds: Set<SpecKind> = [.tenant, .template, .audience]
        let updates = plan.changes.indices.filter { plan.changes[$0].action == .update }
        let accounts = plan.changes.indices.filter { plan.changes[$0].identity.kind == .account }
        let sources = updates.filter { kinds.contains(plan.changes[$0].identity.kind) } + accounts
        guard !sources.isEmpty else { return }
        let positions = Dictionary(sources.map { (plan.changes[$0].identity, $0) }) { first, _ in first }
        // Templates are sorted before campaigns, so that a campaign finds from whom its template inherits.
        for index in updates {
            let change = plan.changes[index]
            guard !change.isAdoption, change.renamedFrom == nil, !change.differences.isEmpty else { continue }
            var origins: Set<SpecIdentity> = []
            for difference in change.differences {
                guard let source = source(of: difference, change, desired), let position = positions[source],
                    passes(plan.changes[position], difference)
                else {
                    origins = []
                    break
                }
                let former = plan.changes[position].inheritedFrom
                origins.formUnion(former.isEmpty ? [source] : former)
            }
            plan.changes[index].inheritedFrom = origins.sorted()
        }
    }

    /// Returns the spec from which a field has its value; `nil` if the field is the spec's own.
    private static func source(
        of difference: FieldDifference,
        _ change: PlannedChange,
        _ desired: DesiredState
    ) -> SpecIdentity? {
        let identity = change.identity
        func named(_ field: String, _ kind: SpecKind) -> SpecIdentity? {
            guard let name = change.after?[field]?.stringValue, change.before?[field]?.stringValue == name else {
                return nil
            }
            return SpecIdentity(tenant: identity.tenant, kind: kind, name: name)
        }
        switch (identity.kind, difference.field) {
        case (.campaign, "audienceFilter"): return named("audience", .audience)
        case (.campaign, "message"): return named("template", .template)
        case (.campaign, "sender"), (.template, "language"):
            guard desired.items[identity]?.spec.usesDefault == true else { return nil }
            return SpecIdentity(tenant: identity.tenant, kind: .tenant, name: identity.tenant)
        case (.sender, "account"), (.template, "account"):
            // With the only account of a tenant comes and goes the account of all that name none.
            guard desired.items[identity]?.spec.lacks("account") == true,
                let name = (difference.after ?? difference.before)?.stringValue
            else { return nil }
            return SpecIdentity(tenant: identity.tenant, kind: .account, name: name)
        case (.sender, "quotaGroup"):
            guard desired.items[identity]?.spec.lacks("quotaGroup") == true,
                let name = (change.after?["account"] ?? change.before?["account"])?.stringValue
            else { return nil }
            return SpecIdentity(tenant: identity.tenant, kind: .account, name: name)
        default: return nil
        }
    }

    /// Returns true if the change of a source can be the reason for a difference.
    private static func passes(_ source: PlannedChange, _ difference: FieldDifference) -> Bool {
        switch source.identity.kind {
        case .account where difference.field == "quotaGroup":
            return source.before?["businessId"] != source.after?["businessId"]
        case .account: return difference.after == nil ? source.action == .delete : source.action != .delete
        case .tenant: break
        default: return !source.isFormal
        }
        return source.before?["defaults"]?[difference.field] == difference.before
            && source.after?["defaults"]?[difference.field] == difference.after
    }
}

extension Plan {
    /// The changes that inherit each other change, in the order of the plan.
    var heirs: [SpecIdentity: [PlannedChange]] { changes.heirs }
}

extension [PlannedChange] {
    /// The changes that inherit each other change, in the order of the plan.
    var heirs: [SpecIdentity: [PlannedChange]] {
        var heirs: [SpecIdentity: [PlannedChange]] = [:]
        for change in self {
            for origin in change.inheritedFrom { heirs[origin, default: []].append(change) }
        }
        return heirs
    }
}
