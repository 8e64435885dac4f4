import Spec

/// A person's decision about messages whose answer was lost, and for which no report came.
public struct Settlement: Hashable, Sendable {
    /// The decision.
    public enum Decision: String, CaseIterable, Sendable {
        /// They are sent once more; a recipient who got the first one gets two.
        case resend
        /// They count as accepted, and are paid.
        case sent
        /// They count as failed, and are not paid. A retry does not repeat them.
        case failed
    }

    /// The shortest time that a report must have had.
    public static let shortestWait = Duration.seconds(15 * 60)

    public let decision: Decision
    /// The least time for which its messages have been unconfirmed; at least ``shortestWait``.
    public let olderThan: Duration
    /// The person who decides.
    public let actor: RunActor
    /// The reason, for people.
    public let reason: String?

    /// Makes a decision.
    ///
    /// - Parameters:
    ///   - decision: What becomes of the messages.
    ///   - olderThan: How long they must have been unconfirmed; less than ``shortestWait`` is raised to it.
    ///   - actor: The person who decides.
    ///   - reason: Why, for people.
    public init(_ decision: Decision, olderThan: Duration, actor: RunActor, reason: String?) {
        self.decision = decision
        self.olderThan = max(olderThan, Self.shortestWait)
        self.actor = actor
        self.reason = reason
    }

    /// Returns the decision about so many messages, as the record of a run has it.
    func words(_ messages: Int) -> String {
        let time = SpecDuration(seconds: Int(olderThan.components.seconds))
        return "\(messages) unconfirmed for \(time) or longer: \(decision.rawValue)"
            + (reason.map { " (\($0))" } ?? "")
    }
}
