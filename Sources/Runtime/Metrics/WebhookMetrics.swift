import CoreMetrics
import Foundation
import Prometheus
import Store

/// Counts what WhatsApp reports, and how long it takes to be committed.
package struct WebhookMetrics: Sendable {
    enum Outcome: String, CaseIterable {
        case written, failed
    }

    private let outcomes: [Outcome: Counter]
    private let duration: CoreMetrics.Timer
    private let lag: CoreMetrics.Timer
    private let batch: Recorder

    init(factory: any MetricsFactory) {
        outcomes = MetricFamily.reports.counters(of: Outcome.self, factory: factory)
        duration = MetricFamily.webhookDuration.timer(factory: factory)
        lag = MetricFamily.webhookLag.timer(factory: factory)
        batch = MetricFamily.webhookBatch.recorder(factory: factory)
    }

    /// Counts a transaction.
    ///
    /// - Parameters:
    ///   - reports: Statuses and messages in it.
    ///   - oldest: The time of its oldest status by WhatsApp's clock; `nil` when it has none.
    ///   - now: The present.
    func countWritten(_ reports: Int, oldest: Date?, now: Date = Date()) {
        outcomes[.written]?.increment(by: reports)
        batch.record(reports)
        // WhatsApp's clock may be ahead of ours by a little.
        if let oldest { lag.record(.seconds(max(0, now.timeIntervalSince(oldest)))) }
    }

    func countFailed(_ reports: Int) {
        outcomes[.failed]?.increment(by: reports)
    }

    /// Notes how long one webhook waited for its transaction.
    func note(_ time: Duration) {
        duration.record(time)
    }
}
