public import Spec

/// A rule of a tenant's policy that its specs break.
public struct PolicyBreach: Hashable, Sendable {
    public let exception: PolicyException
    /// What is against the rule, in words.
    public let reason: String

    init(_ rule: TenantPolicy.Rule, _ identity: SpecIdentity, reason: String) {
        exception = PolicyException(rule: rule, identity: identity)
        self.reason = reason
    }
}

/// One rule that one spec may break: `maxRecipients:acme/Campaign/offer`.
public struct PolicyException: Hashable, Sendable, CustomStringConvertible {
    public let rule: TenantPolicy.Rule
    public let identity: SpecIdentity

    public init(rule: TenantPolicy.Rule, identity: SpecIdentity) {
        (self.rule, self.identity) = (rule, identity)
    }

    /// Reads the rule, a colon, and the spec with slashes; anything else is `nil`.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, let rule = TenantPolicy.Rule(rawValue: parts[0]) else { return nil }
        let names = parts[1].split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard names.count == 3, let kind = SpecKind(rawValue: names[1]) else { return nil }
        self.init(rule: rule, identity: SpecIdentity(tenant: names[0], kind: kind, name: names[2]))
    }

    public var description: String { "\(rule.rawValue):\(identity)" }
}
