import Calendar
import Foundation
import Spec

/// Decides what a due schedule does; a pure function.
struct DueRule: Hashable, Sendable {
    /// The action of the schedule now.
    enum Action: Hashable, Sendable {
        /// The campaign starts, for this time.
        case start(Date)
        /// Nothing starts, for the reason given.
        case skip(reason: String)
        /// It waits until the previous run has ended.
        case wait
        /// It has come to its end.
        case end
    }

    /// The lag in seconds beyond which a time counts as missed; a smaller lag is normal on a busy machine.
    static let tolerance: TimeInterval = 60

    let action: Action
    /// The next fire time; `nil` means never.
    let next: Date?

    /// Decides.
    ///
    /// - Parameters:
    ///   - schedule: The schedule.
    ///   - due: The time that is due.
    ///   - now: The current time.
    ///   - runCount: The number of runs that it has started.
    ///   - isBusy: True if a run of its campaign is under way.
    ///   - freeSince: The end of the last run of its campaign; a time that waited for this run was not missed.
    init(schedule: ScheduleSpec, due: Date, now: Date, runCount: Int, isBusy: Bool, freeSince: Date?) {
        if let maxRuns = schedule.maxRuns, runCount >= maxRuns {
            (action, next) = (.end, nil)
            return
        }
        let isLast = schedule.maxRuns.map { runCount + 1 >= $0 } ?? false
        let waited = schedule.overlap == .queue ? freeSince.map { max($0, due) } ?? due : due
        let isMissed = now.timeIntervalSince(waited) > Self.tolerance
        guard let time = isMissed ? Self.makeUp(schedule, from: due, now: now) : due else {
            action = .skip(reason: "missed by \(Self.text(now.timeIntervalSince(due))), and not made up for")
            next = schedule.next(after: now.addingTimeInterval(-Self.tolerance))
            return
        }
        let following = schedule.next(after: time)
        if isBusy, schedule.overlap == .queue || (isMissed && schedule.misfire == .runAll && schedule.overlap == .skip)
        {
            (action, next) = (.wait, due)
        } else if isBusy, schedule.overlap == .skip {
            (action, next) = (.skip(reason: "the run before still goes on"), following)
        } else {
            (action, next) = (.start(time), isLast ? nil : following)
        }
    }

    /// Returns the missed time for which a run starts now; `nil` if there is no such time.
    private static func makeUp(_ schedule: ScheduleSpec, from due: Date, now: Date) -> Date? {
        let earliest = now.addingTimeInterval(-Double(schedule.misfireWindow.seconds))
        switch schedule.misfire {
        case .skip:
            return nil
        case .runAll:
            if due >= earliest { return due }
            return schedule.next(after: earliest.addingTimeInterval(-1)).flatMap { $0 <= now ? $0 : nil }
        case .runOnce:
            return last(of: schedule, from: due, now: now).flatMap { $0 >= earliest ? $0 : nil }
        }
    }

    /// Returns the latest time that is due.
    private static func last(of schedule: ScheduleSpec, from due: Date, now: Date) -> Date? {
        guard let cron = schedule.cronSchedule else { return due }
        let limit = min(now, schedule.end ?? now)
        let last = cron.previous(before: limit.addingTimeInterval(1)).flatMap { $0 <= limit ? $0 : nil }
        return last.map { max($0, due) } ?? due
    }

    private static func text(_ seconds: TimeInterval) -> String {
        SpecDuration(seconds: Int(seconds.rounded())).description
    }
}
