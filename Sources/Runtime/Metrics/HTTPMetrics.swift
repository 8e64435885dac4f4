import CoreMetrics
import Prometheus
import Synchronization

/// Counts requests to this daemon, by route and status.
///
/// Requests without a route share one series, so callers cannot create series.
package final class HTTPMetrics: Sendable {
    private struct Key: Hashable {
        let method: String
        let route: String
        let status: Int
    }

    private struct Series {
        let requests: Counter
        let duration: CoreMetrics.Timer
    }

    private static let other = "other"

    private let factory: any MetricsFactory
    private let series = Mutex<[Key: Series]>([:])

    init(factory: any MetricsFactory) {
        self.factory = factory
    }

    /// Counts an answered request.
    ///
    /// - Parameters:
    ///   - method: The method of the request.
    ///   - route: The template of the route, such as `/campaigns/{id}`; `nil` without a route.
    ///   - status: The status of the answer.
    ///   - time: Time from the request to the head of the answer.
    package func count(method: String, route: String?, status: Int, after time: Duration) {
        let key = Key(method: route == nil ? Self.other : method, route: route ?? Self.other, status: status)
        let series = series.withLock { series in
            if let known = series[key] { return known }
            let new = make(key)
            series[key] = new
            return new
        }
        series.requests.increment()
        series.duration.record(time)
    }

    private func make(_ key: Key) -> Series {
        Series(
            requests: MetricFamily.httpRequests.counter(
                [key.method, key.route, String(key.status)],
                factory: factory
            ),
            duration: MetricFamily.httpDuration.timer([key.method, key.route], factory: factory)
        )
    }
}
