import CoreMetrics
import Prometheus
import Store
import Synchronization

/// Counts requests to the provider, and outcomes of messages.
struct SendMetrics: Sendable {
    enum Outcome: String, CaseIterable {
        case sent, retry, failed, capped, unconfirmed, released, withdrawn
    }

    /// The answers to requests, as label values.
    enum Answer: String, CaseIterable {
        case success = "2xx"
        case clientError = "4xx"
        case serverError = "5xx"
        case other
        /// The request was not written: there was no connection.
        case notWritten = "not_written"
        /// No usable answer came.
        case lost
    }

    /// The reasons for which the provider holds messages back, as label values.
    enum Held: String, CaseIterable {
        case qualityAssessment = "held_for_quality_assessment"
        case paused, other
    }

    private let factory: any MetricsFactory
    private let outcomes: [Outcome: Counter]
    private let answers: [Answer: Counter]
    private let held: [Held: Counter]
    private let duration: CoreMetrics.Timer
    private let codes = ErrorCodes()
    /// The attempts of one lane; `nil` in the metrics of all.
    private var attempts: Counter?

    init(factory: any MetricsFactory) {
        self.factory = factory
        outcomes = MetricFamily.messages.counters(of: Outcome.self, factory: factory)
        answers = MetricFamily.requests.counters(of: Answer.self, factory: factory)
        held = MetricFamily.heldMessages.counters(of: Held.self, factory: factory)
        duration = MetricFamily.requestDuration.timer(factory: factory)
    }

    /// Returns the metrics with those of one lane, whose counters are shown from now on: a rate can be computed from the
    /// first increment.
    func of(tenant: String, sender: String) -> SendMetrics {
        var metrics = self
        metrics.attempts = MetricFamily.laneAttempts.counter([tenant, sender], factory: factory)
        _ = MetricFamily.rateLimits.counter([tenant, sender], factory: factory)
        return metrics
    }

    /// Counts the outcomes of a batch that is in Postgres.
    func count(_ written: [MessageOutcome]) {
        var counts: [Outcome: Int] = [:]
        for message in written {
            counts[Outcome(message.result), default: 0] += 1
            if let status = message.messageStatus { countHeld(status) }
        }
        for (outcome, count) in counts { outcomes[outcome]?.increment(by: count) }
        attempts?.increment(by: counts.filter { $0.key.isAttempt }.values.reduce(0, +))
    }

    func count(_ answer: SendAnswer, after time: Duration) {
        answers[Answer(answer)]?.increment()
        duration.record(time)
        if case .refused(let refusal) = answer {
            let labels = [refusal.scope.rawValue, "answer", codes.label(of: refusal.code)]
            MetricFamily.sendErrors.counter(labels, factory: factory).increment()
        }
    }

    /// Counts a message that the provider accepted and holds back.
    private func countHeld(_ status: String) {
        held[Held(rawValue: status) ?? .other]?.increment()
    }

    /// Counts a rate limit.
    func countRateLimit(tenant: String, sender: String) {
        MetricFamily.rateLimits.counter([tenant, sender], factory: factory).increment()
    }
}

/// The codes of errors as label values, in a bounded number: each value of a label is a series, and the
/// provider can return any number of codes.
final class ErrorCodes: Sendable {
    /// Number of codes that are shown; further ones are `other`.
    static let most = 100

    private let shown = Mutex<Set<Int>>([])

    /// Returns the label value of a code; `none` for an error without one, which a gateway answers.
    func label(of code: Int?) -> String {
        guard let code else { return "none" }
        let isShown = shown.withLock { shown in
            shown.contains(code) || (shown.count < Self.most && shown.insert(code).inserted)
        }
        return isShown ? String(code) : "other"
    }
}

extension SendMetrics.Outcome {
    /// True if a request may have been written for it.
    fileprivate var isAttempt: Bool { self != .released && self != .withdrawn }

    init(_ result: MessageOutcome.Result) {
        switch result {
        case .sent: self = .sent
        case .retry: self = .retry
        case .failed(let failure): self = failure.consequence == .userCap ? .capped : .failed
        case .unconfirmed: self = .unconfirmed
        case .released: self = .released
        case .withdrawn: self = .withdrawn
        }
    }
}

extension SendMetrics.Answer {
    init(_ answer: SendAnswer) {
        switch answer {
        case .accepted: self = .success
        case .refused(let refusal) where (400..<500).contains(refusal.httpStatus): self = .clientError
        case .refused(let refusal) where (500..<600).contains(refusal.httpStatus): self = .serverError
        case .refused: self = .other
        case .notWritten: self = .notWritten
        case .lost: self = .lost
        }
    }
}
