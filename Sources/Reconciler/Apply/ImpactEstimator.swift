import Foundation
import Postgres
import Spec
import Store

/// Counts the recipients of the campaigns that a plan creates or updates, as a launch would.
enum ImpactEstimator {
    private struct Audience: Hashable {
        let tenant: String
        let filter: AudienceFilter
    }

    static func estimate(
        _ plan: inout Plan,
        _ desired: DesiredState,
        now: Date,
        on connection: PostgresConnection
    ) async throws {
        // Many campaigns share few audiences.
        var sizes: [Audience: AudienceSize] = [:]
        for index in plan.changes.indices {
            let change = plan.changes[index]
            guard change.action != .delete, !change.isMoveOnly,
                let campaign = desired.items[change.identity]?.campaign, let filter = campaign.audienceFilter
            else { continue }
            let audience = Audience(tenant: change.identity.tenant, filter: filter)
            let size: AudienceSize
            if let known = sizes[audience] {
                size = known
            } else {
                size = try await AudienceRepository.size(
                    tenant: audience.tenant,
                    filter: filter,
                    now: now,
                    on: connection
                )
                sizes[audience] = size
            }
            plan.changes[index].impact = impact(of: campaign, size)
        }
    }

    private static func impact(of campaign: ResolvedCampaign, _ size: AudienceSize) -> CampaignImpact {
        CampaignImpact(
            recipients: size.total,
            inWindow: size.inWindow,
            ratePerSecond: campaign.sender.ratePerSecond,
            dailyLimit: campaign.sender.dailyLimit,
            isBroadcast: campaign.spec.type == .manual || campaign.spec.type == .scheduled
        )
    }
}
