public import Foundation

/// One row of the table: a measurement and its floor.
public struct ReportRow: Codable, Hashable, Sendable {
    /// The least that the same work can cost, measured in the same run.
    public struct Floor: Codable, Hashable, Sendable {
        public let what: String
        public let samples: Samples

        public init(_ what: String, _ samples: Samples) {
            self.what = what
            self.samples = samples
        }
    }

    /// Further information about a row.
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
    /// Cost of one message, recipient or event; empty if not measured.
    public let costs: [Cost]
    /// True if it was a quick run with small sizes.
    public internal(set) var isQuick = false
    public internal(set) var measuredAt = Date(timeIntervalSince1970: 0)
    /// The measured commit, with a `+` if files had changed since.
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

    /// Median of the ratios to the floor, round by round; `nil` without a floor.
    public var ratio: Double? { floor.flatMap { try? ours.ratios(to: $0.samples).median } }

    /// True if all targets are reached; `nil` when there are none.
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

/// The unit of a number.
public enum ReportUnit: String, Codable, Hashable, Sendable {
    case seconds = "s"
    case milliseconds = "ms"
    case microseconds = "µs"
    case perSecond = "/s"
    case megabytes = "MB"
    case percent = "%"
    case count = ""

    /// Returns the number with its unit.
    public func text(_ value: Double) -> String {
        let number = Self.number(value)
        return switch self {
        case .count: number
        case .perSecond, .percent: number + rawValue
        default: "\(number) \(rawValue)"
        }
    }

    /// Returns three significant digits with thousands separators.
    static func number(_ value: Double) -> String {
        let size = abs(value)
        let digits = value == value.rounded() || size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : 3
        let scale = [1.0, 10, 100, 1_000][digits]
        let scaled = Int((size * scale).rounded())
        let whole = scaled / Int(scale)
        var text = whole.formatted(.number.locale(Locale(identifier: "en_US")))
        if digits > 0 {
            let rest = String(scaled % Int(scale))
            text += "." + String(repeating: "0", count: digits - rest.count) + rest
        }
        return value < 0 && scaled != 0 ? "-" + text : text
    }
}

/// A target for a measurement.
public struct Target: Codable, Hashable, Sendable {
    /// The value that must reach the target.
    public enum Subject: String, Codable, Sendable {
        /// The number itself.
        case value
        /// The ratio to the floor.
        case ratio
    }

    /// Direction of the target.
    public enum Bound: String, Codable, Sendable {
        case atMost = "≤"
        case atLeast = "≥"
    }

    public let subject: Subject
    public let bound: Bound
    public let number: Double

    /// Creates a target for the number itself.
    public static func value(_ bound: Bound, _ number: Double) -> Target {
        Target(subject: .value, bound: bound, number: number)
    }

    /// Creates a target for the ratio to the floor.
    public static func ratio(_ bound: Bound, _ number: Double) -> Target {
        Target(subject: .ratio, bound: bound, number: number)
    }

    /// Returns true if a number reaches it.
    func isReached(by value: Double) -> Bool {
        switch bound {
        case .atMost: value <= number
        case .atLeast: value >= number
        }
    }

    func text(in unit: ReportUnit) -> String {
        switch subject {
        case .value: "\(bound.rawValue) \(unit.text(number))"
        case .ratio: "\(bound.rawValue) \(ReportUnit.number(number)) ×"
        }
    }
}
