import Foundation
import Postgres
import Spec
import Store

/// Counts the recipients of schedules that send by the clock of each contact by their time zone.
enum ZoneCounts {
    /// The most schedules of a plan whose zones are counted: each takes one pass over its audience.
    private static let limit = 20

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
            guard let campaign = desired.items[identity]?.campaign, let filter = campaign.audienceFilter else {
                continue
            }
            plan.changes[index].zones = try await AudienceRepository.zones(
                tenant: tenant,
                filter: filter,
                category: campaign.category,
                else: schedule.zone,
                now: now,
                on: connection
            )
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
