public import Foundation

/// Why a schedule cannot fire.
public enum ScheduleError: Error, Equatable, CustomStringConvertible {
    /// Its row says what no schedule says; somebody wrote it by hand.
    case unreadable(schedule: UUID, column: String, problem: String)

    public var description: String {
        switch self {
        case .unreadable(let schedule, let column, let problem):
            "schedule \(schedule.uuidString.lowercased()), column \"\(column)\": \(problem)"
        }
    }
}
