/// What a daemon counts while it works; the rest is read when Prometheus asks, by ``MetricsScrape``.
struct DaemonMetrics: Sendable {
    let registry: PrometheusRegistry
    let send: SendMetrics
    let schedules: ScheduleMetrics
    let triggers: TriggerMetrics
    let webhooks: WebhookMetrics
    let http: HTTPMetrics

    init(registry: PrometheusRegistry = PrometheusRegistry()) {
        self.registry = registry
        send = SendMetrics(factory: registry)
        schedules = ScheduleMetrics(factory: registry)
        triggers = TriggerMetrics(factory: registry)
        webhooks = WebhookMetrics(factory: registry)
        http = HTTPMetrics(factory: registry)
    }
}
