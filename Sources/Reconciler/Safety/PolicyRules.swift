import Calendar
import Foundation
import JSON
public import Spec
import Store

/// A change that meets all conditions of a rule of its tenant's policy.
public struct RuleBreach: Hashable, Sendable {
    /// The name of the rule.
    public let rule: String
    /// The changed spec.
    public let identity: SpecIdentity
    /// The reason for the rule, as its author wrote it.
    public let message: String

    /// The exception that allows exactly this change.
    public var exception: RuleException { RuleException(rule: rule, identity: identity) }

    /// The violation, as a sentence.
    public var reason: String {
        "\(identity) meets the rule `\(rule)` of tenant `\(identity.tenant)`: \(PlanLines.harmless(message))"
    }
}

/// A rule that one change may break: `large-sends:acme/Campaign/offer`.
public struct RuleException: Hashable, Sendable, CustomStringConvertible {
    public let rule: String
    public let identity: SpecIdentity

    public init(rule: String, identity: SpecIdentity) { (self.rule, self.identity) = (rule, identity) }

    /// Reads the name of a rule, a colon, and a spec with slashes; `nil` for anything else.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, SpecIdentity.isSlug(parts[0]) else { return nil }
        let names = parts[1].split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard names.count == 3, let kind = SpecKind(rawValue: names[1]) else { return nil }
        self.init(rule: parts[0], identity: SpecIdentity(tenant: names[0], kind: kind, name: names[2]))
    }

    public var description: String { "\(rule):\(identity)" }
}

/// The rules that judge the changes of a plan: those that were applied before it, and its own.
///
/// A rule can therefore not be removed, or weakened, together with the change that it forbids.
struct PolicyRules: Sendable {
    private var rules: [String: [PolicyRule]] = [:]
    private let zones: [String: IANAZone]

    /// Takes the rules of the stored `Tenant` rows and of the specs.
    init(rows: [ManagedRow], desired: DesiredState) {
        zones = desired.zones
        for row in rows where row.identity.kind == .tenant {
            rules[row.identity.tenant] = Self.stored(row.content)
        }
        for (tenant, policy) in desired.policies {
            let former = rules[tenant] ?? []
            let added = policy.rules.filter { !former.contains($0) }
            rules[tenant] = former + added
        }
        rules = rules.filter { !$0.value.isEmpty }
    }

    init() { zones = [:] }

    private static func stored(_ content: JSONValue) -> [PolicyRule] {
        guard content["policy"]?["rules"] != nil else { return [] }
        do {
            return try TenantSpec(canonical: SpecWriter.own(content)).policy.rules
        } catch {
            // A row that was edited by hand into something else has no rules; the plan shows the edit as drift.
            return []
        }
    }

    /// Returns true if a rule of a tenant looks at the recipients of campaigns.
    func needRecipients(of tenant: String) -> Bool {
        rules[tenant]?.contains(where: \.needsRecipients) ?? false
    }

    /// Returns the rules that the changes of a plan break, in the order of the changes.
    func breaches(of changes: [PlannedChange]) -> [RuleBreach] {
        guard !rules.isEmpty else { return [] }
        return changes.flatMap { change -> [RuleBreach] in
            guard !change.isFormal, let rules = rules[change.identity.tenant] else { return [] }
            var broken: [RuleBreach] = []
            for rule in rules where matches(rule, change) && !broken.contains(where: { $0.rule == rule.name }) {
                broken.append(RuleBreach(rule: rule.name, identity: change.identity, message: rule.message))
            }
            return broken
        }
    }

    private func matches(_ rule: PolicyRule, _ change: PlannedChange) -> Bool {
        if let kind = rule.kind, change.identity.kind != kind { return false }
        if let field = rule.field, !changes(field, in: change) { return false }
        if let most = rule.recipients {
            guard let impact = change.impact, impact.isBroadcast, impact.recipients > most else { return false }
        }
        if let share = rule.quota {
            guard let impact = change.impact, impact.isBroadcast, let left = impact.quotaLeft,
                impact.outOfWindow * 100 > left * share
            else { return false }
        }
        if let times = rule.times {
            guard let fires = change.fireTimes, fires.after.contains(where: { isWithin(times, $0, fires) }) else {
                return false
            }
        }
        return true
    }

    private func changes(_ field: String, in change: PlannedChange) -> Bool {
        guard change.action == .update else {
            let content = change.action == .create ? change.after : change.before
            let steps = field.split(separator: ".").map(String.init)
            return steps.reduce(content) { value, step in value?[step] } != nil
        }
        return change.differences.contains { difference in
            difference.covers(field) || Self.derived[difference.field].map { $0 == field } ?? false
        }
    }

    /// The fields of campaigns that follow from specs that they name.
    private static let derived = ["audienceFilter": "audience", "message": "template"]

    private func isWithin(_ times: PolicyRule.Times, _ date: Date, _ fires: PlannedChange.FireTimes) -> Bool {
        let local = LocalDateTime(date, in: fires.zone ?? .utc).seconds
        let second = local % 86_400
        return times.contains(minute: Int((second < 0 ? second + 86_400 : second) / 60))
    }
}

extension FieldDifference {
    /// Returns true if the difference is in a field, within it, or in all of what contains it.
    fileprivate func covers(_ field: String) -> Bool {
        path == field || path.hasPrefix(field + ".") || path.hasPrefix(field + "[") || field.hasPrefix(path + ".")
    }
}
