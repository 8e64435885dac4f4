import Calendar
public import Foundation
import JSON
public import Spec
import Store

/// Computes the fire times of schedules for plans, rows and previews, without I/O.
public enum FireTimes {
    private static let count = 5
    /// The fields that decide when a schedule fires.
    private static let timing: Set<String> = [
        "cron", "at", "timeZone", "from", "until", "dst", "isActive", "localTime",
    ]

    /// Adds the next fire times before and after the change to each schedule of a plan.
    ///
    /// - Parameters:
    ///   - plan: The plan.
    ///   - zones: The zones of the tenants' clocks.
    ///   - now: All times are later.
    static func add(to plan: inout Plan, zones: [String: IANAZone], now: Date) {
        for index in plan.changes.indices where plan.changes[index].identity.kind == .schedule {
            let change = plan.changes[index]
            func times(_ content: JSONValue?) -> [Date] {
                ScheduleSpec(content: content)?.times(after: now, count: count, firedBefore: change.runCount) ?? []
            }
            let content = change.after ?? change.before
            let own = content?["timeZone"]?.stringValue.flatMap { IANAZone($0) }
            // The clock of the schedule shows the time that contacts see on theirs.
            let reader = content?["localTime"] == true ? own : zones[change.identity.tenant]
            plan.changes[index].fireTimes = PlannedChange.FireTimes(
                before: times(change.before),
                after: times(change.after),
                clock: reader ?? own,
                schedule: own,
                now: now
            )
        }
    }

    /// Returns the next run to store with the row of a schedule.
    static func nextRun(of change: PlannedChange, now: Date) -> ManagedRow.NextRun {
        let next = ScheduleSpec(content: change.after)?.nextRun(now: now, firedBefore: change.runCount)
        guard change.action == .update else { return .set(next) }
        let fields = Set(change.differences.map(\.field))
        guard timing.isDisjoint(with: fields) else { return .set(next) }
        // A larger `maxRuns` restarts a schedule that had used up its runs.
        return fields.contains("maxRuns") ? .fill(next) : .keep
    }

    /// Returns the first time at which one of several schedules fires, and whether it is one on the clocks of contacts; `nil` if
    /// none does.
    static func next(of schedules: [ScheduleSpec], after now: Date) -> (time: Date, isLocal: Bool)? {
        schedules.compactMap { schedule -> (time: Date, isLocal: Bool)? in
            let next = schedule.times(after: now, count: 1, firedBefore: 0).first
            return next.map { (time: $0, isLocal: schedule.localTime) }
        }
        .min { $0.time < $1.time }
    }

    /// Returns the schedules of a campaign that send by the clock of each contact.
    public static func localSchedules(of campaign: SpecIdentity, in catalog: SpecCatalog) -> [ScheduleSpec] {
        catalog.all(ScheduleSpec.self)
            .filter { $0.identity.tenant == campaign.tenant && $0.value.campaign == campaign.name }
            .map(\.value).filter(\.localTime)
    }

    /// Returns a line with the next fire times for each schedule of a campaign.
    public static func lines(of campaign: SpecIdentity, in catalog: SpecCatalog, now: Date) -> [String] {
        let clock = catalog.tenant(campaign.tenant)?.value.zone
        return catalog.all(ScheduleSpec.self)
            .filter { $0.identity.tenant == campaign.tenant && $0.value.campaign == campaign.name }
            .flatMap { schedule in
                let spec = schedule.value
                let times = PlannedChange.FireTimes(
                    before: [],
                    after: spec.times(after: now, count: count, firedBefore: 0),
                    clock: spec.localTime ? spec.zone : clock ?? spec.zone,
                    schedule: spec.zone,
                    now: now
                )
                var text = times.after.isEmpty ? "never" : times.text(times.after)
                if spec.localTime { text += ", on the clock of each contact" }
                return ["Schedule \(spec.name) fires \(text)"] + times.clockChanges
            }
    }
}

extension ScheduleSpec {
    /// Reads a schedule from the content of a row; `nil` if the row was edited by hand and is no schedule any more.
    fileprivate init?(content: JSONValue?) {
        guard var fields = content?.objectValue else { return nil }
        fields["sourceFile"] = nil
        do { try self.init(canonical: .object(fields)) } catch { return nil }
    }

    /// Returns the next fire time of a schedule that is written now.
    ///
    /// A single time that has just passed is still returned: its misfire rule decides whether it fires.
    fileprivate func nextRun(now: Date, firedBefore: Int) -> Date? {
        guard isActive else { return nil }
        if case .at = timing {
            return times(after: now.addingTimeInterval(-Double(misfireWindow.seconds)), count: 1, firedBefore: 0).first
        }
        return times(after: now, count: 1, firedBefore: firedBefore).first
    }

    /// Returns the next fire times, ascending; empty if the schedule is not active.
    ///
    /// - Parameters:
    ///   - now: All times are later.
    ///   - count: The maximum number of times.
    ///   - firedBefore: The number of former runs, which `maxRuns` includes.
    /// - Returns: The times.
    fileprivate func times(after now: Date, count: Int, firedBefore: Int) -> [Date] {
        guard isActive else { return [] }
        let left = maxRuns.map { max(0, $0 - firedBefore) } ?? count
        return fireTimes(after: now, count: min(count, left))
    }
}

extension PlannedChange.FireTimes {
    /// Makes the times of a schedule.
    ///
    /// - Parameters:
    ///   - before: The times before the change.
    ///   - after: The times after the change.
    ///   - clock: The zone in which people read the times.
    ///   - schedule: The zone of the schedule.
    ///   - now: The time from which changes of the clocks are told.
    init(before: [Date], after: [Date], clock: IANAZone?, schedule: IANAZone?, now: Date) {
        (self.before, self.after, zone) = (before, after, clock)
        let last = (before + after).max()
        let zones = [schedule, clock == schedule ? nil : clock].compactMap(\.self)
        clockChanges = last.map { last in zones.flatMap { Self.changes(of: $0, from: now, through: last) } } ?? []
    }

    /// Returns a sentence for each change of the clocks in a period.
    private static func changes(of zone: IANAZone, from start: Date, through end: Date) -> [String] {
        let first = zone.index(at: Int64(start.timeIntervalSince1970.rounded(.down)))
        let last = zone.index(at: Int64(end.timeIntervalSince1970.rounded(.down)))
        guard first < last else { return [] }
        return zip(zone.segments[first..<last], zone.segments[(first + 1)...last]).map { old, new in
            let local = LocalDateTime(Date(timeIntervalSince1970: Double(new.start)), in: zone)
            return "clocks in \(zone.identifier) change from \(offset(old.offset)) to \(offset(new.offset)) "
                + "on \(local.description.prefix(10)), before the last of these times"
        }
    }

    /// Writes an offset as `UTC+2` or `UTC+05:30`.
    private static func offset(_ seconds: Int64) -> String {
        let minutes = abs(seconds) / 60
        let rest = minutes % 60 == 0 ? "" : ":\(minutes % 60 < 10 ? "0" : "")\(minutes % 60)"
        return "UTC\(seconds < 0 ? "-" : "+")\(minutes / 60)\(rest)"
    }

    /// The times before and after the change as lines of a difference; empty if they are equal.
    var lines: [(sign: String, text: String)] {
        guard before != after else { return [] }
        return [("-", before), ("+", after)].compactMap { sign, times in
            times.isEmpty ? nil : (sign, text(times))
        }
    }

    /// Writes times on the clock of the zone, each with UTC beside it: `2026-12-01 09:00 (06:00Z) in Africa/Nairobi`;
    /// without a zone only in UTC: `2026-12-01 06:00Z`.
    func text(_ times: [Date]) -> String {
        guard let zone, zone.identifier != "UTC" else {
            return times.map { TenantClock.utc($0) }.joined(separator: ", ")
        }
        return times.map { TenantClock.text($0, in: zone) }.joined(separator: ", ") + " in \(zone.identifier)"
    }
}

/// Writes times for the people of a tenant.
enum TenantClock {
    /// Writes a time on the clock of a zone, with UTC beside it; its day only if it is another one.
    static func text(_ date: Date, in zone: IANAZone) -> String {
        let utc = utc(date)
        let local = LocalDateTime(date, in: zone).description.replacing("T", with: " ").prefix(16)
        return "\(local) (\(local.prefix(10) == utc.prefix(10) ? String(utc.dropFirst(11)) : utc))"
    }

    /// Writes a time in UTC, such as `2026-12-01 09:00Z`.
    static func utc(_ date: Date) -> String {
        String(Instant(date).description.replacing("T", with: " ").prefix(16)) + "Z"
    }

    /// Writes a time in UTC and, with a zone, on its clock, for sentences.
    static func sentence(_ date: Date, in zone: IANAZone?) -> String {
        zone.map { "\(text(date, in: $0)) in \($0.identifier)" } ?? date.formatted(.iso8601)
    }
}
