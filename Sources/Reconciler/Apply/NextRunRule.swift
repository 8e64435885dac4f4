import Foundation
import JSON
import Spec
import Store

/// Decides when a schedule that is written fires next; a pure function.
enum NextRunRule {
    /// The fields that say when a schedule fires.
    private static let timing: Set<String> = ["cron", "at", "timeZone", "from", "until", "dst", "isActive"]

    static func nextRun(of change: PlannedChange, now: Date) -> ManagedRow.NextRun {
        let next = ScheduleSpec(content: change.after)?.nextRun(now: now, firedBefore: change.runCount)
        guard change.action == .update else { return .set(next) }
        let fields = Set(change.differences.map(\.field))
        guard timing.isDisjoint(with: fields) else { return .set(next) }
        // More runs than before bring back to life what had come to its end.
        return fields.contains("maxRuns") ? .fill(next) : .keep
    }
}

extension ScheduleSpec {
    /// Reads a schedule from the content of a row; `nil` if somebody wrote something else there by hand.
    init?(content: JSONValue?) {
        guard var fields = content?.objectValue else { return nil }
        fields["sourceFile"] = nil
        do { try self.init(canonical: .object(fields)) } catch { return nil }
    }

    /// When it fires next, once it is written now.
    ///
    /// A single time that has just passed is still given: whether it is made up for is for its misfire rule to say.
    func nextRun(now: Date, firedBefore: Int) -> Date? {
        guard isActive else { return nil }
        if case .at = timing {
            return times(after: now.addingTimeInterval(-Double(misfireWindow.seconds)), count: 1, firedBefore: 0).first
        }
        return times(after: now, count: 1, firedBefore: firedBefore).first
    }
}
