public import Foundation

/// One line of the table: what was measured, beside what it is compared with.
public struct ReportRow: Codable, Hashable, Sendable {
    /// What the number is compared with, taken in the same run.
    public struct Floor: Codable, Hashable, Sendable {
        public let what: String
        public let samples: Samples

        public init(_ what: String, _ samples: Samples) {
            self.what = what
            self.samples = samples
        }
    }

    /// One more thing to know about it.
    public struct Detail: Codable, Hashable, Sendable {
        public let name: String
        public let value: String
    }

    /// The part of the bench that measured it.
    public let part: String
    public let what: String
    public let unit: ReportUnit
    public let ours: Samples
    public let floor: Floor?
    public let targets: [Target]
    public let details: [Detail]
    /// What one message, recipient or event takes; empty when that was not looked at.
    public let costs: [Cost]
    /// Whether it was a short run, of small sizes.
    public internal(set) var isQuick = false
    public internal(set) var measuredAt = Date(timeIntervalSince1970: 0)
    /// The commit that was measured; with a `+` when files had changed since.
    public internal(set) var commit = ""

    public init(
        part: String,
        what: String,
        unit: ReportUnit,
        ours: Samples,
        floor: Floor? = nil,
        targets: [Target] = [],
        details: [(String, String)] = [],
        costs: [Cost] = []
    ) {
        self.part = part
        self.what = what
        self.unit = unit
        self.ours = ours
        self.floor = floor
        self.targets = targets
        self.details = details.map { Detail(name: $0, value: $1) }
        self.costs = costs
    }

    /// The median of each round by the floor of that round; `nil` without a floor.
    public var ratio: Double? { floor.flatMap { try? ours.ratios(to: $0.samples).median } }

    /// Whether all targets are reached; `nil` when there are none.
    public var isReached: Bool? {
        targets.isEmpty ? nil : targets.allSatisfy { target in value(of: target).map(target.isReached(by:)) ?? false }
    }

    private func value(of target: Target) -> Double? {
        switch target.subject {
        case .value: ours.median
        case .ratio: ratio
        }
    }

    var verdict: String { isReached.map { $0 ? "reached" : "missed" } ?? "–" }
    var targetText: String {
        targets.isEmpty ? "–" : targets.map { $0.text(in: unit) }.joined(separator: ", ")
    }
}
