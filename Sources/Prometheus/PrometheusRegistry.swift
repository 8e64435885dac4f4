import CoreMetrics
import Synchronization

/// The backend of the metrics API that keeps all series until Prometheus scrapes them.
///
/// Each daemon has its own registry, and nothing is global, so several daemons in one process have separate counts.
/// Creating a series takes a lock; counting in it needs no lookup.
package final class PrometheusRegistry: MetricsFactory {
    private struct Key: Hashable {
        let name: String
        let labels: [MetricLabel]
    }

    /// Buckets of a histogram that is not in the catalog.
    private static let otherBuckets = [0.001, 0.01, 0.1, 1, 10, 100]

    private let families: [String: MetricFamily]
    private let series = Mutex<[Key: (family: MetricFamily, series: any PrometheusSeries)]>([:])

    /// Makes an empty registry.
    ///
    /// - Parameter families: The metrics with known help texts and buckets.
    package init(families: [MetricFamily] = MetricFamily.all) {
        self.families = Dictionary(families.map { ($0.name, $0) }) { first, _ in first }
    }

    /// The current readings, in no order.
    package var samples: [MetricSample] {
        let all = series.withLock { Array($0) }
        return all.map { MetricSample($1.family, labels: $0.labels, $1.series.reading) }
    }

    func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        find(label, dimensions, .counter) { _ in PrometheusCounter() }
    }

    func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        find(label, dimensions, .gauge) { _ in PrometheusGauge() }
    }

    func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        guard aggregate else { return find(label, dimensions, .gauge) { _ in PrometheusGauge() } }
        return find(label, dimensions, .histogram) { PrometheusHistogram(bounds: $0.buckets) }
    }

    func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        find(label, dimensions, .histogram) { PrometheusHistogram(bounds: $0.buckets) }
    }

    // Series are kept: a counter that disappears looks like a reset to Prometheus.
    func destroyCounter(_ handler: any CounterHandler) {}
    func destroyMeter(_ handler: any MeterHandler) {}
    func destroyRecorder(_ handler: any RecorderHandler) {}
    func destroyTimer(_ handler: any TimerHandler) {}

    /// Returns the series of a name and labels, and creates it the first time.
    private func find<Series: PrometheusSeries>(
        _ name: String,
        _ dimensions: [(String, String)],
        _ kind: MetricFamily.Kind,
        make: (MetricFamily) -> Series
    ) -> Series {
        let key = Key(name: name, labels: dimensions.map { MetricLabel($0.0, $0.1) })
        return series.withLock { series in
            if let found = series[key]?.series as? Series { return found }
            let family = families[name] ?? Self.unknown(name, kind, labels: key.labels)
            let new = make(family)
            // A name has one kind: a series of a second kind is counted, but never shown.
            if series[key] == nil, family.kind == kind { series[key] = (family, new) }
            return new
        }
    }

    private static func unknown(_ name: String, _ kind: MetricFamily.Kind, labels: [MetricLabel]) -> MetricFamily {
        MetricFamily(
            name,
            kind,
            name,
            labels: labels.map(\.name),
            buckets: kind == .histogram ? otherBuckets : []
        )
    }
}
