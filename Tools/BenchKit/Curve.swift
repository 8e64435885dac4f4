public import Foundation

/// Cost per unit as the number of units grows.
public struct Curve: Codable, Hashable, Sendable {
    /// One size and its cost.
    public struct Point: Codable, Hashable, Sendable {
        public let size: String
        public let samples: Samples

        public init(_ size: String, _ samples: Samples) {
            self.size = size
            self.samples = samples
        }
    }

    public let part: String
    /// The measured operation and its unit.
    public let what: String
    public let unit: ReportUnit
    public let points: [Point]
    /// Allowed increase over the first size, as a share; `nil` without a target.
    public let tolerance: Double?
    public let note: String?
    public internal(set) var isQuick = false
    public internal(set) var measuredAt = Date(timeIntervalSince1970: 0)
    public internal(set) var commit = ""

    public init(
        part: String,
        what: String,
        unit: ReportUnit,
        points: [Point],
        tolerance: Double? = 0.2,
        note: String? = nil
    ) {
        self.part = part
        self.what = what
        self.unit = unit
        self.points = points
        self.tolerance = tolerance
        self.note = note
    }

    /// Cost at the last size divided by cost at the first.
    public var growth: Double {
        guard let first = points.first?.samples.median, let last = points.last?.samples.median, first > 0 else {
            return 1
        }
        return last / first
    }

    /// True if no size costs more than the first one, within the tolerance.
    public var isFlat: Bool? {
        guard let tolerance, let first = points.first?.samples.median else { return nil }
        return points.allSatisfy { $0.samples.median <= first * (1 + tolerance) }
    }

    var verdict: String { isFlat.map { $0 ? "flat" : "grows" } ?? "–" }
}

/// Repeated measurements of one value.
public struct Samples: Codable, Hashable, Sendable {
    /// The values in the order of the rounds; at least one.
    public let values: [Double]

    /// Makes samples of one value for each round.
    ///
    /// - Throws: ``BenchError/nothingMeasured`` if there are none or one is not finite.
    public init(_ values: [Double]) throws(BenchError) {
        guard !values.isEmpty, values.allSatisfy(\.isFinite) else { throw .nothingMeasured }
        self.values = values
    }

    public var minimum: Double { values.min() ?? 0 }
    public var maximum: Double { values.max() ?? 0 }

    /// The middle value, or the mean of the two in the middle.
    public var median: Double {
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }

    /// Finds the value below which a share of the values lies.
    ///
    /// - Parameter share: 0 for the smallest, 0.25 for the first quartile, 1 for the biggest.
    /// - Returns: The value, or one between two values in proportion.
    public func quantile(_ share: Double) -> Double {
        let sorted = values.sorted()
        let place = min(max(share, 0), 1) * Double(sorted.count - 1)
        let (low, high) = (sorted[Int(place)], sorted[min(Int(place) + 1, sorted.count - 1)])
        return low + (high - low) * (place - place.rounded(.down))
    }

    /// Divides round by round, so that an influence on both cancels out.
    ///
    /// - Throws: ``BenchError/nothingMeasured`` if a value of the others is zero.
    public func ratios(to others: Samples) throws(BenchError) -> Samples {
        try Samples(zip(values, others.values).map { $0 / $1 })
    }
}

/// Amount of a resource that one unit uses; capacity is computed from it.
public struct Cost: Codable, Hashable, Sendable {
    /// The resource.
    public enum Resource: Codable, Hashable, Sendable {
        /// CPU seconds of the named process.
        case cpu(process: String)
        /// Bytes of Postgres's write-ahead log.
        case writeAheadLog
        case transactions
        case redisCommands
    }

    public let resource: Resource
    /// The amount for one message, recipient or event.
    public let amount: Double

    public init(_ resource: Resource, _ amount: Double) {
        self.resource = resource
        self.amount = amount
    }
}
