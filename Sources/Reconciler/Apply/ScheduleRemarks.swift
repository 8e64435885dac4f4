import Foundation
import JSON
import Postgres
import Spec
import Store

/// The remarks of a plan on times of schedules that it shows, and that will start nothing.
enum ScheduleRemarks {
    /// Returns the remarks as sentences, for the schedules whose times change.
    static func read(
        _ plan: Plan,
        _ desired: DesiredState,
        now: Date,
        on connection: PostgresConnection
    ) async throws -> [String] {
        var changed: [SpecIdentity: PlannedChange] = [:]
        for change in plan.changes where change.identity.kind == .schedule && change.action == .update {
            guard let times = change.fireTimes, times.before != times.after, !times.after.isEmpty else { continue }
            changed[change.identity] = change
        }
        let hindrances = try await ScheduleRepository.hindrances(
            of: changed.keys.map { ($0.tenant, $0.name) },
            now: now,
            on: connection
        )
        return hindrances.compactMap { hindrance in
            let identity = SpecIdentity(tenant: hindrance.tenant, kind: .schedule, name: hindrance.schedule)
            guard let change = changed[identity] else { return nil }
            if let status = hindrance.status {
                let campaign = "campaign `\(hindrance.campaign)`"
                return "\(identity) starts nothing: \(campaign) is \(status.rawValue), and stays so"
            }
            guard let run = hindrance.run, let first = change.fireTimes?.after.first,
                change.after?["overlap"] != "cancelRunning",
                // The time comes to the first contacts at most so long before it comes in the zone of the schedule.
                first.addingTimeInterval(-26 * 3_600) <= run.last
            else { return nil }
            let last = TenantClock.sentence(run.last, in: desired.zones[hindrance.tenant])
            return """
                \(identity): the run for \(run.time) is sent by the clocks of the contacts until \(last), and a time that begins \
                anywhere before is skipped
                """
        }
    }
}
