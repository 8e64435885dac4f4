import CoreMetrics
import Prometheus
import Store

/// Counts the times of schedules, and how late they were looked at.
package struct ScheduleMetrics: Sendable {
    enum Outcome: String, CaseIterable {
        case started, skipped, failed, ended
    }

    private let outcomes: [Outcome: Counter]
    private let lag: CoreMetrics.Timer

    init(factory: any MetricsFactory) {
        outcomes = MetricFamily.firings.counters(of: Outcome.self, factory: factory)
        lag = MetricFamily.scheduleLag.timer(factory: factory)
    }

    func count(_ firing: Firing) {
        outcomes[Outcome(firing.outcome)]?.increment()
        lag.record(.seconds(firing.lag))
    }
}

extension ScheduleMetrics.Outcome {
    init(_ outcome: Firing.Outcome) {
        switch outcome {
        case .started: self = .started
        case .skipped: self = .skipped
        case .failed: self = .failed
        case .ended: self = .ended
        }
    }
}
