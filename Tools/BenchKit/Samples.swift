/// The same thing measured several times.
public struct Samples: Codable, Hashable, Sendable {
    /// In the order of the rounds; at least one.
    public let values: [Double]

    /// - Parameter values: Of all rounds, in their order.
    /// - Throws: ``BenchError/nothingMeasured`` when there are none, or one is no number.
    public init(_ values: [Double]) throws(BenchError) {
        guard !values.isEmpty, values.allSatisfy(\.isFinite) else { throw .nothingMeasured }
        self.values = values
    }

    public var minimum: Double { values.min() ?? 0 }
    public var maximum: Double { values.max() ?? 0 }

    /// The middle one, or the mean of the two in the middle.
    public var median: Double {
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }

    /// Each round of these by the same round of others, so that what slowed down both falls out.
    ///
    /// - Throws: ``BenchError/nothingMeasured`` when a round of the others took nothing.
    public func ratios(to others: Samples) throws(BenchError) -> Samples {
        try Samples(zip(values, others.values).map { $0 / $1 })
    }
}
