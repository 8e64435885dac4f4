import JSON
import YAML

/// Limits for the specs of a tenant; `nil` means no limit.
public struct TenantPolicy: Hashable, Sendable {
    /// The rules, by the names that specs and refusals use.
    public enum Rule: String, Hashable, Sendable, CaseIterable {
        case maxRecipients, maxCampaigns, allowedCategories, minScheduleInterval
    }

    /// The maximum number of recipients of one run.
    public let maxRecipients: Int?
    public let maxCampaigns: Int?
    /// Categories of templates, in the order of ``TemplateSpec/Category``; never empty.
    public let allowedCategories: [TemplateSpec.Category]?
    /// The shortest time between two scheduled starts of one campaign.
    public let minScheduleInterval: SpecDuration?
    /// The share of failed messages, in percent, above which a run is paused; not a limit for specs.
    public let maxFailurePercent: Int?

    /// Makes a policy.
    public init(
        maxRecipients: Int? = nil,
        maxCampaigns: Int? = nil,
        allowedCategories: Set<TemplateSpec.Category>? = nil,
        minScheduleInterval: SpecDuration? = nil,
        maxFailurePercent: Int? = nil
    ) {
        self.maxRecipients = maxRecipients
        self.maxCampaigns = maxCampaigns
        self.allowedCategories = allowedCategories.map { allowed in
            TemplateSpec.Category.allCases.filter(allowed.contains)
        }
        self.minScheduleInterval = minScheduleInterval
        self.maxFailurePercent = maxFailurePercent
    }

    /// True if there is no limit.
    public var isEmpty: Bool { self == TenantPolicy() }

    var json: JSONValue {
        var fields: [String: JSONValue] = [:]
        fields["maxRecipients"] = maxRecipients.map(JSONValue.integer)
        fields["maxCampaigns"] = maxCampaigns.map(JSONValue.integer)
        fields["allowedCategories"] = allowedCategories.map { .array($0.map { .string($0.rawValue) }) }
        fields["minScheduleInterval"] = minScheduleInterval.map { .string($0.description) }
        fields["maxFailurePercent"] = maxFailurePercent.map(JSONValue.integer)
        return .object(fields)
    }
}

extension TenantPolicy {
    init?(_ reader: inout FieldReader) {
        let maxRecipients = reader.integer("maxRecipients", in: 0...1_000_000_000)
        let maxCampaigns = reader.integer("maxCampaigns", in: 0...1_000_000)
        let categories = Self.categories(&reader)
        let interval = reader.duration("minScheduleInterval", upTo: SpecDuration(seconds: 366 * 86_400))
        let failures = reader.integer("maxFailurePercent", in: 1...100)
        self.init(
            maxRecipients: maxRecipients?.value,
            maxCampaigns: maxCampaigns?.value,
            allowedCategories: categories,
            minScheduleInterval: interval,
            maxFailurePercent: failures?.value
        )
    }

    private static func categories(_ reader: inout FieldReader) -> Set<TemplateSpec.Category>? {
        let sink = reader.sink
        let read = reader.list("allowedCategories") { node, field in
            sink.string(node, field: field).flatMap {
                sink.choice($0, of: TemplateSpec.Category.self, as: "allowedCategories")
            }
        }
        guard let read else { return nil }
        if read.node.sequence?.isEmpty == true {
            let message = "`allowedCategories` allows no category"
            sink.report(
                .invalidValue,
                at: read.range,
                field: read.field,
                message,
                help: "list one, or remove the field"
            )
        }
        return Set(read.value)
    }

    static var schema: SchemaObject {
        SchemaObject([
            SchemaField(
                "maxRecipients",
                .integer(0...1_000_000_000),
                "The maximum number of recipients of one run.",
                examples: 20_000
            ),
            SchemaField(
                "maxCampaigns",
                .integer(0...1_000_000),
                "The maximum number of campaigns of the tenant.",
                examples: 20
            ),
            SchemaField(
                "allowedCategories",
                .list(of: TemplateSpec.categoryValue, 1...Int.max),
                "The categories that templates may have. By default all are allowed.",
                examples: ["marketing", "utility"]
            ),
            SchemaField(
                "minScheduleInterval",
                .duration,
                "The minimum time between two starts of a schedule; at most 366 days.",
                examples: "12h"
            ),
            SchemaField(
                "maxFailurePercent",
                .integer(1...100),
                "The share of failed messages, in percent, above which a run is paused, once 200 messages are sent or "
                    + "failed; for triggers within 24 hours. By default runs are not paused for it.",
                examples: 20
            ),
        ])
    }
}
