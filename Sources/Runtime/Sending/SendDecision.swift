import Store

/// The decision about a message after the provider's answer: pure, without a clock or I/O.
enum SendDecision: Hashable, Sendable {
    case sent(waMessageID: String, messageStatus: String? = nil)
    /// The whole lane pauses, then the message is sent again; not counted as an attempt.
    case pauseLane(Duration, reason: String)
    /// Only this recipient waits; not counted as an attempt.
    case deferRecipient(Duration)
    /// The attempt failed, another may succeed.
    case retry(MessageOutcome.Failure)
    /// The message can never be delivered to this recipient.
    case fail(MessageOutcome.Failure)
    /// No recipient would get it: the campaign pauses, and the message waits with the others.
    /// If it is a hold, the campaign goes on when the provider approves its template again.
    case pauseCampaign(reason: String, by: RunActor = .answer, isHold: Bool = false)
    /// It is not known whether the message was accepted; with a reason the campaign pauses as well.
    case unconfirmed(MessageOutcome.Failure, pauseReason: String? = nil)

    /// Decides by the class of the error.
    init(_ answer: SendAnswer, pairLimit: LaneRecord.PairLimit, retries: RetryPolicy) {
        switch answer {
        case .accepted(let id, let status, _):
            self = .sent(waMessageID: id, messageStatus: status)
        case .notWritten(let problem):
            self = .retry(
                .init(code: "connection", message: problem, scope: .unknown, consequence: .counted)
            )
        case .lost(let problem):
            self = .unconfirmed(.init(code: "answer_lost", message: problem))
        case .refused(let refusal):
            let failure = MessageOutcome.Failure(
                code: refusal.code.map(String.init) ?? String(refusal.httpStatus),
                message: refusal.message,
                httpStatus: refusal.httpStatus,
                scope: refusal.scope,
                errorClass: refusal.errorClass
            )
            let reason = refusal.hint.map { "\(failure.text); \($0)" } ?? failure.text
            let pause = max(refusal.retryAfter ?? .zero, retries.lanePause)
            switch refusal.errorClass {
            case .rateLimit: self = .pauseLane(pause, reason: failure.text)
            case .pairRateLimit where pairLimit == .defer:
                self = .deferRecipient(refusal.retryAfter ?? retries.pairDelay)
            case .pairRateLimit: self = .pauseLane(pause, reason: failure.text)
            case .retryable: self = .retry(failure)
            // Postgres decides whether a message waits for a cap.
            case .permanent, .optOut, .userCap: self = .fail(failure)
            case .systemic:
                self = .pauseCampaign(
                    reason: reason,
                    by: .guardRail(for: refusal.scope, otherwise: .answer),
                    isHold: failure.consequence == .holdsRun
                )
            case .ambiguous: self = .unconfirmed(failure, pauseReason: refusal.scope == .sender ? reason : nil)
            }
        }
    }
}

extension SendDecision {
    /// The provider's status of an accepted message; `nil` if it only accepted it.
    var messageStatus: String? {
        if case .sent(_, let status) = self { status } else { nil }
    }
}

extension MessageOutcome.Failure {
    /// Code and text, for log lines and reasons.
    var text: String { message.isEmpty ? code : "\(code): \(message)" }
}

/// The backoff of retries: a failed attempt is repeated after 30 and 60 seconds, with at most three attempts; a rate
/// limited lane continues after 60 seconds, a rate limited recipient after six.
package struct RetryPolicy: Hashable, Sendable {
    var maximumAttempts = 3
    var baseDelay = Duration.seconds(30)
    /// Share of the delay by which it varies, so that messages that failed together are not retried together.
    var jitter = 0.1
    /// Pause of a lane after a rate limit.
    var lanePause = Duration.seconds(60)
    /// Delay after a rate limit of one recipient, who may get a message every six seconds.
    var pairDelay = Duration.seconds(6)

    package init(
        maximumAttempts: Int = 3,
        baseDelay: Duration = Duration.seconds(30),
        jitter: Double = 0.1,
        lanePause: Duration = Duration.seconds(60),
        pairDelay: Duration = Duration.seconds(6)
    ) {
        self.maximumAttempts = maximumAttempts
        self.baseDelay = baseDelay
        self.jitter = jitter
        self.lanePause = lanePause
        self.pairDelay = pairDelay
    }

    /// Returns the delay before the next attempt.
    ///
    /// - Parameters:
    ///   - attempts: Attempts made, including the one that has just failed.
    ///   - random: A number from 0 to 1.
    /// - Returns: `nil` when no attempt is left.
    func delay(afterAttempts attempts: Int, random: Double) -> Duration? {
        guard attempts >= 1, attempts < maximumAttempts else { return nil }
        let factor = Double(1 << (attempts - 1)) * (1 + jitter * (2 * random - 1))
        return baseDelay * factor
    }
}
