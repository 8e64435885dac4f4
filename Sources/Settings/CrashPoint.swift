package import Dispatch
import Foundation
import Synchronization

/// A point at which a daemon can be made to crash, so that recovery from a crash there can be tested.
///
/// Off by default. `CRASH_AT=answerRead:3` makes the process send itself SIGKILL when it reaches the point for the third
/// time, without unwinding or flushing.
package enum CrashPoint: String, CaseIterable, Sendable {
    case chunkClaimed
    case idsPushed
    case slotsReserved
    case beginning
    case begun
    case cleared
    case requestWritten
    case answerRead
    case outcomesTaken
    case flushing
    case outcomesCommitted
    case rebuilding
    case notificationPosted
    case webhooksForwarded
    case leasesTakenOver
    case submissionClaimed
    case submissionMarked
    case submissionWritten
    case submissionAnswered
    case submissionSettled
    case mediaUploaded

    /// The armed point, and the pass at which it crashes the process.
    private struct Armed: Sendable {
        let point: CrashPoint
        let passes: Int
    }

    private static let armed = parse(ProcessInfo.processInfo.environment["CRASH_AT"])
    private static let reached = Mutex(0)

    /// Crashes the process if this point is armed and was passed often enough.
    ///
    /// - Parameter delay: Delay of the crash; for points inside of calls that cannot be interrupted.
    package func reach(after delay: DispatchTimeInterval? = nil) {
        guard let armed = Self.armed, armed.point == self else { return }
        let count = Self.reached.withLock { count in
            count += 1
            return count
        }
        guard count >= armed.passes else { return }
        if let delay {
            DispatchQueue.global().asyncAfter(deadline: .now() + delay) { kill(getpid(), SIGKILL) }
        } else {
            kill(getpid(), SIGKILL)
        }
    }

    /// Returns true if the variable is unset or names a point.
    package static func isValid(_ text: String?) -> Bool {
        text == nil || parse(text) != nil
    }

    private static func parse(_ text: String?) -> Armed? {
        guard let parts = text?.split(separator: ":"), let name = parts.first, parts.count <= 2 else { return nil }
        guard let point = CrashPoint(rawValue: String(name)) else { return nil }
        guard let passes = parts.count == 2 ? Int(parts[1]) : 1, passes >= 1 else { return nil }
        return Armed(point: point, passes: passes)
    }
}
