package import CoreMetrics

/// One metric: its name, kind, help text and labels.
package struct MetricFamily: Hashable, Sendable {
    package enum Kind: String, Sendable {
        case counter, gauge, histogram
    }

    let name: String
    let kind: Kind
    let help: String
    /// The names of its labels, in their order.
    let labels: [String]
    /// Upper bounds of a histogram's buckets, rising, without the last bucket, which has no bound.
    let buckets: [Double]

    init(_ name: String, _ kind: Kind, _ help: String, labels: [String] = [], buckets: [Double] = []) {
        (self.name, self.kind, self.help, self.labels, self.buckets) = (name, kind, help, labels, buckets)
    }
}

/// A label of a series, with its value.
package struct MetricLabel: Hashable, Sendable {
    let name: String
    let value: String

    init(_ name: String, _ value: String) {
        (self.name, self.value) = (name, value)
    }
}

/// The value of a series at one moment.
package enum MetricReading: Hashable, Sendable {
    case number(Double)
    /// `counts` has one element per bucket and one for larger values; they are not cumulative.
    case histogram(counts: [Int], sum: Double)
}

extension Sequence<MetricSample> {
    /// Adds the numbers of a family.
    ///
    /// - Parameters:
    ///   - family: The family.
    ///   - value: Only series of which a label has this value; `nil` takes all.
    /// - Returns: The sum; 0 if there is no such series.
    package func total(of family: MetricFamily, with value: String? = nil) -> Double {
        reduce(0) { sum, sample in
            guard sample.family.name == family.name, case .number(let number) = sample.reading,
                value.map({ value in sample.labels.contains { $0.value == value } }) ?? true
            else { return sum }
            return sum + number
        }
    }
}

/// A reading of one series.
package struct MetricSample: Hashable, Sendable {
    let family: MetricFamily
    let labels: [MetricLabel]
    let reading: MetricReading

    package init(_ family: MetricFamily, labels: [MetricLabel] = [], _ reading: MetricReading) {
        (self.family, self.labels, self.reading) = (family, labels, reading)
    }

    /// Makes a number of a family without labels.
    init(_ family: MetricFamily, _ number: Double) {
        self.init(family, .number(number))
    }

    /// Makes a number of a family without labels.
    package init(_ family: MetricFamily, _ number: Int) {
        self.init(family, .number(Double(number)))
    }

    /// Makes a number, with the values of the family's labels in their order.
    package init(_ family: MetricFamily, _ values: [String], _ number: Double) {
        self.init(family, labels: zip(family.labels, values).map { MetricLabel($0, $1) }, .number(number))
    }

    /// Makes a number, with the values of the family's labels in their order.
    package init(_ family: MetricFamily, _ values: [String], _ number: Int) {
        self.init(family, values, Double(number))
    }
}

extension MetricFamily {
    /// Makes the counter of this metric with these label values.
    package func counter(_ values: [String] = [], factory: any MetricsFactory) -> Counter {
        Counter(label: name, dimensions: dimensions(values), factory: factory)
    }

    /// Makes the counters of a metric with one label, for all its values.
    ///
    /// Counters at 0 are shown too, so that a rate can be computed from the first increment on.
    package func counters<Value: CaseIterable & RawRepresentable & Hashable>(
        of type: Value.Type,
        factory: any MetricsFactory
    ) -> [Value: Counter] where Value.RawValue == String {
        Dictionary(
            uniqueKeysWithValues: type.allCases.map { ($0, counter([$0.rawValue], factory: factory)) }
        )
    }

    /// Makes the timer of this metric with these label values.
    package func timer(_ values: [String] = [], factory: any MetricsFactory) -> CoreMetrics.Timer {
        CoreMetrics.Timer(label: name, dimensions: dimensions(values), factory: factory)
    }

    /// Makes the recorder of this metric, which is a histogram of sizes.
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
