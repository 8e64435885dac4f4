import CoreMetrics
import Foundation
package import Prometheus
import Store

/// The metrics that a daemon counts while it works; all others are read at each scrape.
package struct DaemonMetrics: Sendable {
    package let registry: PrometheusRegistry
    let send: SendMetrics
    package let guards: GuardMetrics
    package let schedules: ScheduleMetrics
    package let triggers: TriggerMetrics
    package let webhooks: WebhookMetrics
    package let notifications: NotificationMetrics
    package let forwards: ForwardMetrics
    package let http: HTTPMetrics

    package init(registry: PrometheusRegistry = PrometheusRegistry()) {
        self.registry = registry
        send = SendMetrics(factory: registry)
        guards = GuardMetrics(factory: registry)
        schedules = ScheduleMetrics(factory: registry)
        triggers = TriggerMetrics(factory: registry)
        webhooks = WebhookMetrics(factory: registry)
        notifications = NotificationMetrics(factory: registry)
        forwards = ForwardMetrics(factory: registry)
        http = HTTPMetrics(factory: registry)
    }
}

/// Counts occurrences of schedules, and how late they were fired.
package struct ScheduleMetrics: Sendable {
    enum Outcome: String, CaseIterable {
        case started, skipped, failed, waiting, ended
    }

    private let outcomes: [Outcome: Counter]
    private let lag: CoreMetrics.Timer

    init(factory: any MetricsFactory) {
        outcomes = MetricFamily.firings.counters(of: Outcome.self, factory: factory)
        lag = MetricFamily.scheduleLag.timer(factory: factory)
    }

    func count(_ firing: Firing) {
        outcomes[Outcome(firing.outcome)]?.increment()
        if let delay = firing.lag { lag.record(.seconds(delay)) }
    }
}

extension ScheduleMetrics.Outcome {
    init(_ outcome: Firing.Outcome) {
        switch outcome {
        case .started: self = .started
        case .skipped: self = .skipped
        case .failed: self = .failed
        case .waits: self = .waiting
        case .ended: self = .ended
        }
    }
}

/// Counts trigger events by their result.
package struct TriggerMetrics: Sendable {
    enum Outcome: String, CaseIterable {
        /// At least one message.
        case matched
        /// A trigger matched, and no message was made.
        case refused
        /// No trigger matched.
        case ignored
        /// The event could not be committed.
        case failed
    }

    private let outcomes: [Outcome: Counter]
    private let refusals: [TriggerRefusal: Counter]

    init(factory: any MetricsFactory) {
        outcomes = MetricFamily.events.counters(of: Outcome.self, factory: factory)
        refusals = MetricFamily.refusals.counters(of: TriggerRefusal.self, factory: factory)
    }

    /// Counts the events of a committed transaction.
    func count(_ events: [TriggerOutcome]) {
        for (outcome, events) in Dictionary(grouping: events, by: Outcome.init) {
            outcomes[outcome]?.increment(by: events.count)
        }
        for refusal in events.lazy.flatMap(\.refused) { refusals[refusal.reason]?.increment() }
    }

    func countFailed(_ events: Int) {
        outcomes[.failed]?.increment(by: events)
    }
}

extension TriggerMetrics.Outcome {
    init(_ event: TriggerOutcome) {
        if !event.matched.isEmpty {
            self = .matched
        } else {
            self = event.refused.isEmpty ? .ignored : .refused
        }
    }
}

/// Counts the reports of the provider, and the time until they are committed.
package struct WebhookMetrics: Sendable {
    enum Outcome: String, CaseIterable {
        case written, failed
    }

    /// The statuses of messages, as label values.
    enum Status: String, CaseIterable {
        case sent, delivered, read, failed
    }

    private let factory: any MetricsFactory
    private let outcomes: [Outcome: Counter]
    private let statuses: [Status: Counter]
    private let duration: CoreMetrics.Timer
    private let lag: CoreMetrics.Timer
    private let batch: Recorder
    private let codes = ErrorCodes()

    init(factory: any MetricsFactory) {
        self.factory = factory
        outcomes = MetricFamily.reports.counters(of: Outcome.self, factory: factory)
        statuses = MetricFamily.statuses.counters(of: Status.self, factory: factory)
        duration = MetricFamily.webhookDuration.timer(factory: factory)
        lag = MetricFamily.webhookLag.timer(factory: factory)
        batch = MetricFamily.webhookBatch.recorder(factory: factory)
    }

    /// Counts a transaction.
    ///
    /// - Parameters:
    ///   - reports: Statuses and messages in it.
    ///   - oldest: The time of its oldest status by the provider's clock; `nil` when it has none.
    ///   - now: The current time.
    func countWritten(_ reports: Int, oldest: Date?, now: Date = Date()) {
        outcomes[.written]?.increment(by: reports)
        batch.record(reports)
        // The provider's clock may be slightly ahead of ours.
        if let oldest { lag.record(.seconds(max(0, now.timeIntervalSince(oldest)))) }
    }

    func countFailed(_ reports: Int) {
        outcomes[.failed]?.increment(by: reports)
    }

    /// Counts statuses, and the failures that they report by code and by what they concern.
    func count(_ reported: [DeliveryStatus]) {
        for (status, reported) in Dictionary(grouping: reported, by: { Status($0.rank) }) {
            statuses[status]?.increment(by: reported.count)
        }
        for failure in reported.lazy.compactMap(\.failure) {
            let labels = [failure.scope.rawValue, "report", codes.label(of: Int(failure.code))]
            MetricFamily.sendErrors.counter(labels, factory: factory).increment()
        }
    }

    /// Counts an event by its type.
    func countEvent(_ type: String, isKnown: Bool) {
        MetricFamily.webhookEvents.counter([type, "\(isKnown)"], factory: factory).increment()
    }

    /// Records how long one webhook waited for its transaction.
    func note(_ time: Duration) {
        duration.record(time)
    }
}

extension WebhookMetrics.Status {
    fileprivate init(_ rank: DeliveryStatus.Rank) {
        switch rank {
        case .sent: self = .sent
        case .delivered: self = .delivered
        case .read: self = .read
        case .failed: self = .failed
        }
    }
}

/// Counts attempts to post a notification.
package struct NotificationMetrics: Sendable {
    enum Outcome: String, CaseIterable {
        case delivered, failed, held
        case givenUp = "given_up"
    }

    private let outcomes: [Outcome: Counter]

    init(factory: any MetricsFactory) {
        outcomes = MetricFamily.notifications.counters(of: Outcome.self, factory: factory)
    }

    func count(_ outcome: Outcome) {
        outcomes[outcome]?.increment()
    }
}

/// Counts webhooks that are passed on to other systems.
package struct ForwardMetrics: Sendable {
    enum Outcome: String, CaseIterable {
        case delivered, failed, held, mixed
        case givenUp = "given_up"
    }

    private let outcomes: [Outcome: Counter]

    init(factory: any MetricsFactory) {
        outcomes = MetricFamily.forwards.counters(of: Outcome.self, factory: factory)
    }

    func count(_ outcome: Outcome, by number: Int = 1) {
        outcomes[outcome]?.increment(by: number)
    }
}

/// Counts the pauses of runs by guards.
package struct GuardMetrics: Sendable {
    private let pauses: [GuardPause.Guard: Counter]

    init(factory: any MetricsFactory) {
        pauses = MetricFamily.guardPauses.counters(of: GuardPause.Guard.self, factory: factory)
    }

    func count(_ guarding: GuardPause.Guard) {
        pauses[guarding]?.increment()
    }
}
