import Foundation
import JSON
import Spelling

/// Finds specs beyond the policies of their tenants.
///
/// ``TenantPolicy/maxRecipients`` is not checked here, because it needs the contacts.
struct PolicyChecker {
    private let index: SpecIndex
    private let now: Date

    init(index: SpecIndex, now: Date) {
        self.index = index
        self.now = now
    }

    /// Returns all violations, sorted.
    func violations() -> [PolicyViolation] {
        let tenants = index.all(TenantSpec.self)
            .filter { $0.identity.name == $0.identity.tenant && !$0.value.policy.isEmpty }
        guard !tenants.isEmpty else { return [] }
        let campaigns = Dictionary(grouping: index.all(CampaignSpec.self), by: \.identity.tenant)
        let schedules = index.all(ScheduleSpec.self)
        let templates = Dictionary(grouping: index.all(TemplateSpec.self), by: \.identity.tenant)
        return tenants.flatMap { tenant -> [PolicyViolation] in
            let own = campaigns[tenant.identity.tenant] ?? []
            return count(own, tenant) + categories(own, templates[tenant.identity.tenant] ?? [], tenant)
                + IntervalChecker(now: now).violations(schedules, tenant)
        }
        .sorted()
    }

    private func count(_ campaigns: [Located<CampaignSpec>], _ tenant: Located<TenantSpec>) -> [PolicyViolation] {
        let count = campaigns.count
        guard let limit = tenant.value.policy.maxCampaigns, count > limit else { return [] }
        let message = "tenant `\(tenant.identity.tenant)` has \(count) campaigns, more than \(limit)"
        let place = tenant.place(of: "policy.maxCampaigns")
        return [
            PolicyViolation(
                rule: .maxCampaigns,
                identity: tenant.identity,
                actual: .count(count),
                message: message,
                place: place,
                limit: place
            )
        ]
    }

    private func categories(
        _ campaigns: [Located<CampaignSpec>],
        _ templates: [Located<TemplateSpec>],
        _ tenant: Located<TenantSpec>
    ) -> [PolicyViolation] {
        guard let allowed = tenant.value.policy.allowedCategories else { return [] }
        let words = SpellingSuggestion.list(allowed.map(\.rawValue), "and")
        let known = NamedTemplates(templates)
        return campaigns.compactMap { campaign in
            let (what, actual): (String, PolicyLimit)
            switch sending(campaign, known) {
            case .noTemplate: return nil
            case .template(let category):
                if allowed.contains(category) { return nil }
                (what, actual) = ("a template of category `\(category.rawValue)`", .category(category))
            case .unknownTemplate: (what, actual) = ("a template of unknown category", .unknownCategory)
            }
            let field = campaign.value.template == nil ? "message.template.name" : "template"
            return PolicyViolation(
                rule: .allowedCategories,
                identity: campaign.identity,
                actual: actual,
                message: "campaign `\(campaign.identity.name)` sends \(what), and the policy allows only \(words)",
                place: campaign.place(of: field),
                limit: tenant.place(of: "policy.allowedCategories")
            )
        }
    }

    /// The category of the message that a campaign sends.
    private enum Sending {
        case noTemplate
        case template(TemplateSpec.Category)
        /// A raw message with a template that no spec describes, so its category is unknown.
        case unknownTemplate
    }

    private func sending(_ campaign: Located<CampaignSpec>, _ templates: NamedTemplates) -> Sending {
        let tenant = campaign.identity.tenant
        switch campaign.value.content {
        case .template(let name, _):
            // A template that does not exist was reported.
            return index.spec(TemplateSpec.self, name, tenant: tenant).map { .template($0.value.category) }
                ?? .noTemplate
        case .message(let payload):
            guard payload["type"] == "template" else { return .noTemplate }
            let sender = campaign.value.sender.flatMap { index.spec(SenderSpec.self, $0, tenant: tenant)?.value }
            return TemplateReference(of: campaign.value, in: tenant, from: sender).flatMap(templates.category)
                .map { .template($0) } ?? .unknownTemplate
        }
    }
}

extension CampaignSpec {
    /// The name of the template spec, if there is one.
    fileprivate var template: String? {
        if case .template(let name, _) = content { name } else { nil }
    }
}

/// Finds campaigns whose scheduled starts follow each other too soon.
struct IntervalChecker {
    private let now: Date

    init(now: Date) {
        self.now = now
    }

    /// Returns at most one violation per campaign: its shortest interval.
    func violations(_ schedules: [Located<ScheduleSpec>], _ tenant: Located<TenantSpec>) -> [PolicyViolation] {
        guard let limit = tenant.value.policy.minScheduleInterval else { return [] }
        let active = schedules.filter { $0.value.isActive && $0.identity.tenant == tenant.identity.tenant }
        return Dictionary(grouping: active) { $0.value.campaign }.values.compactMap { group in
            guard let shortest = shortestInterval(group), shortest.length < limit else { return nil }
            let field = if case .at = shortest.second.value.timing { "at" } else { "cron" }
            return PolicyViolation(
                rule: .minScheduleInterval,
                identity: shortest.second.identity,
                actual: .interval(shortest.length),
                message: shortest.words + ", sooner than \(limit)",
                place: shortest.second.place(of: field),
                limit: tenant.place(of: "policy.minScheduleInterval")
            )
        }
    }

    /// Two consecutive start times, of one schedule or of two.
    private struct Interval {
        let length: SpecDuration
        let first: Located<ScheduleSpec>
        let second: Located<ScheduleSpec>

        var words: String {
            let start = "schedule `\(second.identity.name)` starts campaign `\(second.value.campaign)`"
            return first.identity == second.identity
                ? "\(start) again after \(length)" : "\(start) \(length) after schedule `\(first.identity.name)`"
        }
    }

    private func shortestInterval(_ schedules: [Located<ScheduleSpec>]) -> Interval? {
        let times = schedules.flatMap { schedule in
            schedule.value.upcomingStarts(after: now).map { (time: $0, schedule: schedule) }
        }
        .sorted { ($0.time, $0.schedule.identity) < ($1.time, $1.schedule.identity) }
        let intervals = zip(times, times.dropFirst()).map { first, second in
            Interval(
                length: SpecDuration(seconds: Int(second.time.timeIntervalSince(first.time))),
                first: first.schedule,
                second: second.schedule
            )
        }
        return intervals.min { $0.length < $1.length }
    }
}

/// A spec beyond the policy of its tenant.
///
/// It is not a diagnostic: the spec is valid, and the operator decides whether to apply it.
public struct PolicyViolation: Hashable, Sendable {
    public let rule: TenantPolicy.Rule
    /// The spec beyond the limit, or the tenant if the limit concerns all its specs.
    public let identity: SpecIdentity
    /// The value beyond the limit.
    public let actual: PolicyLimit
    /// The violation and the limit: lower case, no full stop, names in backticks.
    public let message: String
    /// The place in the spec.
    public let place: SourcePlace
    /// The place of the limit in the `Tenant` document.
    public let limit: SourcePlace

    /// The tenant whose policy it is.
    public var tenant: String { identity.tenant }

    /// Makes a violation.
    public init(
        rule: TenantPolicy.Rule,
        identity: SpecIdentity,
        actual: PolicyLimit,
        message: String,
        place: SourcePlace,
        limit: SourcePlace
    ) {
        self.rule = rule
        self.identity = identity
        self.actual = actual
        self.message = message
        self.place = place
        self.limit = limit
    }
}

extension PolicyViolation: Comparable {
    /// Orders by identity, then by rule.
    public static func < (left: Self, right: Self) -> Bool {
        (left.identity, left.rule.rawValue, left.place) < (right.identity, right.rule.rawValue, right.place)
    }
}
