public import Foundation
public import Spec

/// When the schedules of a campaign fire, in words.
public enum ScheduleTimes {
    private static let count = 5

    /// A line for each schedule of a campaign, with its next times.
    public static func of(_ campaign: SpecIdentity, in catalog: SpecCatalog, now: Date) -> [String] {
        catalog.all(ScheduleSpec.self)
            .filter { $0.identity.tenant == campaign.tenant && $0.value.campaign == campaign.name }
            .map { schedule in
                let times = schedule.value.times(after: now, count: count, firedBefore: 0)
                let text = times.isEmpty ? "never" : times.map(PlannedChange.FireTimes.text).joined(separator: ", ")
                return "Schedule \(schedule.value.name) fires \(text)"
            }
    }
}
