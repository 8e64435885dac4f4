import Foundation
import Spec

/// Decides what becomes of a time of a schedule that waits until WhatsApp approves the template; a pure function.
struct WaitRule: Hashable, Sendable {
    /// The facts that decide.
    struct Facts: Hashable, Sendable {
        /// The change since the wait began that ends it, as the end of a sentence; `nil` if there is none.
        var change: String?
        /// True if the next time of the schedule has come, whose start or skip ends the wait.
        var isFollowed = false
        /// True if a run of the campaign is under way.
        var isBusy = false
        /// The reason why WhatsApp would refuse the template, as a sentence; `nil` if it would not.
        var problem: String?
    }

    /// The action now.
    enum Action: Hashable, Sendable {
        case start
        /// It goes on waiting; with the reason, if it is known.
        case wait(reason: String?)
        /// Nothing starts any more, for the reason given.
        case end(reason: String)
    }

    let action: Action

    /// Decides.
    ///
    /// - Parameters:
    ///   - facts: The facts.
    ///   - overlap: The rule for a start while a run is under way.
    ///   - until: The end of the wait.
    ///   - now: The current time.
    init(_ facts: Facts, overlap: ScheduleSpec.Overlap, until: Date, now: Date) {
        if let change = facts.change {
            action = .end(reason: "\(change) while it waited for WhatsApp to approve the template")
        } else if now > until {
            action = .end(
                reason: facts.problem.map { "WhatsApp had not approved the template in time: \($0)" }
                    ?? "it could start too late: the wait for WhatsApp ended at \(until.formatted(.iso8601))"
            )
        } else if facts.isFollowed {
            action = .wait(reason: nil)
        } else if let problem = facts.problem {
            action = .wait(reason: Self.reason(problem, until: until))
        } else if facts.isBusy, overlap != .cancelRunning {
            action =
                overlap == .queue
                ? .wait(
                    reason: "the template is approved; it waits for the run before, until \(until.formatted(.iso8601))"
                )
                : .end(reason: "the run before still goes on")
        } else {
            action = .start
        }
    }

    /// Returns the reason of a wait, for people.
    static func reason(_ problem: String, until: Date) -> String {
        "waits for WhatsApp until \(until.formatted(.iso8601)): \(problem)"
    }

    /// Returns the end of a wait: as late as a missed start may be made up for.
    ///
    /// - Parameters:
    ///   - schedule: The schedule.
    ///   - last: The time, where it comes last.
    /// - Returns: The end.
    static func end(_ schedule: ScheduleSpec, after last: Date) -> Date {
        last.addingTimeInterval(max(DueRule.tolerance, Double(schedule.misfireWindow.seconds)))
    }
}
