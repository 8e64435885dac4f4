import HTTPTypes
package import Hummingbird
import Prometheus

/// Serves `/metrics` in the text format of Prometheus.
package struct MetricsRoutes: Sendable {
    let text: @Sendable () async -> String

    /// - Parameter text: Renders all metrics at this moment.
    package init(text: @escaping @Sendable () async -> String) {
        self.text = text
    }

    /// Registers the route.
    package func add(to router: Router<APIContext>) {
        router.get("/metrics") { _, _ in
            Response(
                status: .ok,
                headers: [.contentType: PrometheusText.mediaType],
                body: .init(byteBuffer: .init(string: await text()))
            )
        }
    }
}
