import Foundation
import JSON
import Spec

/// Tells when the schedules of a plan fire next, before and after; a pure function.
enum FireTimeFinder {
    private static let count = 5

    static func find(_ plan: inout Plan, now: Date) {
        for index in plan.changes.indices where plan.changes[index].identity.kind == .schedule {
            let change = plan.changes[index]
            plan.changes[index].fireTimes = PlannedChange.FireTimes(
                before: times(change.before, change, now),
                after: times(change.after, change, now)
            )
        }
    }

    private static func times(_ content: JSONValue?, _ change: PlannedChange, _ now: Date) -> [Date] {
        guard let schedule = ScheduleSpec(content: content) else { return [] }
        return schedule.times(after: now, count: count, firedBefore: change.runCount)
    }
}
