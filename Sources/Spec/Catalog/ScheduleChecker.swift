import Calendar
internal import Foundation

/// Checks the times of schedules: whether they come, and whether they come when their author thinks.
struct ScheduleChecker: Sendable {
    private let index: SpecIndex
    private let now: Date

    init(index: SpecIndex, now: Date) {
        self.index = index
        self.now = now
    }

    /// Reports what is odd about any schedule.
    func check(_ found: inout [Diagnostic]) {
        let checked = index.all(ScheduleSpec.self).parallelMap { schedule in
            var found: [Diagnostic] = []
            check(schedule, &found)
            return found
        }
        found += checked.joined()
    }

    private func check(_ schedule: Located<ScheduleSpec>, _ found: inout [Diagnostic]) {
        guard schedule.value.next(after: now) != nil else { return found.append(missedTimes(schedule)) }
        if let diagnostic = eitherDay(schedule) { found.append(diagnostic) }
        found += ClockChangeChecker(schedule: schedule, now: now).diagnostics()
    }

    /// Reports a schedule without a time to come.
    ///
    /// That its times are over is only a warning: a one-time schedule stays in the repository after it has fired, and
    /// must not keep everything else from being applied.
    private func missedTimes(_ schedule: Located<ScheduleSpec>) -> Diagnostic {
        if case .at = schedule.value.timing {
            let message = "this time has passed"
            let help = "remove the schedule, or choose a time to come"
            return Diagnostic(.expiredSchedule, at: schedule.place(of: "at"), field: "at", message, help: help)
        }
        let start = schedule.value.start
        guard let start, schedule.value.next(after: start.addingTimeInterval(-1)) == nil else {
            let message = "the last time of this schedule has passed"
            let help = "remove the schedule, or move `until`"
            let place = schedule.place(of: "until")
            return Diagnostic(.expiredSchedule, at: place, field: "until", message, help: help)
        }
        return Diagnostic(
            .neverFires,
            at: schedule.place(of: "cron"),
            field: "cron",
            "no time of this expression lies between `from` and `until`",
            help: "widen the window, or change the expression",
            related: Diagnostic.Related(place: schedule.place(of: "until"), label: "the window ends here")
        )
    }

    private func eitherDay(_ schedule: Located<ScheduleSpec>) -> Diagnostic? {
        guard case .cron(let expression) = schedule.value.timing, expression.usesEitherDay else { return nil }
        let times = schedule.value.fireTimes(after: now, count: 3).map { time in
            LocalDateTime(time, in: schedule.value.zone).weekdayAndTime
        }
        let message = "this fires on days that match either of the two day fields, not both"
        let help =
            "next: \(times.joined(separator: ", ")); write `*` in one of the fields if that is not meant"
        return Diagnostic(.eitherDay, at: schedule.place(of: "cron"), field: "cron", message, help: help)
    }
}

extension LocalDateTime {
    /// Such as `Fri 2026-11-27 09:00`.
    fileprivate var weekdayAndTime: String {
        let days = Int((Double(seconds) / 86_400).rounded(.down))
        let names = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        return "\(names[CivilDate.weekday(ofDays: days)]) \(date) \(time)"
    }

    /// The part before the `T`.
    var date: Substring { description.prefix(10) }

    /// The part behind the `T`.
    var time: Substring { description.dropFirst(11) }
}
