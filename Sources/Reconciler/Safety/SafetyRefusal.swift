public import Foundation
public import Spec
import Spelling

/// A safety rule that blocks a plan, with the flag that overrides exactly this case.
public enum SafetyRefusal: Hashable, Sendable, CustomStringConvertible {
    /// There are no specs at all, but there are rows.
    case emptyCatalog(rows: Int)
    /// A tenant has no specs, but it has rows.
    case emptyTenant(String, rows: Int)
    case protectedDelete(SpecIdentity)
    /// An open run would be cancelled.
    case deleteUnderWay(SpecIdentity)
    /// A deleted and a created spec are so similar that they look like one spec under a new name.
    case looksLikeRename(from: SpecIdentity, to: SpecIdentity)
    /// Rows of both names exist, so the rename is impossible, and the old row would be deleted.
    case ignoredRename(from: SpecIdentity, to: SpecIdentity)
    /// An unmanaged row would be adopted by a spec.
    case unmanagedRow(SpecIdentity, row: UUID)
    /// The policy of the tenant forbids the change.
    case policy(PolicyBreach)
    /// A rule of the tenant's policy forbids the change.
    case policyRule(RuleBreach)
    /// A new or shorter retention of the tenant deletes rows for good.
    case retention(tenant: String, losses: [RetentionLoss])
    /// Too large a share of a tenant is edited at once.
    case tooManyChanges(tenant: String, changed: Int, rows: Int, limit: Int)
    /// The campaigns that inherit edits have too many recipients.
    case tooManyRecipients(tenant: String, campaigns: Int, recipients: Int, limit: Int)

    /// The flag, with its value, that overrides the rule.
    public var flag: String {
        switch self {
        case .emptyCatalog: "--allow-empty"
        case .emptyTenant(let tenant, _): "--allow-empty-tenant \(tenant)"
        case .protectedDelete(let identity), .deleteUnderWay(let identity), .looksLikeRename(let identity, _),
            .ignoredRename(let identity, _):
            "--allow-delete \(identity)"
        case .unmanagedRow(let identity, _): "--adopt \(identity)"
        case .policy(let breach): "--allow-policy \(breach.grant)"
        case .policyRule(let breach): "--allow-rule \(breach.exception)"
        case .retention(let tenant, _): "--allow-retention \(tenant)"
        case .tooManyChanges(_, let changed, let rows, _): "--max-change-percent \((changed * 100 + rows - 1) / rows)"
        case .tooManyRecipients(_, _, let recipients, _): "--max-inherited-recipients \(recipients)"
        }
    }

    /// The spec that the refusal is about; `nil` if it is about a tenant or everything.
    public var identity: SpecIdentity? {
        switch self {
        case .emptyCatalog, .emptyTenant, .retention, .tooManyChanges, .tooManyRecipients: nil
        case .protectedDelete(let identity), .deleteUnderWay(let identity), .unmanagedRow(let identity, _): identity
        case .looksLikeRename(_, let identity), .ignoredRename(_, let identity): identity
        case .policy(let breach): breach.identity
        case .policyRule(let breach): breach.identity
        }
    }

    /// The rule that refuses.
    public var rule: SafetyRule {
        switch self {
        case .emptyCatalog: .emptyCatalog
        case .emptyTenant: .emptyTenant
        case .protectedDelete: .protectedDelete
        case .deleteUnderWay: .deleteUnderWay
        case .looksLikeRename: .looksLikeRename
        case .ignoredRename: .ignoredRename
        case .unmanagedRow: .unmanagedRow
        case .policy: .policy
        case .policyRule: .policyRule
        case .retention: .retention
        case .tooManyChanges: .tooManyChanges
        case .tooManyRecipients: .tooManyRecipients
        }
    }

    /// The code of the rule, which JSON has and `reconcile explain` takes.
    public var code: String { rule.rawValue }

    public var description: String { "\(reason); to allow it: \(flag)" }

    /// The reason, without the flag.
    public var reason: String {
        switch self {
        case .emptyCatalog(let rows):
            "there are no specs, but the database has \(rows.grouped): all of them would be deleted"
        case .emptyTenant(let tenant, let rows):
            "tenant `\(tenant)` has no specs, but the database has \(rows.grouped): all of them would be deleted"
        case .protectedDelete(let identity): "\(identity) is protected and would be deleted"
        case .deleteUnderWay(let identity): "\(identity) would be deleted, and its open run cancelled"
        case .looksLikeRename(let from, let to):
            "\(from) would be deleted and the similar \(to) created; "
                + "if this is a rename, add `renamedFrom: \(from.name)` to keep its history"
        case .ignoredRename(let from, let to):
            "\(to) has `renamedFrom: \(from.name)`, but already exists, so \(from) would be deleted, not renamed"
        case .unmanagedRow(let identity, let row):
            "\(identity) already exists as row \(row.uuidString.lowercased()), which no spec manages"
        case .policy(let breach): breach.reason
        case .policyRule(let breach): breach.reason
        case .retention(let tenant, let losses):
            "`retention` of tenant `\(tenant)` deletes \(RetentionLoss.list(losses)) for good"
        case .tooManyChanges(let tenant, let changed, let rows, let limit):
            "\(changed.grouped) of \(rows.grouped) specs of tenant `\(tenant)` would be changed or deleted, more than \(limit) %"
        case .tooManyRecipients(let tenant, let campaigns, let recipients, let limit):
            "edits that \(NumberText.count(campaigns, "campaign")) of tenant `\(tenant)` inherit concern "
                + "\(NumberText.count(recipients, "recipient")), more than \(limit.grouped)"
        }
    }
}

/// A violation of a tenant's policy by one of its specs.
public struct PolicyBreach: Hashable, Sendable {
    /// The grant that allows exactly this violation.
    public let grant: PolicyGrant
    /// The violation, as a sentence.
    public let reason: String

    init(_ rule: TenantPolicy.Rule, _ identity: SpecIdentity, actual: PolicyLimit, reason: String) {
        grant = PolicyGrant(rule: rule, identity: identity, limit: actual)
        self.reason = reason
    }

    public var rule: TenantPolicy.Rule { grant.rule }
    public var identity: SpecIdentity { grant.identity }
    /// The value beyond the policy.
    public var actual: PolicyLimit { grant.limit }
}

/// A policy rule that one spec may break, and how far: `maxRecipients:acme/Campaign/offer=998`.
public struct PolicyException: Hashable, Sendable, CustomStringConvertible {
    public let rule: TenantPolicy.Rule
    public let identity: SpecIdentity
    /// The limit for this and all later launches; `nil` allows what the plan shows.
    public let limit: PolicyLimit?

    public init(rule: TenantPolicy.Rule, identity: SpecIdentity, limit: PolicyLimit? = nil) {
        (self.rule, self.identity, self.limit) = (rule, identity, limit)
    }

    /// Reads a rule, a colon, a spec with slashes, and perhaps `=` and a limit; `nil` for anything else.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, let rule = TenantPolicy.Rule(rawValue: parts[0]) else { return nil }
        let sides = parts[1].split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let names = sides[0].split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard names.count == 3, let kind = SpecKind(rawValue: names[1]) else { return nil }
        let identity = SpecIdentity(tenant: names[0], kind: kind, name: names[2])
        guard sides.count == 2 else {
            self.init(rule: rule, identity: identity)
            return
        }
        guard let limit = PolicyLimit(sides[1], of: rule) else { return nil }
        self.init(rule: rule, identity: identity, limit: limit)
    }

    public var description: String { "\(rule.rawValue):\(identity)" + (limit.map { "=\($0)" } ?? "") }

    /// Returns true if it allows a violation.
    func allows(_ breach: PolicyBreach) -> Bool {
        rule == breach.rule && identity == breach.identity && limit?.covers(breach.actual) ?? true
    }
}
