public import Spec

/// What a plan may do without being asked twice.
public struct SafetyRules: Sendable {
    /// Tenants with fewer rows may change as a whole.
    private static let smallTenant = 10

    /// Deletes that are wanted, although the row is protected or has a run under way.
    public var allowedDeletes: Set<SpecIdentity>
    /// Whether everything may go.
    public var allowsEmpty: Bool
    /// The share of a tenant's rows that may be changed or deleted at once, from ten rows on; 0 to 100.
    public var maximumChangePercent: Int

    public init(allowedDeletes: Set<SpecIdentity> = [], allowsEmpty: Bool = false, maximumChangePercent: Int = 30) {
        self.allowedDeletes = allowedDeletes
        self.allowsEmpty = allowsEmpty
        self.maximumChangePercent = maximumChangePercent
    }

    /// What stands against a plan; empty when it may be applied.
    public func refusals(of plan: Plan) -> [SafetyRefusal] {
        var refusals: [SafetyRefusal] = []
        let isEmptied = plan.specCount == 0 && plan.deletes > 0
        if isEmptied, !allowsEmpty { refusals.append(.emptyCatalog(rows: plan.deletes)) }
        for change in plan.changes where change.action == .delete && !allowedDeletes.contains(change.identity) {
            if change.isProtected { refusals.append(.protectedDelete(change.identity)) }
            if change.hasRunUnderWay { refusals.append(.deleteUnderWay(change.identity)) }
        }
        if !isEmptied { refusals += tooManyChanges(plan) }
        return refusals
    }

    /// Deletes that were allowed by name do not count, nor do specs that merely moved to another file.
    private func tooManyChanges(_ plan: Plan) -> [SafetyRefusal] {
        let counted = plan.changes.filter { change in
            switch change.action {
            case .create: false
            case .update: !change.isMoveOnly
            case .delete: !allowedDeletes.contains(change.identity)
            }
        }
        let changed = Dictionary(grouping: counted, by: \.identity.tenant).mapValues(\.count)
        return plan.tenantSizes.compactMap { size in
            let count = changed[size.tenant] ?? 0
            guard size.rows >= Self.smallTenant, count * 100 > size.rows * maximumChangePercent else { return nil }
            return .tooManyChanges(tenant: size.tenant, changed: count, rows: size.rows, limit: maximumChangePercent)
        }
    }
}
