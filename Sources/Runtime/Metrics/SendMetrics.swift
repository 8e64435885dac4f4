import CoreMetrics
import Prometheus
import Store

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

    private let factory: any MetricsFactory
    private let outcomes: [Outcome: Counter]
    private let answers: [Answer: Counter]
    private let duration: CoreMetrics.Timer

    init(factory: any MetricsFactory) {
        self.factory = factory
        outcomes = MetricFamily.messages.counters(of: Outcome.self, factory: factory)
        answers = MetricFamily.requests.counters(of: Answer.self, factory: factory)
        duration = MetricFamily.requestDuration.timer(factory: factory)
    }

    /// Counts the outcomes of a batch that is in Postgres.
    func count(_ written: [MessageOutcome]) {
        var counts: [Outcome: Int] = [:]
        for message in written {
            counts[Outcome(message.result), default: 0] += 1
            if let status = message.messageStatus { countHeld(status) }
        }
        for (outcome, count) in counts { outcomes[outcome]?.increment(by: count) }
    }

    func count(_ answer: SendAnswer, after time: Duration) {
        answers[Answer(answer)]?.increment()
        duration.record(time)
        if case .refused(let refusal) = answer {
            MetricFamily.sendErrors.counter([refusal.scope.rawValue, "answer"], factory: factory).increment()
        }
    }

    /// Counts a message that the provider accepted and holds back.
    private func countHeld(_ status: String) {
        let known = ["held_for_quality_assessment", "paused"]
        MetricFamily.heldMessages.counter([known.contains(status) ? status : "other"], factory: factory).increment()
    }

    /// Counts a rate limit.
    func countRateLimit(tenant: String, sender: String) {
        MetricFamily.rateLimits.counter([tenant, sender], factory: factory).increment()
    }
}

extension SendMetrics.Outcome {
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
