import CoreMetrics
import Synchronization

/// Something that can be read when Prometheus asks.
protocol PrometheusSeries: AnyObject, Sendable {
    var reading: MetricReading { get }
}

/// The backend of the metrics API that keeps the numbers until Prometheus fetches them.
///
/// Each daemon has its own, handed to whoever counts: nothing is global, so that several daemons in one process do not
/// count together. Making a series takes a lock; counting in it does not look anything up.
package final class PrometheusRegistry: MetricsFactory {
    private struct Key: Hashable {
        let name: String
        let labels: [MetricLabel]
    }

    /// Buckets of histograms that are not in the catalog.
    private static let otherBuckets = [0.001, 0.01, 0.1, 1, 10, 100]

    private let families: [String: MetricFamily]
    private let series = Mutex<[Key: (family: MetricFamily, series: any PrometheusSeries)]>([:])

    /// Makes an empty registry.
    ///
    /// - Parameter families: The metrics whose help and buckets are known.
    package init(families: [MetricFamily] = MetricFamily.all) {
        self.families = Dictionary(families.map { ($0.name, $0) }) { first, _ in first }
    }

    /// Everything as it is now, in no order.
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

    // Series stay: Prometheus takes a counter that is gone for one that was set back.
    func destroyCounter(_ handler: any CounterHandler) {}
    func destroyMeter(_ handler: any MeterHandler) {}
    func destroyRecorder(_ handler: any RecorderHandler) {}
    func destroyTimer(_ handler: any TimerHandler) {}

    /// The series of that name and labels; a new one the first time.
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
            // A name cannot be of two kinds: the second is counted, but never shown.
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
