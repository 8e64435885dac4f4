import JSON

/// What the specs of a tenant may do; what is `nil` is not limited.
public struct TenantPolicy: Hashable, Sendable {
    /// The rules, by the words that specs and refusals use.
    public enum Rule: String, Hashable, Sendable, CaseIterable {
        case maxRecipients, maxCampaigns, allowedCategories, minScheduleInterval
    }

    /// Recipients of one run.
    public let maxRecipients: Int?
    public let maxCampaigns: Int?
    /// Categories of templates, in the order of ``TemplateSpec/Category``; never empty.
    public let allowedCategories: [TemplateSpec.Category]?
    /// The shortest time between two scheduled starts of one campaign.
    public let minScheduleInterval: SpecDuration?

    /// Makes a policy.
    public init(
        maxRecipients: Int? = nil,
        maxCampaigns: Int? = nil,
        allowedCategories: Set<TemplateSpec.Category>? = nil,
        minScheduleInterval: SpecDuration? = nil
    ) {
        self.maxRecipients = maxRecipients
        self.maxCampaigns = maxCampaigns
        self.allowedCategories = allowedCategories.map { allowed in
            TemplateSpec.Category.allCases.filter(allowed.contains)
        }
        self.minScheduleInterval = minScheduleInterval
    }

    /// Whether nothing is limited.
    public var isEmpty: Bool { self == TenantPolicy() }

    var json: JSONValue {
        var fields: [String: JSONValue] = [:]
        fields["maxRecipients"] = maxRecipients.map(JSONValue.integer)
        fields["maxCampaigns"] = maxCampaigns.map(JSONValue.integer)
        fields["allowedCategories"] = allowedCategories.map { .array($0.map { .string($0.rawValue) }) }
        fields["minScheduleInterval"] = minScheduleInterval.map { .string($0.description) }
        return .object(fields)
    }
}
