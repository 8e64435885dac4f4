import CoreMetrics
import Synchronization

/// A number that only rises.
final class PrometheusCounter: CounterHandler, PrometheusSeries {
    private let value = Atomic<Int64>(0)

    func increment(by amount: Int64) {
        value.wrappingAdd(amount, ordering: .relaxed)
    }

    func reset() {
        value.store(0, ordering: .relaxed)
    }

    var reading: MetricReading { .number(Double(value.load(ordering: .relaxed))) }
}
