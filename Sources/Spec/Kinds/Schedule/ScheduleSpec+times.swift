public import Calendar
public import Foundation

extension ScheduleSpec {
    /// The first instant of the window; `nil` without `from`.
    public var start: Date? { from?.instant(in: zone) }

    /// The last instant of the window; `nil` without `until`.
    public var end: Date? { until?.instant(in: zone) }

    /// The expression on its clocks, without the window; `nil` for a schedule with one time.
    public var cronSchedule: CronSchedule? {
        guard case .cron(let expression) = timing else { return nil }
        return CronSchedule(expression, in: zone, policy: dst)
    }

    /// The first time within the window after an instant; neither `isActive` nor `maxRuns` counts here.
    public func next(after date: Date) -> Date? {
        switch timing {
        case .at(let time):
            let instant = time.instant(in: zone)
            return instant > date ? instant : nil
        case .cron(let expression):
            // The start of the window belongs to it, and times have whole seconds.
            let date = max(date, start.map { $0.addingTimeInterval(-1) } ?? date)
            guard let next = CronSchedule(expression, in: zone, policy: dst).next(after: date) else { return nil }
            return end.map { next <= $0 } ?? true ? next : nil
        }
    }

    /// The times that a policy is held against: as many as show its rhythm, and no more than it may start.
    func upcomingStarts(after date: Date) -> [Date] {
        fireTimes(after: date, count: min(maxRuns ?? .max, 500))
    }

    /// The shortest time between two starts that follow one another, as far as can be foreseen.
    ///
    /// - Parameter date: Only starts after it count.
    /// - Returns: `nil` when it starts no more than once.
    public func shortestInterval(after date: Date) -> SpecDuration? {
        let times = upcomingStarts(after: date)
        return zip(times, times.dropFirst()).map { SpecDuration(seconds: Int($1.timeIntervalSince($0))) }.min()
    }

    /// The next times within the window after an instant, at most so many.
    public func fireTimes(after date: Date, count: Int) -> [Date] {
        var times: [Date] = []
        var current = date
        while times.count < count, let next = next(after: current) {
            times.append(next)
            current = next
        }
        return times
    }
}
