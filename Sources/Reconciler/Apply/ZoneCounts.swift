import Calendar
import Foundation
import Postgres
import Spec
import Store

/// Counts recipients by their time zone: of schedules that send by the clock of each contact, and of campaigns whose contacts
/// have quiet hours on their own clocks.
enum ZoneCounts {
    /// The most schedules, and campaigns, of a plan whose zones are counted: each takes one pass over its audience.
    static let limit = 20

    /// Counts the recipients of a campaign; `nil` if an event or a module names them.
    static func count(
        _ campaign: ResolvedCampaign,
        else zone: IANAZone = .utc,
        now: Date,
        on connection: PostgresConnection
    ) async throws -> AudienceZones? {
        guard let filter = campaign.audienceFilter else { return nil }
        return try await AudienceRepository.zones(
            tenant: campaign.identity.tenant,
            filter: filter,
            category: campaign.category,
            else: zone,
            now: now,
            on: connection
        )
    }

    /// Adds the zones to the schedules that a plan creates or updates, the first ones only in a large plan.
    static func add(
        to plan: inout Plan,
        _ desired: DesiredState,
        now: Date,
        on connection: PostgresConnection
    ) async throws {
        let local = plan.changes.indices.filter { schedule(of: plan.changes[$0], desired) != nil }
        for index in local.prefix(limit) {
            guard let schedule = schedule(of: plan.changes[index], desired) else { continue }
            let tenant = plan.changes[index].identity.tenant
            let identity = SpecIdentity(tenant: tenant, kind: .campaign, name: schedule.campaign)
            guard let campaign = desired.items[identity]?.campaign else { continue }
            plan.changes[index].zones = try await count(campaign, else: schedule.zone, now: now, on: connection)
        }
    }

    private static func schedule(of change: PlannedChange, _ desired: DesiredState) -> ScheduleSpec? {
        guard change.action != .delete, !change.isFormal,
            let schedule = desired.items[change.identity]?.spec.value as? ScheduleSpec, schedule.localTime,
            schedule.isActive
        else { return nil }
        return schedule
    }
}
