/// One metric: its name, what kind of number it is, and what it tells.
package struct MetricFamily: Hashable, Sendable {
    package enum Kind: String, Sendable {
        case counter, gauge, histogram
    }

    let name: String
    let kind: Kind
    let help: String
    /// The names of its labels, in the order in which they are written.
    let labels: [String]
    /// Upper bounds of a histogram's buckets, rising; the last one, without a bound, is not among them.
    let buckets: [Double]

    init(_ name: String, _ kind: Kind, _ help: String, labels: [String] = [], buckets: [Double] = []) {
        (self.name, self.kind, self.help, self.labels, self.buckets) = (name, kind, help, labels, buckets)
    }
}

/// A name with its value, by which series of one metric differ.
package struct MetricLabel: Hashable, Sendable {
    let name: String
    let value: String

    init(_ name: String, _ value: String) {
        (self.name, self.value) = (name, value)
    }
}

/// What a series says at one moment.
package enum MetricReading: Hashable, Sendable {
    case number(Double)
    /// `counts` has one element per bucket and one for all that is larger; they are not summed up.
    case histogram(counts: [Int], sum: Double)
}

/// A reading with the series that it belongs to.
package struct MetricSample: Hashable, Sendable {
    let family: MetricFamily
    let labels: [MetricLabel]
    let reading: MetricReading

    package init(_ family: MetricFamily, labels: [MetricLabel] = [], _ reading: MetricReading) {
        (self.family, self.labels, self.reading) = (family, labels, reading)
    }

    /// A number of a family without labels.
    init(_ family: MetricFamily, _ number: Double) {
        self.init(family, .number(number))
    }

    /// A number of a family without labels.
    package init(_ family: MetricFamily, _ number: Int) {
        self.init(family, .number(Double(number)))
    }

    /// A number, with the values of the family's labels in their order.
    package init(_ family: MetricFamily, _ values: [String], _ number: Double) {
        self.init(family, labels: zip(family.labels, values).map { MetricLabel($0, $1) }, .number(number))
    }

    /// A number, with the values of the family's labels in their order.
    package init(_ family: MetricFamily, _ values: [String], _ number: Int) {
        self.init(family, values, Double(number))
    }
}
