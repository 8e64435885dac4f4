/// A spec that does more than its tenant's policy allows.
///
/// It is no diagnostic: the specs are right, and whoever applies them decides whether to insist.
public struct PolicyViolation: Hashable, Sendable {
    public let rule: TenantPolicy.Rule
    /// The spec that goes too far; the tenant itself if it is all of them together.
    public let identity: SpecIdentity
    /// What it does and what is allowed: lower case, no full stop, names in backticks.
    public let message: String
    /// Where the spec does it.
    public let place: SourcePlace
    /// Where the tenant sets the limit.
    public let limit: SourcePlace

    /// Whose policy it is.
    public var tenant: String { identity.tenant }

    /// Makes a violation.
    public init(
        rule: TenantPolicy.Rule,
        identity: SpecIdentity,
        message: String,
        place: SourcePlace,
        limit: SourcePlace
    ) {
        self.rule = rule
        self.identity = identity
        self.message = message
        self.place = place
        self.limit = limit
    }
}

extension PolicyViolation: Comparable {
    /// Orders by identity, then by rule.
    public static func < (left: Self, right: Self) -> Bool {
        (left.identity, left.rule.rawValue, left.place) < (right.identity, right.rule.rawValue, right.place)
    }
}
