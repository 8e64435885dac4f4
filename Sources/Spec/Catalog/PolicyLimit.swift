/// A value of one rule of a policy: what a spec has, or the most that a reviewer allowed it.
public enum PolicyLimit: Hashable, Sendable, CustomStringConvertible {
    /// A number of recipients or campaigns.
    case count(Int)
    case cost(Money)
    /// The time between two scheduled starts.
    case interval(SpecDuration)
    case category(TemplateSpec.Category)
    /// The category of a template that the tenant does not have.
    case unknownCategory

    private static let unknown = "unknown"

    /// Reads the value of a rule: `998`, `6h` or `marketing`; anything else is `nil`.
    public init?(_ text: String, of rule: TenantPolicy.Rule) {
        switch rule {
        case .maxRecipients, .maxCampaigns:
            guard let count = Int(text), count >= 0, String(count) == text else { return nil }
            self = .count(count)
        case .maxCost:
            guard let cost = Money(text) else { return nil }
            self = .cost(cost)
        case .minScheduleInterval:
            guard let interval = SpecDuration(text) else { return nil }
            self = .interval(interval)
        case .allowedCategories:
            guard text != Self.unknown else {
                self = .unknownCategory
                return
            }
            guard let category = TemplateSpec.Category(rawValue: text) else { return nil }
            self = .category(category)
        }
    }

    public var description: String {
        switch self {
        case .count(let count): String(count)
        case .cost(let cost): cost.description.replacing(" ", with: "")
        case .interval(let interval): interval.description
        case .category(let category): category.rawValue
        case .unknownCategory: Self.unknown
        }
    }

    /// Returns true if a value is within this limit.
    public func covers(_ actual: PolicyLimit) -> Bool {
        switch (self, actual) {
        case (.count(let most), .count(let count)): count <= most
        case (.cost(let most), .cost(let cost)): cost.currency == most.currency && cost.micros <= most.micros
        case (.interval(let shortest), .interval(let interval)): interval >= shortest
        default: self == actual
        }
    }
}

/// A limit that a reviewer allows one spec beyond its tenant's policy; later launches are held to it.
public struct PolicyGrant: Hashable, Sendable, CustomStringConvertible {
    public let rule: TenantPolicy.Rule
    public let identity: SpecIdentity
    public let limit: PolicyLimit

    /// Makes a grant.
    public init(rule: TenantPolicy.Rule, identity: SpecIdentity, limit: PolicyLimit) {
        (self.rule, self.identity, self.limit) = (rule, identity, limit)
    }

    /// The grant as the command line takes it: `maxRecipients:acme/Campaign/offer=998`.
    public var description: String { "\(rule.rawValue):\(identity)=\(limit)" }
}
