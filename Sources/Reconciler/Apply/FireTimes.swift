public import Foundation
import JSON
public import Spec
import Store

/// Computes the fire times of schedules for plans, rows and previews, without I/O.
public enum FireTimes {
    private static let count = 5
    /// The fields that decide when a schedule fires.
    private static let timing: Set<String> = ["cron", "at", "timeZone", "from", "until", "dst", "isActive"]

    /// Adds the next fire times before and after the change to each schedule of a plan.
    static func add(to plan: inout Plan, now: Date) {
        for index in plan.changes.indices where plan.changes[index].identity.kind == .schedule {
            let change = plan.changes[index]
            func times(_ content: JSONValue?) -> [Date] {
                ScheduleSpec(content: content)?.times(after: now, count: count, firedBefore: change.runCount) ?? []
            }
            plan.changes[index].fireTimes = PlannedChange.FireTimes(
                before: times(change.before),
                after: times(change.after)
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

    /// Returns a line with the next fire times for each schedule of a campaign.
    public static func lines(of campaign: SpecIdentity, in catalog: SpecCatalog, now: Date) -> [String] {
        catalog.all(ScheduleSpec.self)
            .filter { $0.identity.tenant == campaign.tenant && $0.value.campaign == campaign.name }
            .map { schedule in
                let times = schedule.value.times(after: now, count: count, firedBefore: 0)
                let text = times.isEmpty ? "never" : times.map(PlannedChange.FireTimes.text).joined(separator: ", ")
                return "Schedule \(schedule.value.name) fires \(text)"
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
