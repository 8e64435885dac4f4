internal import Foundation

/// Finds campaigns that their schedules start too soon after one another.
struct IntervalChecker {
    private let now: Date

    init(now: Date) {
        self.now = now
    }

    /// At most one violation for each campaign: its shortest interval.
    func violations(_ schedules: [Located<ScheduleSpec>], _ tenant: Located<TenantSpec>) -> [PolicyViolation] {
        guard let limit = tenant.value.policy.minScheduleInterval else { return [] }
        let active = schedules.filter { $0.value.isActive && $0.identity.tenant == tenant.identity.tenant }
        return Dictionary(grouping: active) { $0.value.campaign }.values.compactMap { group in
            guard let shortest = shortestInterval(group), shortest.length < limit else { return nil }
            let field = if case .at = shortest.second.value.timing { "at" } else { "cron" }
            return PolicyViolation(
                rule: .minScheduleInterval,
                identity: shortest.second.identity,
                message: shortest.words + ", sooner than \(limit)",
                place: shortest.second.place(of: field),
                limit: tenant.place(of: "policy.minScheduleInterval")
            )
        }
    }

    /// Two times that follow one another, of one schedule or of two.
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
