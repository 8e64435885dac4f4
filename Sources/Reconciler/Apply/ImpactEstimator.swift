import Calendar
import Foundation
import JSON
import Postgres
import Spec
import Spelling
import Store

/// Counts the recipients of the campaigns that a plan creates or updates, as a launch would.
///
/// Many campaigns share few audiences, so it counts audiences, several in one query. When the time limit is reached, the
/// rest stays uncounted and the plan says so. Audiences of a tenant that limits the recipients of a run are always
/// counted.
enum ImpactEstimator {
    struct Audience: Hashable {
        let tenant: String
        let filter: AudienceFilter
        /// The category by which the recipients are chosen.
        let category: TemplateSpec.Category
        /// The business number whose own 24 hour window counts; `nil` if any of the tenant's does.
        let number: String?
    }

    /// The limits of counting.
    struct Limits {
        var audiences = 500
        var time = Duration.seconds(60)
        var batch = 20
    }

    static func estimate(
        _ plan: inout Plan,
        _ specs: DesiredState,
        now: Date,
        limits: Limits = Limits(),
        on connection: PostgresConnection
    ) async throws {
        let desired = try await knowingTemplates(specs, on: connection)
        let numbers = WindowNumbers(desired.items.values.lazy.map(\.spec))
        var audiences: [Int: Audience] = [:]
        for index in plan.changes.indices {
            audiences[index] = audience(of: plan.changes[index], desired, numbers)
        }
        let kept = keptCampaigns(plan, desired, numbers)
        let named = try desired.rates == nil ? [:] : namedByEvents(plan, desired, numbers)
        let counted = Array(audiences.values) + kept.map(\.audience) + named.values
        let sizes = try await count(order(counted, desired, plan), desired, plan, now, limits, on: connection)
        let campaigns = audiences.keys.sorted().compactMap { index in
            desired.items[plan.changes[index].identity]?.campaign.map { (index: index, campaign: $0) }
        }
        let groups = Set(campaigns.map { $0.campaign.quotaGroup })
        let used = try await QuotaRepository().used(by: groups.sorted(), now: now, on: connection)
        let situations = try await Situations(
            of: campaigns.map(\.campaign),
            tenants: desired.items.values.map(\.spec),
            now: now,
            on: connection
        )
        for (index, audience) in named {
            guard let campaign = desired.items[plan.changes[index].identity]?.campaign, let size = sizes[audience]
            else {
                continue
            }
            plan.changes[index].eventCost = LaunchCost.ofEvents(
                of: campaign,
                naming: size,
                by: prices(of: audience.tenant, desired),
                now: now
            )
        }
        var reached: [Int: AudienceSize] = [:]
        for (index, campaign) in campaigns {
            reached[index] = audiences[index].flatMap { sizes[$0] }?.reached(byFreeText: campaign.isFreeText)
        }
        let empty = campaigns.filter { reached[$0.index]?.total == 0 }.map(\.campaign.identity.tenant)
        let contacts = try await AudienceRepository.contacts(of: Set(empty).sorted(), on: connection)
        let waiting = campaigns.filter { situations.waitsForContacts($0.campaign) && reached[$0.index] != nil }
        for (index, campaign) in waiting.prefix(ZoneCounts.limit) {
            plan.changes[index].zones = try await ZoneCounts.count(
                campaign,
                else: desired.zones[campaign.identity.tenant] ?? .utc,
                now: now,
                on: connection
            )
        }
        let spoken = campaigns.compactMap { index, campaign -> (index: Int, request: RenderRequest)? in
            guard reached[index] != nil, let audience = audiences[index],
                MessageLanguages(campaign.messagePayload) != nil
            else { return nil }
            return (index, RenderRequest(campaign, audience))
        }
        .prefix(ZoneCounts.limit)
        let languages = Dictionary(
            uniqueKeysWithValues: zip(
                spoken.map(\.index),
                try await AudienceRepository.languages(of: spoken.map(\.request), now: now, on: connection)
            )
        )
        for (index, campaign) in campaigns {
            guard let size = reached[index] else {
                plan.uncountedCampaigns += 1
                continue
            }
            let funnel = AudienceFunnel(contacts[campaign.identity.tenant], size, campaign.category)
            plan.changes[index].impact = impact(
                of: campaign,
                size,
                size.total == 0 ? funnel : nil,
                used: used[campaign.quotaGroup] ?? 0,
                plan.changes[index].zones,
                cost: cost(of: campaign, size, desired, now: now),
                languages[index] ?? nil,
                situations
            )
        }
        plan.policyBreaches += plan.changes.flatMap { change -> [PolicyBreach] in
            guard let impact = change.impact, impact.isBroadcast else { return [] }
            return breaches(change.identity, recipients: impact.recipients, impact.cost, plan, desired)
        }
        plan.brokenLimits = kept.flatMap { kept -> [PolicyBreach] in
            guard let size = sizes[kept.audience] else { return [] }
            let reached = size.reached(byFreeText: kept.campaign.isFreeText)
            let cost = cost(of: kept.campaign, reached, desired, now: now)
            return breaches(kept.identity, recipients: reached.total, cost, plan, desired)
        }
    }

    /// Estimates what a launch costs, at the time at which the campaign is started next; `nil` if it is started by events, or
    /// there are no prices.
    private static func cost(
        of campaign: ResolvedCampaign,
        _ size: AudienceSize,
        _ desired: DesiredState,
        now: Date
    ) -> CostEstimate? {
        guard desired.rates != nil else { return nil }
        let tenant = campaign.identity.tenant
        let schedules = desired.items.values.compactMap { item -> ScheduleSpec? in
            guard item.identity.kind == .schedule, item.identity.tenant == tenant else { return nil }
            return (item.spec.value as? ScheduleSpec).flatMap { $0.campaign == campaign.identity.name ? $0 : nil }
        }
        return LaunchCost.estimate(
            of: campaign,
            reaching: size,
            by: prices(of: tenant, desired),
            schedules: schedules,
            now: now
        )
    }

    private static func prices(
        of tenant: String,
        _ desired: DesiredState
    ) -> (book: RateBook?, zone: IANAZone?, currency: String?) {
        (desired.rates, desired.zones[tenant], desired.currencies[tenant])
    }

    /// Returns the contacts whom events may name, by the changes of campaigns that events start: those of the audience, or else
    /// all contacts of the tenant.
    private static func namedByEvents(
        _ plan: Plan,
        _ desired: DesiredState,
        _ numbers: WindowNumbers
    ) throws -> [Int: Audience] {
        let everybody = try AudienceFilter(stored: ["logic": "AND", "conditions": []])
        var audiences: [Int: Audience] = [:]
        for (index, change) in plan.changes.enumerated() where change.action != .delete && !change.isFormal {
            guard let campaign = desired.items[change.identity]?.campaign, !campaign.isBroadcast else { continue }
            audiences[index] = Audience(of: campaign, numbers, else: everybody)
        }
        return audiences
    }

    /// Gives raw messages the category of the stored template that they name, if no spec describes it, and all what WhatsApp has
    /// made marketing.
    private static func knowingTemplates(
        _ specs: DesiredState,
        on connection: PostgresConnection
    ) async throws -> DesiredState {
        let unknown = Set(specs.items.values.compactMap { $0.campaign?.unknownTemplate })
        let known = try await TemplateRepository.categories(of: Array(unknown), on: connection)
        let told =
            known.isEmpty
            ? specs
            : specs.mappingCampaigns { campaign in
                campaign.unknownTemplate.flatMap { known[$0] }.map(campaign.knowing) ?? campaign
            }
        let made = try await TemplateRepository.madeMarketing(told.items.values.compactMap(\.campaign), on: connection)
        guard !made.isEmpty else { return told }
        return told.mappingCampaigns { made.contains($0.identity) ? $0.madeMarketing() : $0 }
    }

    /// A campaign that the plan does not change.
    private struct KeptCampaign {
        let identity: SpecIdentity
        let audience: Audience
        let campaign: ResolvedCampaign
    }

    /// Returns the unchanged campaigns of tenants whose `maxRecipients` or `maxCost` the plan lowers, sorted.
    private static func keptCampaigns(
        _ plan: Plan,
        _ desired: DesiredState,
        _ numbers: WindowNumbers
    ) -> [KeptCampaign] {
        let lowered = Set(plan.changes.filter { $0.lowersLimits(to: desired.policies) }.map(\.identity.tenant))
        guard !lowered.isEmpty else { return [] }
        let changed = Set(plan.changes.map(\.identity))
        return desired.items.values.compactMap { item -> KeptCampaign? in
            guard lowered.contains(item.identity.tenant), !changed.contains(item.identity),
                let campaign = item.campaign, campaign.isBroadcast,
                let audience = Audience(of: campaign, numbers)
            else { return nil }
            return KeptCampaign(
                identity: item.identity,
                audience: audience,
                campaign: campaign
            )
        }
        .sorted { $0.identity < $1.identity }
    }

    private static func audience(
        of change: PlannedChange,
        _ desired: DesiredState,
        _ numbers: WindowNumbers
    ) -> Audience? {
        guard change.action != .delete, !change.isFormal else { return nil }
        return desired.items[change.identity]?.campaign.flatMap { Audience(of: $0, numbers) }
    }

    /// Lists each audience once: first those that a policy limits, then those that most campaigns share.
    private static func order(_ audiences: [Audience], _ desired: DesiredState, _ plan: Plan) -> [Audience] {
        Dictionary(grouping: audiences) { $0 }
            .map { (audience: $0.key, rank: (isLimited($0.key, desired, plan) ? 0 : 1, -$0.value.count)) }
            .sorted { $0.rank < $1.rank }
            .map(\.audience)
    }

    private static func isLimited(_ audience: Audience, _ desired: DesiredState, _ plan: Plan) -> Bool {
        desired.policies[audience.tenant]?.maxRecipients != nil || desired.policies[audience.tenant]?.maxCost != nil
            || plan.policyRules.needRecipients(of: audience.tenant)
    }

    private static func count(
        _ audiences: [Audience],
        _ desired: DesiredState,
        _ plan: Plan,
        _ now: Date,
        _ limits: Limits,
        on connection: PostgresConnection
    ) async throws -> [Audience: AudienceSize] {
        let end = ContinuousClock.now + limits.time
        let obligatory = audiences.prefix { isLimited($0, desired, plan) }.count
        let most = max(obligatory, min(audiences.count, limits.audiences))
        var sizes: [Audience: AudienceSize] = [:]
        for start in stride(from: 0, to: most, by: limits.batch) {
            guard start < obligatory || ContinuousClock.now < end else { break }
            let batch = audiences[start..<min(start + limits.batch, most)]
            let counted = try await AudienceRepository.sizes(
                of: batch.map { ($0.tenant, $0.filter, $0.category, $0.number) },
                now: now,
                countingNumbers: desired.rates != nil,
                on: connection
            )
            for (audience, size) in zip(batch, counted) { sizes[audience] = size }
        }
        return sizes
    }

    private static func impact(
        of campaign: ResolvedCampaign,
        _ size: AudienceSize,
        _ funnel: AudienceFunnel?,
        used: Int,
        _ zones: AudienceZones?,
        cost: CostEstimate?,
        _ languages: LanguageCounts?,
        _ situations: Situations
    ) -> CampaignImpact {
        let limit = situations.limit(of: campaign)
        return CampaignImpact(
            recipients: size.total,
            inWindow: size.inWindow,
            leftOut: size.leftOut,
            funnel: funnel,
            ratePerSecond: campaign.sender.ratePerSecond,
            dailyLimit: limit,
            isLimitedByWhatsApp: limit != campaign.sender.dailyLimit,
            quotaLeft: limit.map { max(0, $0 - used) },
            estimatedSeconds: situations.seconds(of: campaign, size, in: zones),
            isBroadcast: campaign.isBroadcast,
            cost: cost,
            languages: languages
        )
    }

    /// Returns the limits of the policy and its reviewers that a campaign is beyond.
    private static func breaches(
        _ identity: SpecIdentity,
        recipients: Int,
        _ cost: CostEstimate?,
        _ plan: Plan,
        _ desired: DesiredState
    ) -> [PolicyBreach] {
        [
            breach(identity, recipients: recipients, plan, desired),
            cost.flatMap { breach(identity, $0, plan, desired) },
        ].compactMap(\.self)
    }

    /// Returns a campaign that may cost more than the policy and its reviewers allow, or whose costs are not known for some
    /// recipients; `nil` if it may not.
    ///
    /// A reviewer who allows the whole limit of the policy also allows recipients without a price.
    private static func breach(
        _ identity: SpecIdentity,
        _ cost: CostEstimate,
        _ plan: Plan,
        _ desired: DesiredState
    ) -> PolicyBreach? {
        guard let most = desired.policies[identity.tenant]?.maxCost, cost.isBeyond(most) else { return nil }
        let allowed = plan.allowedPolicies.limit(.maxCost, of: identity)
        let isDear = cost.high > most.micros
        let dear = isDear ? "may cost \(cost.most.words(beside: most))" : nil
        let breach = PolicyBreach(
            .maxCost,
            identity,
            actual: .cost(isDear ? cost.most : most),
            reason: "\(identity) \([dear, cost.unknownCosts].compactMap(\.self).joined(separator: ", and ")), "
                + "but the policy of tenant `\(identity.tenant)` allows \(most.words(beside: cost.most))"
                + (allowed.map { ", and its reviewers allowed \($0)" } ?? "")
        )
        return plan.allowedPolicies.cover(breach) ? nil : breach
    }

    /// Returns a campaign with more recipients than the policy and its reviewers allow; `nil` if there are not more.
    private static func breach(
        _ identity: SpecIdentity,
        recipients: Int,
        _ plan: Plan,
        _ desired: DesiredState
    ) -> PolicyBreach? {
        guard let most = desired.policies[identity.tenant]?.maxRecipients, recipients > most else { return nil }
        let allowed = plan.allowedPolicies.limit(.maxRecipients, of: identity)
        let breach = PolicyBreach(
            .maxRecipients,
            identity,
            actual: .count(recipients),
            reason: "\(identity) has \(recipients.grouped) recipients, "
                + "but the policy of tenant `\(identity.tenant)` allows \(most.grouped)"
                + (allowed.map { ", and its reviewers allowed \($0)" } ?? "")
        )
        return plan.allowedPolicies.cover(breach) ? nil : breach
    }
}

extension ImpactEstimator.Audience {
    /// Makes the audience of a campaign; `nil` if an event or a module names the recipients.
    fileprivate init?(of campaign: ResolvedCampaign, _ numbers: WindowNumbers, else other: AudienceFilter? = nil) {
        guard let filter = campaign.audienceFilter ?? other else { return nil }
        let tenant = campaign.identity.tenant
        self.init(
            tenant: tenant,
            filter: filter,
            category: campaign.category,
            number: numbers.number(of: campaign.sender, tenant: tenant)
        )
    }
}

extension RenderRequest {
    /// Makes the message of a campaign and its audience, as far as counting needs it.
    fileprivate init(_ campaign: ResolvedCampaign, _ audience: ImpactEstimator.Audience) {
        self.init(
            message: campaign.messagePayload,
            tenant: audience.tenant,
            filter: audience.filter,
            category: audience.category,
            isFreeText: campaign.isFreeText,
            number: audience.number
        )
    }
}

extension PlannedChange {
    /// Returns true if the change lowers the maximum number of recipients of its tenant or the maximum cost, or sets it for the
    /// first time.
    fileprivate func lowersLimits(to policies: [String: TenantPolicy]) -> Bool {
        guard identity.kind == .tenant, let policy = policies[identity.tenant] else { return false }
        let former = before?["policy"]
        let fewer = policy.maxRecipients.map { most in
            former?["maxRecipients"]?.integerValue.map { most < $0 } ?? true
        }
        let cheaper = policy.maxCost.map { most in
            let before = former?["maxCost"]?.stringValue.flatMap { Money($0) }
            return before.map { $0.currency != most.currency || most.micros < $0.micros } ?? true
        }
        return fewer ?? false || cheaper ?? false
    }
}

extension ResolvedCampaign {
    /// The quota group of its sender, as rows name it.
    var quotaGroup: String {
        QuotaGroup.stored(sender.quotaGroup, tenant: identity.tenant, phoneNumberID: sender.phoneNumberId)
    }

    /// True if a launch sends to the whole audience.
    var isBroadcast: Bool { spec.type == .manual || spec.type == .scheduled }
}
