public import Spec

/// The safety rules for plans, with their exceptions.
public struct SafetyRules: Sendable {
    /// The number of rows below which a tenant has no limit.
    private static let smallTenant = 10

    /// Deletes that are allowed even if the row is protected, has an open run, or looks renamed.
    public var allowedDeletes: Set<SpecIdentity>
    /// True if all rows may be deleted.
    public var allowsEmpty: Bool
    /// The maximum share of a tenant's rows that may be changed or deleted at once, from ten rows on; 0 to 100.
    public var maximumChangePercent: Int
    /// The maximum number of recipients of a tenant's campaigns that inherit edits of other specs, in total; from 0.
    public var maximumInheritedRecipients: Int
    /// Tenants whose rows may all be deleted.
    public var allowedEmptyTenants: Set<String>
    /// Tenants whose retention may delete rows.
    public var allowedRetentions: Set<String>
    /// Specs that may adopt the unmanaged row of their name.
    public var adopted: Set<SpecIdentity>
    /// True if every spec may adopt the unmanaged row of its name.
    public var adoptsAll: Bool
    /// Policy violations that are allowed.
    public var allowedPolicies: Set<PolicyException>
    /// Changes that rules of policies forbid, and that are allowed.
    public var allowedRules: Set<RuleException>

    public init(
        allowedDeletes: Set<SpecIdentity> = [],
        allowsEmpty: Bool = false,
        maximumChangePercent: Int = 30,
        maximumInheritedRecipients: Int = 100_000,
        allowedEmptyTenants: Set<String> = [],
        allowedRetentions: Set<String> = [],
        adopted: Set<SpecIdentity> = [],
        adoptsAll: Bool = false,
        allowedPolicies: Set<PolicyException> = [],
        allowedRules: Set<RuleException> = []
    ) {
        self.allowedDeletes = allowedDeletes
        self.allowsEmpty = allowsEmpty
        self.maximumChangePercent = maximumChangePercent
        self.maximumInheritedRecipients = maximumInheritedRecipients
        self.allowedEmptyTenants = allowedEmptyTenants
        self.allowedRetentions = allowedRetentions
        self.adopted = adopted
        self.adoptsAll = adoptsAll
        self.allowedPolicies = allowedPolicies
        self.allowedRules = allowedRules
    }

    /// Returns the rules that block a plan; empty if it may be applied.
    public func refusals(of plan: Plan) -> [SafetyRefusal] {
        let emptied = emptiedTenants(plan)
        let isEmptied = plan.isCatalogEmpty && plan.deletes > 0
        var refusals: [SafetyRefusal] = []
        if isEmptied {
            if !allowsEmpty { refusals.append(.emptyCatalog(rows: plan.deletes)) }
        } else {
            refusals += emptied.filter { !allowedEmptyTenants.contains($0.tenant) }
                .map { .emptyTenant($0.tenant, rows: $0.rows) }
        }
        for change in plan.changes { refusals += self.refusals(of: change) }
        refusals += renames(plan) + policies(plan)
        refusals += plan.policyRules.breaches(of: plan.changes)
            .filter { !allowedRules.contains($0.exception) }.map { .policyRule($0) }
        if !isEmptied { refusals += tooManyChanges(plan, except: Set(emptied.map(\.tenant))) }
        refusals += tooManyRecipients(plan)
        return refusals
    }

    /// Returns the refusals that the exceptions of these rules allow: a plan without any exception would be refused for
    /// them.
    public func allowances(of plan: Plan) -> [SafetyRefusal] {
        // Which percentage is the limit does not matter here, so refusals are compared by their flags.
        let refused = Set(refusals(of: plan).map(\.flag))
        return SafetyRules().refusals(of: plan).filter { !refused.contains($0.flag) }
    }

    private func refusals(of change: PlannedChange) -> [SafetyRefusal] {
        if change.isAdoption, let row = change.rowID, !adoptsAll, !adopted.contains(change.identity) {
            return [.unmanagedRow(change.identity, row: row)]
        }
        if !change.retentionLosses.isEmpty, !allowedRetentions.contains(change.identity.tenant) {
            return [.retention(tenant: change.identity.tenant, losses: change.retentionLosses)]
        }
        guard change.action == .delete, !allowedDeletes.contains(change.identity) else { return [] }
        var refusals: [SafetyRefusal] = []
        if change.isProtected { refusals.append(.protectedDelete(change.identity)) }
        if change.hasRunUnderWay { refusals.append(.deleteUnderWay(change.identity)) }
        return refusals
    }

    /// Returns the tenants that would lose all rows, unless each delete was allowed by name.
    private func emptiedTenants(_ plan: Plan) -> [Plan.TenantSize] {
        let unnamed = Set(
            plan.changes.filter { $0.action == .delete && !allowedDeletes.contains($0.identity) }.map(\.identity.tenant)
        )
        return plan.tenantSizes.filter { $0.specs == 0 && $0.rows > 0 && unnamed.contains($0.tenant) }
    }

    private func renames(_ plan: Plan) -> [SafetyRefusal] {
        let ignored = plan.ignoredRenames.filter { !allowedDeletes.contains($0.from) }
        let explained = Set(ignored.map(\.from))
        let deletes = plan.changes.filter { change in
            change.action == .delete && !allowedDeletes.contains(change.identity)
                && !explained.contains(change.identity)
        }
        let alike = RenameDetector.pairs(of: deletes, plan.changes.filter { $0.action == .create })
        return ignored.map { .ignoredRename(from: $0.from, to: $0.to) }
            + alike.map { .looksLikeRename(from: $0.from, to: $0.to) }
    }

    /// Refuses a plan that changes something of a tenant whose specs violate a policy.
    private func policies(_ plan: Plan) -> [SafetyRefusal] {
        let changed = Set(plan.changes.map(\.identity.tenant))
        return plan.policyBreaches
            .filter { breach in
                changed.contains(breach.identity.tenant) && !allowedPolicies.contains { $0.allows(breach) }
            }
            .map { .policy($0) }
    }

    /// Returns the limits to store with a plan, sorted: those that were named, and the values of violations that were
    /// allowed without a limit.
    ///
    /// - Returns: Only limits that are not stored yet.
    public func grants(of plan: Plan) -> [PolicyGrant] {
        allowedPolicies.compactMap { exception -> PolicyGrant? in
            let allowed = plan.policyBreaches.first { exception.limit == nil && exception.allows($0) }
            guard let limit = exception.limit ?? allowed?.actual else { return nil }
            let grant = PolicyGrant(rule: exception.rule, identity: exception.identity, limit: limit)
            return plan.allowedPolicies.limit(grant.rule, of: grant.identity) == limit ? nil : grant
        }
        .sorted { $0.description < $1.description }
    }

    /// Refuses edits of shared specs that concern too many recipients.
    private func tooManyRecipients(_ plan: Plan) -> [SafetyRefusal] {
        let counted = plan.changes.filter { $0.isInherited && $0.impact?.isBroadcast == true }
        return Dictionary(grouping: counted, by: \.identity.tenant).sorted { $0.key < $1.key }
            .compactMap { tenant, campaigns in
                let recipients = campaigns.reduce(0) { $0 + ($1.impact?.recipients ?? 0) }
                guard recipients > maximumInheritedRecipients else { return nil }
                return .tooManyRecipients(
                    tenant: tenant,
                    campaigns: campaigns.count,
                    recipients: recipients,
                    limit: maximumInheritedRecipients
                )
            }
    }

    /// Refuses too many edits; deletes that were allowed by name do not count, nor do changes without an effect.
    ///
    /// Inherited changes count by their recipients instead, unless these could not be counted.
    private func tooManyChanges(_ plan: Plan, except tenants: Set<String>) -> [SafetyRefusal] {
        let counted = plan.changes.filter { change in
            switch change.action {
            case .create: false
            case .update: !change.isFormal && !change.isAdoption && !isCountedByRecipients(change, plan)
            case .delete: !allowedDeletes.contains(change.identity)
            }
        }
        let changed = Dictionary(grouping: counted, by: \.identity.tenant).mapValues(\.count)
        return plan.tenantSizes.compactMap { size in
            let count = changed[size.tenant] ?? 0
            guard size.rows >= Self.smallTenant, !tenants.contains(size.tenant),
                count * 100 > size.rows * maximumChangePercent
            else { return nil }
            return .tooManyChanges(tenant: size.tenant, changed: count, rows: size.rows, limit: maximumChangePercent)
        }
    }

    private func isCountedByRecipients(_ change: PlannedChange, _ plan: Plan) -> Bool {
        change.isInherited && (plan.uncountedCampaigns == 0 || change.impact != nil)
    }
}
