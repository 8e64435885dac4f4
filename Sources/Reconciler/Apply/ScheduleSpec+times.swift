import Foundation
import Spec

extension ScheduleSpec {
    /// The next times at which an active schedule fires; empty if it is not active, or its zone is not known here.
    ///
    /// - Parameters:
    ///   - now: Times are later than this.
    ///   - count: How many at most.
    ///   - firedBefore: How often it has fired, which `maxRuns` counts too.
    /// - Returns: The times, ascending.
    func times(after now: Date, count: Int, firedBefore: Int) -> [Date] {
        guard isActive, let zone = TimeZone(identifier: timeZone) else { return [] }
        switch timing {
        case .at(let text):
            guard let time = LocalTime(text)?.instant(in: zone), time > now else { return [] }
            return [time]
        case .cron:
            return []
        }
    }
}
