import HTTPTypes
import Hummingbird

/// `/metrics` in the text format of Prometheus.
struct MetricsRoutes: Sendable {
    let scrape: MetricsScrape

    func add(to router: Router<APIContext>) {
        router.get("/metrics") { _, _ in
            Response(
                status: .ok,
                headers: [.contentType: PrometheusText.mediaType],
                body: .init(byteBuffer: .init(string: await scrape.text()))
            )
        }
    }
}
