import JSON
import YAML

/// Limits for the specs of a tenant; `nil` means no limit.
public struct TenantPolicy: Hashable, Sendable {
    /// The rules, by the names that specs and refusals use.
    public enum Rule: String, Hashable, Sendable, CaseIterable {
        case maxRecipients, maxCost, maxCampaigns, allowedCategories, minScheduleInterval
    }

    /// The maximum number of recipients of one run.
    public internal(set) var maxRecipients: Int?
    /// The most that one run may cost, by the prices beside the specs.
    public internal(set) var maxCost: Money?
    public internal(set) var maxCampaigns: Int?
    /// Categories of templates, in the order of ``TemplateSpec/Category``; never empty.
    public internal(set) var allowedCategories: [TemplateSpec.Category]?
    /// The shortest time between two scheduled starts of one campaign.
    public internal(set) var minScheduleInterval: SpecDuration?
    /// The share of failed messages, in percent, above which a run is paused; not a limit for specs.
    public internal(set) var maxFailurePercent: Int?

    /// The rules for changes, in the order of the document; their names are unique.
    public internal(set) var rules: [PolicyRule] = []

    /// True if there is no limit.
    public var isEmpty: Bool { self == TenantPolicy() }
}

extension TenantPolicy: SpecMapping {
    static let fields: [Field] = [
        Field("maxRecipients", \.maxRecipients, .integer(0...1_000_000_000))
            .says("The maximum number of recipients of one run.", examples: 20_000),
        Field("maxCost", \.maxCost, .money)
            .says(
                "The most that one run may cost if all of it arrives, by the [prices](cost.md) beside the specs.",
                examples: "USD 250"
            ),
        Field("maxCampaigns", \.maxCampaigns, .integer(0...1_000_000))
            .says("The maximum number of campaigns of the tenant.", examples: 20),
        Field("allowedCategories", \.allowedCategories, .choices(ifEmpty: "allows no category"))
            .says(
                "The categories that templates may have. By default all are allowed.",
                examples: ["marketing", "utility"]
            ),
        Field("minScheduleInterval", \.minScheduleInterval, .duration(upToDays: 366))
            .says("The minimum time between two starts of a schedule; at most 366 days.", examples: "12h"),
        Field("maxFailurePercent", \.maxFailurePercent, .integer(1...100))
            .says(
                "The share of failed messages, in percent, above which a run is paused, once 200 messages are sent or "
                    + "failed; for triggers within 24 hours. By default runs are not paused for it.",
                examples: 20
            ),
        Field("rules", \.rules, .rules).showsDefault(nil)
            .says(
                "Rules for changes. A plan with a change that meets all conditions of a rule needs `--allow-rule`.",
                examples: [
                    [
                        "name": "large-sends", "kind": "Campaign", "recipients": 20_000,
                        "message": "Large sends are agreed with the support desk first.",
                    ]
                ]
            ),
    ]
}

/// A rule of a tenant's policy for changes: a plan with a change that meets all its conditions is refused.
///
/// A condition that is `nil` is met by every change. At least one is given.
public struct PolicyRule: Hashable, Sendable {
    /// A time of day, on the clock of the tenant.
    public struct Times: Hashable, Sendable {
        public internal(set) var from = TimeOfDay.midnight
        /// The end; earlier than `from` if the time passes midnight; never the same.
        public internal(set) var to = TimeOfDay.midnight

        /// Returns true if a minute of the day lies within.
        public func contains(minute: Int) -> Bool {
            from < to
                ? (from.minutes..<to.minutes).contains(minute) : minute >= from.minutes || minute < to.minutes
        }
    }

    /// A slug, unique within the tenant.
    public internal(set) var name = ""
    /// The reason for the rule, which refusals show.
    public internal(set) var message = ""
    /// The kind of the changed spec.
    public internal(set) var kind: SpecKind?
    /// The field that changes, such as `audience` or `defaults.sender`; created and deleted specs change all that they have.
    public internal(set) var field: String?
    /// The number of recipients of a campaign that is exceeded.
    public internal(set) var recipients: Int?
    /// The share in percent of the 24 hour quota that is left, which a launch of the campaign would exceed.
    public internal(set) var quota: Int?
    /// The time of day at which a schedule fires next.
    public internal(set) var times: Times?

    init() {}

    /// True if the rule looks at the recipients of campaigns.
    public var needsRecipients: Bool { recipients != nil || quota != nil }
}

extension PolicyRule: SpecMapping {
    static let fields: [Field] = [
        Field("name", \.name, .slug).required()
            .says("The name, unique within the tenant.", examples: "large-sends"),
        Field("message", \.message, .text(upTo: 500)).required()
            .says(
                "The reason for the rule, and what to do; refusals show it.",
                examples: "Large sends are agreed with the support desk first."
            ),
        Field("kind", \.kind, .choice).says("The kind of the changed spec.", examples: "Campaign"),
        Field("field", \.field, .text(upTo: 100))
            .says(
                "The field that changes, such as `audience` or `defaults.sender`. Specs that are created or deleted change all "
                    + "fields that they have.",
                examples: "audience"
            ),
        Field("recipients", \.recipients, .integer(0...1_000_000_000))
            .says("A campaign has more recipients than this.", examples: 20_000),
        Field("quota", \.quota, .integer(0...100))
            .says("A launch now takes more than this share, in percent, of the quota that is left.", examples: 50),
        Field("times", \.times, .mapping)
            .says(
                "A schedule fires next within this time of the day, on the clock of the tenant.",
                examples: ["from": "20:00", "to": "07:00"]
            ),
    ]

    static var rules: [SchemaRule] {
        let help =
            "without a condition the rule would forbid every change: give it one of `kind`, `field`, `recipients`, "
            + "`quota` and `times`"
        return [.anyOf(["kind", "field", "recipients", "quota", "times"], help: help)]
    }
}

extension PolicyRule.Times: SpecMapping {
    static let fields: [Field] = [
        Field("from", \.from, .timeOfDay).required()
            .says("The beginning; write it in quotes.", examples: "20:00"),
        Field("to", \.to, .timeOfDay).required()
            .says("The end; earlier than `from` if the time passes midnight.", examples: "07:00"),
    ]

    func complete(_ reader: FieldReader, isWhole: Bool) -> Bool {
        guard isWhole, from == to, let end = reader.peek("to") else { return true }
        let message = "this time begins and ends at \(to)"
        reader.sink.report(.invalidValue, at: end.range, field: end.field, message, help: "give it a length")
        return false
    }
}

extension FieldCodec<[PolicyRule]> {
    /// Reads a list of rules, whose names must be unique.
    fileprivate static let limit = 100

    static var rules: Self {
        Self(
            schema: .list(of: PolicyRule.schema.value, 1...limit),
            read: { reader, key in
                let sink = reader.sink
                var first: [String: YAMLRange] = [:]
                let rules = reader.list(key) { node, field -> PolicyRule? in
                    guard var nested = FieldReader(node, path: field, what: "a rule", sink: sink) else { return nil }
                    let rule = PolicyRule(reading: &nested)
                    nested.finish()
                    guard let rule, let name = nested.peek("name") else { return nil }
                    if let other = first[rule.name] {
                        let related = Diagnostic.Related(
                            place: SourcePlace(file: sink.file, other),
                            label: "the first one"
                        )
                        let message = "a rule `\(rule.name)` exists already"
                        let help = "choose another name"
                        sink.report(
                            .invalidValue,
                            at: name.range,
                            field: name.field,
                            message,
                            help: help,
                            related: related
                        )
                    }
                    first[rule.name] = name.range
                    return rule
                }
                guard let rules else { return nil }
                if !sink.isStored, let count = rules.node.sequence?.count, !(1...limit).contains(count) {
                    let message = "`\(key)` has \(count) rules, outside of 1 to \(limit)"
                    sink.report(.invalidValue, at: rules.range, field: rules.field, message)
                }
                return rules.value
            },
            json: { rules in
                rules.isEmpty
                    ? nil
                    : .array(
                        rules.map { rule in
                            var object = JSONObject()
                            rule.write(to: &object)
                            return .object(object)
                        }
                    )
            }
        )
    }
}

extension SpecKind: SpecChoice {
    var meaning: String { definition.meaning }
}
