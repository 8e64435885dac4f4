import Calendar
internal import Foundation

/// Finds the times of a schedule that the clock leaves out or shows twice within a year.
///
/// Only fixed times are meant: who writes `*/15` or `30 *` follows the clock, and has nothing to decide.
struct ClockChangeChecker {
    private let schedule: Located<ScheduleSpec>
    private let now: Date
    private static let horizon: TimeInterval = 366 * 86_400

    init(schedule: Located<ScheduleSpec>, now: Date) {
        self.schedule = schedule
        self.now = now
    }

    /// At most one report for each of the two ways in which a clock is changed.
    func diagnostics() -> [Diagnostic] {
        switch schedule.value.timing {
        case .at(let time): diagnostic(at: time).map { [$0] } ?? []
        case .cron(let expression) where expression.isFixedTime: diagnostics(of: expression)
        case .cron: []
        }
    }

    private func diagnostic(at time: LocalDateTime) -> Diagnostic? {
        switch schedule.value.zone.instants(of: time.seconds) {
        case .one: nil
        case .gap:
            report(time, "does not exist", field: "at", help: "it fires at the end of the gap; choose another time")
        case .two: report(time, "comes twice", field: "at", help: "it fires the first time; choose another time")
        }
    }

    private func diagnostics(of expression: CronExpression) -> [Diagnostic] {
        var gap: Diagnostic?
        var fold: Diagnostic?
        for (before, after) in changes() {
            if schedule.value.dst.gap == nil, gap == nil,
                let time = expression.first(from: before.localEnd, before: after.localStart)
            {
                let help = "it fires at the end of the gap; say so with `dst: { gap: next }`, or choose another hour"
                gap = report(time, "does not exist", field: "cron", help: help)
            }
            if schedule.value.dst.fold == nil, fold == nil,
                let time = expression.first(from: after.localStart, before: before.localEnd)
            {
                let help = "it fires the first time; say so with `dst: { fold: first }`, or choose another hour"
                fold = report(time, "comes twice", field: "cron", help: help)
            }
        }
        return [gap, fold].compactMap { $0 }
    }

    /// The changes of the clock within a year and within the schedule's window.
    private func changes() -> [(IANAZone.Segment, IANAZone.Segment)] {
        let start = max(now, schedule.value.start ?? now)
        let end = min(now.addingTimeInterval(Self.horizon), schedule.value.end ?? .distantFuture)
        let segments = schedule.value.zone.segments
        let first = schedule.value.zone.index(at: Int64(start.timeIntervalSince1970))
        return zip(segments[first...], segments[(first + 1)...])
            .prefix { Double($0.1.start) <= end.timeIntervalSince1970 }
    }

    private func report(_ time: LocalDateTime, _ what: String, field: String, help: String) -> Diagnostic {
        let message = "\(time.time) \(what) on \(time.date) in `\(schedule.value.timeZone)`"
        return Diagnostic(.clockChange, at: schedule.place(of: field), field: field, message, help: help)
    }
}

extension CronExpression {
    /// The first time on the wall that matches within a short range; `nil` also for an empty one.
    fileprivate func first(from start: Int64, before end: Int64) -> LocalDateTime? {
        guard start < end else { return nil }
        var day = Int((Double(start) / 86_400).rounded(.down))
        var minute = (Int(start) - day * 86_400 + 59) / 60
        while Int64(day) * 86_400 < end {
            if firstDay(from: day, through: day) != nil, let found = firstMinute(from: minute) {
                let local = Int64(day * 1_440 + found) * 60
                return local < end ? LocalDateTime(seconds: local) : nil
            }
            (day, minute) = (day + 1, 0)
        }
        return nil
    }
}
