package import CoreMetrics

extension MetricFamily {
    /// The counter of this metric with these values of its labels.
    package func counter(_ values: [String] = [], factory: any MetricsFactory) -> Counter {
        Counter(label: name, dimensions: dimensions(values), factory: factory)
    }

    /// The counters of a metric with one label, for values that are all known: those at 0 are shown too, so that a rate
    /// has something to begin with.
    package func counters<Value: CaseIterable & RawRepresentable & Hashable>(
        of type: Value.Type,
        factory: any MetricsFactory
    ) -> [Value: Counter] where Value.RawValue == String {
        Dictionary(
            uniqueKeysWithValues: type.allCases.map { ($0, counter([$0.rawValue], factory: factory)) }
        )
    }

    /// The timer of this metric with these values of its labels.
    package func timer(_ values: [String] = [], factory: any MetricsFactory) -> CoreMetrics.Timer {
        CoreMetrics.Timer(label: name, dimensions: dimensions(values), factory: factory)
    }

    /// The recorder of this metric, which is a histogram of sizes.
    package func recorder(factory: any MetricsFactory) -> Recorder {
        Recorder(label: name, aggregate: true, factory: factory)
    }

    private func dimensions(_ values: [String]) -> [(String, String)] {
        Array(zip(labels, values))
    }
}

extension CoreMetrics.Timer {
    package func record(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        recordNanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }
}
