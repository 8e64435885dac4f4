import Foundation
import Spec

extension ScheduleSpec {
    /// The next times at which an active schedule fires; empty if it is not active.
    func times(after now: Date, count: Int, firedBefore: Int) -> [Date] {
        []
    }
}
