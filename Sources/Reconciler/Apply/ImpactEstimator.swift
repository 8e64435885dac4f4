import Foundation
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
    }

    /// The limits of counting.
    struct Limits {
        var audiences = 500
        var time = Duration.seconds(60)
        var batch = 20
    }

    static func estimate(
        _ plan: inout Plan,
        _ desired: DesiredState,
        now: Date,
        limits: Limits = Limits(),
        on connection: PostgresConnection
    ) async throws {
        var audiences: [Int: Audience] = [:]
        for index in plan.changes.indices {
            audiences[index] = audience(of: plan.changes[index], desired)
        }
        let sizes = try await count(order(Array(audiences.values), desired), desired, now, limits, on: connection)
        let campaigns = audiences.keys.sorted().compactMap { index in
            desired.items[plan.changes[index].identity]?.campaign.map { (index: index, campaign: $0) }
        }
        let groups = Set(campaigns.map(\.campaign.sender.quotaGroup))
        let used = try await QuotaRepository().used(by: groups.sorted(), now: now, on: connection)
        for (index, campaign) in campaigns {
            guard let audience = audiences[index], let size = sizes[audience] else {
                plan.uncountedCampaigns += 1
                continue
            }
            plan.changes[index].impact = impact(of: campaign, size, used: used[campaign.sender.quotaGroup] ?? 0)
        }
        plan.policyBreaches += plan.changes.compactMap { breach($0, desired) }
    }

    private static func audience(of change: PlannedChange, _ desired: DesiredState) -> Audience? {
        guard change.action != .delete, !change.isFormal,
            let filter = desired.items[change.identity]?.campaign?.audienceFilter
        else { return nil }
        return Audience(tenant: change.identity.tenant, filter: filter)
    }

    /// Lists each audience once: first those that a policy limits, then those that most campaigns share.
    private static func order(_ audiences: [Audience], _ desired: DesiredState) -> [Audience] {
        Dictionary(grouping: audiences) { $0 }
            .map { (audience: $0.key, rank: (isLimited($0.key, desired) ? 0 : 1, -$0.value.count)) }
            .sorted { $0.rank < $1.rank }
            .map(\.audience)
    }

    private static func isLimited(_ audience: Audience, _ desired: DesiredState) -> Bool {
        desired.policies[audience.tenant]?.maxRecipients != nil
    }

    private static func count(
        _ audiences: [Audience],
        _ desired: DesiredState,
        _ now: Date,
        _ limits: Limits,
        on connection: PostgresConnection
    ) async throws -> [Audience: AudienceSize] {
        let end = ContinuousClock.now + limits.time
        let obligatory = audiences.prefix { isLimited($0, desired) }.count
        let most = max(obligatory, min(audiences.count, limits.audiences))
        var sizes: [Audience: AudienceSize] = [:]
        for start in stride(from: 0, to: most, by: limits.batch) {
            guard start < obligatory || ContinuousClock.now < end else { break }
            let batch = audiences[start..<min(start + limits.batch, most)]
            let counted = try await AudienceRepository.sizes(
                of: batch.map { ($0.tenant, $0.filter) },
                now: now,
                on: connection
            )
            for (audience, size) in zip(batch, counted) { sizes[audience] = size }
        }
        return sizes
    }

    private static func impact(of campaign: ResolvedCampaign, _ size: AudienceSize, used: Int) -> CampaignImpact {
        CampaignImpact(
            recipients: size.total,
            inWindow: size.inWindow,
            ratePerSecond: campaign.sender.ratePerSecond,
            dailyLimit: campaign.sender.dailyLimit,
            quotaLeft: campaign.sender.dailyLimit.map { max(0, $0 - used) },
            isBroadcast: campaign.spec.type == .manual || campaign.spec.type == .scheduled
        )
    }

    private static func breach(_ change: PlannedChange, _ desired: DesiredState) -> PolicyBreach? {
        guard let impact = change.impact, impact.isBroadcast,
            let most = desired.policies[change.identity.tenant]?.maxRecipients, impact.recipients > most
        else { return nil }
        return PolicyBreach(
            .maxRecipients,
            change.identity,
            reason: "\(change.identity) has \(impact.recipients.grouped) recipients, "
                + "but the policy of tenant `\(change.identity.tenant)` allows \(most.grouped)"
        )
    }
}
