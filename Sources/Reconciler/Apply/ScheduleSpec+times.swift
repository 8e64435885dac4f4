import Foundation
import Spec

extension ScheduleSpec {
    /// The next times at which an active schedule fires; empty if it is not active.
    ///
    /// - Parameters:
    ///   - now: Times are later than this.
    ///   - count: How many at most.
    ///   - firedBefore: How often it has fired, which `maxRuns` counts too.
    /// - Returns: The times, ascending.
    func times(after now: Date, count: Int, firedBefore: Int) -> [Date] {
        guard isActive else { return [] }
        let left = maxRuns.map { max(0, $0 - firedBefore) } ?? count
        return fireTimes(after: now, count: min(count, left))
    }
}
