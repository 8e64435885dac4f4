/// All specs of a repository: read, checked, each value with its place in the file.
///
/// ```swift
/// let catalog = SpecCatalog.load(directory: "campaigns")
/// if !catalog.isValid {
///     print(DiagnosticRenderer(sources: catalog.sources).text(catalog.diagnostics))
/// }
/// ```
public struct SpecCatalog: Sendable {
    /// The specs without errors of their own, sorted by identity.
    public let specs: [Located<any SpecContent>]
    /// The campaigns whose references were all found, sorted by identity.
    public let resolvedCampaigns: [ResolvedCampaign]
    /// What goes beyond the policies of the tenants, sorted by identity; no error by itself.
    public let policyViolations: [PolicyViolation]
    /// Errors and warnings of all files, sorted by file, line and column.
    public let diagnostics: [Diagnostic]
    /// The text of each file with a diagnostic, by its path, with secrets blotted out.
    public let sources: [String: String]

    /// Whether there is no error; warnings are allowed.
    public var isValid: Bool {
        !diagnostics.contains { $0.severity == .error }
    }

    /// The tenants that have specs, sorted.
    public var tenants: [String] {
        // In their order, those of one tenant stand together.
        var tenants: [String] = []
        for index in specs.indices where specs[index].identity.tenant != tenants.last {
            tenants.append(specs[index].identity.tenant)
        }
        return tenants
    }

    /// The schedules whose campaign was found, sorted by identity.
    public var resolvedSchedules: [ResolvedSchedule] {
        all(ScheduleSpec.self).compactMap { schedule in
            guard let campaign = campaign(schedule.value.campaign, of: schedule.identity.tenant) else { return nil }
            return ResolvedSchedule(
                identity: schedule.identity,
                place: schedule.place,
                spec: schedule.value,
                campaign: campaign
            )
        }
    }

    /// The triggers whose campaign was found, sorted by identity.
    public var resolvedTriggers: [ResolvedTrigger] {
        all(TriggerSpec.self).compactMap { trigger in
            guard let campaign = campaign(trigger.value.campaign, of: trigger.identity.tenant) else { return nil }
            return ResolvedTrigger(
                identity: trigger.identity,
                place: trigger.place,
                spec: trigger.value,
                campaign: campaign
            )
        }
    }

    private func campaign(_ name: String, of tenant: String) -> SpecIdentity? {
        spec(CampaignSpec.self, tenant: tenant, name: name)?.identity
    }

    /// What a tenant says about itself, or `nil` if it says nothing.
    public func tenant(_ name: String) -> Located<TenantSpec>? {
        spec(TenantSpec.self, tenant: name, name: name)
    }

    /// The specs of one kind, sorted by identity.
    public func all<Spec: SpecContent>(_ kind: Spec.Type) -> [Located<Spec>] {
        specs.compactMap { $0.as(kind) }
    }

    /// One spec, or `nil` if there is none of that name.
    public func spec<Spec: SpecContent>(_ kind: Spec.Type, tenant: String, name: String) -> Located<Spec>? {
        let identity = SpecIdentity(tenant: tenant, kind: Spec.kind, name: name)
        var (low, high) = (0, specs.count)
        while low < high {
            let middle = (low + high) / 2
            if specs[middle].identity < identity { low = middle + 1 } else { high = middle }
        }
        guard low < specs.count, specs[low].identity == identity else { return nil }
        return specs[low].as(kind)
    }
}
