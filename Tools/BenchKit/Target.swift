/// A number to reach.
public struct Target: Codable, Hashable, Sendable {
    /// What of a row must reach it.
    public enum Subject: String, Codable, Sendable {
        /// The number itself.
        case value
        /// The number by its floor.
        case ratio
    }

    /// On which side of the number is right.
    public enum Bound: String, Codable, Sendable {
        case atMost = "≤"
        case atLeast = "≥"
    }

    public let subject: Subject
    public let bound: Bound
    public let number: Double

    /// A target for the number itself.
    public static func value(_ bound: Bound, _ number: Double) -> Target {
        Target(subject: .value, bound: bound, number: number)
    }

    /// A target for the number by its floor.
    public static func ratio(_ bound: Bound, _ number: Double) -> Target {
        Target(subject: .ratio, bound: bound, number: number)
    }

    /// Whether a number reaches it.
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
