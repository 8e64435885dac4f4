import Store

/// What to do about an answer of WhatsApp.
enum SendDecision: Hashable, Sendable {
    case sent(waMessageID: String)
    /// Everybody on this lane is silent for a while, then the message goes again; no attempt counted.
    case pauseLane(Duration, reason: String)
    /// Only this recipient waits; no attempt counted.
    case deferRecipient(Duration)
    /// The attempt failed, another may succeed.
    case retry(MessageOutcome.Failure)
    /// This recipient will never get it.
    case fail(MessageOutcome.Failure)
    /// No recipient would get it: the campaign stops, this message waits with the others.
    case pauseCampaign(reason: String)
    /// Accepted or not, nobody knows.
    case unconfirmed(MessageOutcome.Failure)

    /// Decides by the API's error code; by the HTTP status only when there is none, because Meta sends the same code
    /// with different statuses.
    init(_ answer: SendAnswer, pairLimit: LaneRecord.PairLimit, retries: RetryPolicy) {
        switch answer {
        case .accepted(let id):
            self = .sent(waMessageID: id)
        case .notWritten(let problem):
            self = .retry(.init(code: "connection", message: problem))
        case .lost(let problem):
            self = .unconfirmed(.init(code: "answer_lost", message: problem))
        case .refused(let httpStatus, let code, let message, let retryAfter):
            let failure = MessageOutcome.Failure(
                code: code.map(String.init) ?? String(httpStatus),
                message: message,
                httpStatus: httpStatus
            )
            let pause = max(retryAfter ?? .zero, retries.lanePause)
            switch code.flatMap(ErrorClass.init(code:)) ?? ErrorClass(httpStatus: httpStatus) {
            case .rateLimit: self = .pauseLane(pause, reason: failure.text)
            case .pairRateLimit where pairLimit == .defer: self = .deferRecipient(retryAfter ?? retries.pairDelay)
            case .pairRateLimit: self = .pauseLane(pause, reason: failure.text)
            case .retryable: self = .retry(failure)
            case .permanent: self = .fail(failure)
            case .systemic: self = .pauseCampaign(reason: failure.text)
            case .ambiguous: self = .unconfirmed(failure)
            }
        }
    }
}

extension MessageOutcome.Failure {
    /// Code and text, for people.
    var text: String { message.isEmpty ? code : "\(code): \(message)" }
}
