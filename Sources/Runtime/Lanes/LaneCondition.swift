import Foundation
import Logging
package import Store
import Synchronization

/// The obstacles that a daemon knows for one of its lanes; `nil` for each that does not hold.
struct LaneFacts: Hashable, Sendable {
    /// The error of Postgres.
    var postgresProblem: String?
    /// The error of Redis.
    var redisProblem: String?
    var tokenProblem: String?
    /// The reason why the circuit breaker is open.
    var outage: String?
    /// The end of a pause that WhatsApp asked for.
    var pausedUntil: Date?
    /// The time at which some of the quota returns.
    var quotaUntil: Date?
    /// The end of quiet hours.
    var quietUntil: Date?
}

/// The causes for which a lane does not send, as its daemon sees it; each change is logged once.
package final class LaneCondition: Sendable {
    fileprivate struct State {
        var facts = LaneFacts()
        /// The times at which the causes began that hold.
        var since: [Waiting.Reason: Date] = [:]
        var waiting: Waiting
    }

    /// Differences of an end that come from looking at it at two instants, in seconds.
    private static let tolerance = 2.0

    private let state: Mutex<State>
    private let logger: Logger
    private let now: @Sendable () -> Date
    private let changed: @Sendable () -> Void

    /// Makes the condition of a lane that sends.
    ///
    /// - Parameters:
    ///   - logger: The log, with tenant and sender.
    ///   - now: The calendar.
    ///   - changed: Called after each change of the reason.
    init(
        logger: Logger,
        now: @escaping @Sendable () -> Date = { Date() },
        changed: @escaping @Sendable () -> Void = {}
    ) {
        (self.logger, self.now, self.changed) = (logger, now, changed)
        state = Mutex(State(waiting: Waiting(.moving, since: now())))
    }

    /// The cause for which it does not send.
    package var waiting: Waiting { state.withLock { $0.waiting } }

    /// The causes that only this daemon knows.
    var causes: [Waiting] {
        state.withLock { state in state.facts.causes.map { $0.beginning(state.since) } }
    }

    /// Takes what is known by now.
    func note(_ change: (inout LaneFacts) -> Void) {
        let now = now()
        let changes = state.withLock { state -> (from: Waiting, to: Waiting)? in
            var facts = state.facts
            change(&facts)
            facts.steady(state.facts, within: Self.tolerance)
            let isOver = (facts.pausedUntil ?? now) < now
            if isOver { facts.pausedUntil = nil }
            guard facts != state.facts else { return nil }
            state.facts = facts
            let former = state.waiting
            state.update(now: now)
            return former.reason == state.waiting.reason ? nil : (former, state.waiting)
        }
        guard let changes else { return }
        log(changes.to, after: changes.from)
        changed()
    }

    private func log(_ waiting: Waiting, after former: Waiting) {
        guard !waiting.isMoving else {
            logger.notice("Lane sends again", metadata: ["after": "\(former.reason.rawValue)"])
            return
        }
        var metadata: Logger.Metadata = [
            "reason": "\(waiting.reason.rawValue)", "detail": "\(waiting.detail ?? waiting.reason.meaning)",
        ]
        if let until = waiting.until { metadata["until"] = "\(until.formatted(.iso8601))" }
        logger.notice("Lane waits", metadata: metadata)
    }
}

extension LaneCondition.State {
    /// Decides anew, by the rules for runs: a daemon sees itself, and no other.
    fileprivate mutating func update(now: Date) {
        let causes = facts.causes
        var reasons = Set(causes.map(\.reason))
        if facts.quotaUntil != nil { reasons.insert(.quota) }
        if facts.quietUntil != nil { reasons.insert(.quietHours) }
        since = since.filter { reasons.contains($0.key) }
        for reason in reasons where since[reason] == nil { since[reason] = now }
        var known = WaitingFacts(now: now, since: now)
        known.lastHeartbeat = now
        known.reports = [causes.map { $0.beginning(since) }]
        // Its runs decide whether it then goes on by itself; the lane says only until when.
        (known.quotaUntil, known.resumesByItself) = (facts.quotaUntil, true)
        known.quietUntil = facts.quietUntil
        let next = Waiting(known)
        let begin = next.reason == waiting.reason ? waiting.since : since[next.reason] ?? now
        waiting = Waiting(
            next.reason,
            since: begin,
            until: next.until,
            detail: next.reason == .quota ? nil : next.detail
        )
    }
}

extension LaneFacts {
    /// The causes that only the daemon knows, in their order; `since` is not known here.
    fileprivate var causes: [Waiting] {
        let unknown = Date.distantPast
        return [
            (postgresProblem ?? redisProblem).map { Waiting(.storeUnreachable, since: unknown, detail: $0) },
            tokenProblem.map { Waiting(.noToken, since: unknown, detail: $0) },
            outage.map { outage in
                let detail = "\(Waiting.Reason.whatsappUnreachable.meaning): \(outage)"
                return Waiting(.whatsappUnreachable, since: unknown, detail: detail)
            },
            pausedUntil.map { Waiting(.rateLimited, since: unknown, until: $0) },
        ].compactMap { $0 }
    }

    /// Keeps the former ends where the new ones differ only because they were looked at later.
    fileprivate mutating func steady(_ former: LaneFacts, within tolerance: Double) {
        func steady(_ new: Date?, _ old: Date?) -> Date? {
            guard let new, let old, abs(new.timeIntervalSince(old)) <= tolerance else { return new }
            return old
        }
        pausedUntil = steady(pausedUntil, former.pausedUntil)
        quotaUntil = steady(quotaUntil, former.quotaUntil)
        quietUntil = steady(quietUntil, former.quietUntil)
    }
}

extension Waiting {
    /// Returns the same cause with the time at which it began.
    fileprivate func beginning(_ since: [Reason: Date]) -> Waiting {
        Waiting(reason, since: since[reason] ?? self.since, until: until, detail: detail)
    }
}
