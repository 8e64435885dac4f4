public import Foundation

/// How a cost per unit behaves as things grow.
public struct Curve: Codable, Hashable, Sendable {
    /// One size and what it cost.
    public struct Point: Codable, Hashable, Sendable {
        public let size: String
        public let samples: Samples

        public init(_ size: String, _ samples: Samples) {
            self.size = size
            self.samples = samples
        }
    }

    public let part: String
    /// What is measured, with the unit that it is measured for.
    public let what: String
    public let unit: ReportUnit
    public let points: [Point]
    /// How far the dearest size may be from the cheapest; `nil` when there is no target.
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

    /// The last size by the first one.
    public var growth: Double {
        guard let first = points.first?.samples.median, let last = points.last?.samples.median, first > 0 else {
            return 1
        }
        return last / first
    }

    /// Whether no size costs more than the first one, within the tolerance.
    public var isFlat: Bool? {
        guard let tolerance, let first = points.first?.samples.median else { return nil }
        return points.allSatisfy { $0.samples.median <= first * (1 + tolerance) }
    }

    var verdict: String { isFlat.map { $0 ? "flat" : "grows" } ?? "–" }
}
