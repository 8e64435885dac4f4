import CoreMetrics
import Prometheus
import Store

/// Counts events by what they led to.
package struct TriggerMetrics: Sendable {
    enum Outcome: String, CaseIterable {
        /// At least one message.
        case matched
        /// No message, though somebody waited for it.
        case refused
        /// Nobody waited for it.
        case ignored
        /// It could not be written.
        case failed
    }

    private let outcomes: [Outcome: Counter]
    private let refusals: [TriggerRefusal: Counter]

    init(factory: any MetricsFactory) {
        outcomes = MetricFamily.events.counters(of: Outcome.self, factory: factory)
        refusals = MetricFamily.refusals.counters(of: TriggerRefusal.self, factory: factory)
    }

    /// Counts what a transaction has committed.
    func count(_ answers: [TriggerAnswer]) {
        for (outcome, answers) in Dictionary(grouping: answers, by: Outcome.init) {
            outcomes[outcome]?.increment(by: answers.count)
        }
        for refusal in answers.lazy.flatMap(\.refused) { refusals[refusal.reason]?.increment() }
    }

    func countFailed(_ events: Int) {
        outcomes[.failed]?.increment(by: events)
    }
}

extension TriggerMetrics.Outcome {
    init(_ answer: TriggerAnswer) {
        if !answer.matched.isEmpty {
            self = .matched
        } else {
            self = answer.refused.isEmpty ? .ignored : .refused
        }
    }
}
