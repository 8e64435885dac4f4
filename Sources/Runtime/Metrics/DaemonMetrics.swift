package import Prometheus

/// What a daemon counts while it works; the rest is read when Prometheus asks, by ``MetricsScrape``.
package struct DaemonMetrics: Sendable {
    package let registry: PrometheusRegistry
    let send: SendMetrics
    package let schedules: ScheduleMetrics
    package let triggers: TriggerMetrics
    package let webhooks: WebhookMetrics
    package let http: HTTPMetrics

    package init(registry: PrometheusRegistry = PrometheusRegistry()) {
        self.registry = registry
        send = SendMetrics(factory: registry)
        schedules = ScheduleMetrics(factory: registry)
        triggers = TriggerMetrics(factory: registry)
        webhooks = WebhookMetrics(factory: registry)
        http = HTTPMetrics(factory: registry)
    }
}
