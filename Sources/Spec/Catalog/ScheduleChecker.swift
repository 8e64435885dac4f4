import Calendar
import Foundation

/// Checks that schedules have future times, and that they fire at the times that the author expects.
struct ScheduleChecker: Sendable {
    private let index: SpecIndex
    private let now: Date

    init(index: SpecIndex, now: Date) {
        self.index = index
        self.now = now
    }

    /// Reports the problems of all schedules.
    func check(_ found: inout [Diagnostic]) {
        let timing = ["cron", "at", "timeZone", "from", "until", "dst", "maxRuns", "isActive", "localTime"]
        let checked = index.allSound(ScheduleSpec.self, timing).parallelMap { schedule in
            var found: [Diagnostic] = []
            check(schedule, &found)
            return found
        }
        found += checked.joined()
        found += index.allSound(CampaignSpec.self, ["message", "template"]).compactMap(waitingFreeText)
    }

    private func check(_ schedule: Located<ScheduleSpec>, _ found: inout [Diagnostic]) {
        guard schedule.value.next(after: now) != nil else { return found.append(missedTimes(schedule)) }
        if let diagnostic = eitherDay(schedule) { found.append(diagnostic) }
        found += ClockChangeChecker(schedule: schedule, now: now).diagnostics()
        if let diagnostic = quietHours(schedule) { found.append(diagnostic) }
        if let diagnostic = silentTimes(schedule) { found.append(diagnostic) }
        if let diagnostic = laterFreeText(schedule) { found.append(diagnostic) }
    }

    /// Reports a schedule by the clocks of contacts that sends free text: it may be more than a day until its last zone.
    private func laterFreeText(_ schedule: Located<ScheduleSpec>) -> Diagnostic? {
        let (tenant, name) = (schedule.identity.tenant, schedule.value.campaign)
        guard schedule.value.localTime,
            let campaign = index.sound(CampaignSpec.self, name, tenant: tenant, ["message", "template"]),
            campaign.value.isFreeText
        else { return nil }
        return Diagnostic(
            .laterFreeText,
            at: schedule.place(of: "localTime"),
            field: "localTime",
            "free text fails for contacts whose 24 hour window closes before the time comes on their clock",
            help: "send a template, or remove `localTime`",
            related: Diagnostic.Related(place: campaign.place(of: "message"), label: "the free text")
        )
    }

    /// Reports free text of a tenant whose contacts have quiet hours on their own clocks, for which it waits.
    private func waitingFreeText(_ campaign: Located<CampaignSpec>) -> Diagnostic? {
        let name = campaign.identity.tenant
        guard campaign.value.isFreeText,
            let tenant = index.sound(TenantSpec.self, name, tenant: name, ["quietHours"]),
            tenant.value.quietHours?.waitsForContact == true
        else { return nil }
        return Diagnostic(
            .laterFreeText,
            at: campaign.place(of: "message"),
            field: "message",
            "free text fails for contacts whose 24 hour window closes while they have quiet hours",
            help: "send a template, or allow this if nobody is written to hours after the launch",
            related: Diagnostic.Related(
                place: tenant.place(of: "quietHours"),
                label: "quiet hours on the contact's clock"
            )
        )
    }

    /// Reports a schedule by the clocks of contacts whose tenant has quiet hours, which follow the tenant's clock.
    private func quietHours(_ schedule: Located<ScheduleSpec>) -> Diagnostic? {
        let name = schedule.identity.tenant
        guard schedule.value.localTime,
            let tenant = index.sound(TenantSpec.self, name, tenant: name, ["quietHours", "timeZone"]),
            let hours = tenant.value.quietHours, hours.clock != .contact, let zone = tenant.value.timeZone
        else { return nil }
        let fate = hours.action == .skip ? "no message" : "the message when these end"
        return Diagnostic(
            .quietHoursOfTenant,
            at: schedule.place(of: "localTime"),
            field: "localTime",
            "contacts whose time comes during the quiet hours of \(zone) get \(fate)",
            help: "give `quietHours` the `clock: contact`, or allow this if all contacts live near \(zone)",
            related: Diagnostic.Related(
                place: tenant.place(of: "quietHours"),
                label: "quiet hours on the tenant's clock"
            )
        )
    }

    /// Reports a schedule whose next times all lie in quiet hours that skip messages.
    ///
    /// If only one of both follows the clocks of contacts, it is not quiet for all of them at one time.
    private func silentTimes(_ schedule: Located<ScheduleSpec>) -> Diagnostic? {
        let name = schedule.identity.tenant
        guard let tenant = index.sound(TenantSpec.self, name, tenant: name, ["quietHours", "timeZone"]),
            let hours = tenant.value.quietHours, hours.action == .skip,
            schedule.value.localTime == (hours.clock == .contact),
            let zone = schedule.value.localTime ? schedule.value.zone : tenant.value.zone
        else { return nil }
        let times = schedule.value.fireTimes(after: now, count: 20)
        guard !times.isEmpty, times.allSatisfy({ hours.contains($0, in: zone) }) else { return nil }
        let field = if case .at = schedule.value.timing { "at" } else { "cron" }
        return Diagnostic(
            .silentSchedule,
            at: schedule.place(of: field),
            field: field,
            "this fires in quiet hours only, \(hours.from) to \(hours.to), so nothing is ever sent",
            help: "choose another time, or give `quietHours` the `action: wait`",
            related: Diagnostic.Related(place: tenant.place(of: "quietHours"), label: "the quiet hours")
        )
    }

    /// Reports a schedule that has no future time.
    ///
    /// Past times are only a warning: a one-time schedule stays in the repository after it has fired, and must not
    /// prevent everything else from being applied.
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
    /// The weekday, date and time, such as `Fri 2026-11-27 09:00`.
    fileprivate var weekdayAndTime: String {
        let days = Int((Double(seconds) / 86_400).rounded(.down))
        let names = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        return "\(names[CivilDate.weekday(ofDays: days)]) \(date) \(time)"
    }

    /// The part before the `T`.
    var date: Substring { description.prefix(10) }

    /// The part after the `T`.
    var time: Substring { description.dropFirst(11) }
}

/// Finds the times of a schedule that clock changes skip or repeat within a year.
///
/// Only fixed times are checked: `*/15` and `30 *` follow the clock, so their author has nothing to decide.
struct ClockChangeChecker {
    private let schedule: Located<ScheduleSpec>
    private let now: Date
    private static let horizon: TimeInterval = 366 * 86_400

    init(schedule: Located<ScheduleSpec>, now: Date) {
        self.schedule = schedule
        self.now = now
    }

    /// Returns at most one report for each of the two directions of clock changes.
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

    /// Returns the clock changes within a year and within the schedule's window.
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
    /// Finds the first local time that matches within a short range; `nil` if none does, or the range is empty.
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
