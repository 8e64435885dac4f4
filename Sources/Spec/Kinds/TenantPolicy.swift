import JSON

/// Limits for the specs of a tenant; `nil` means no limit.
public struct TenantPolicy: Hashable, Sendable {
    /// The rules, by the names that specs and refusals use.
    public enum Rule: String, Hashable, Sendable, CaseIterable {
        case maxRecipients, maxCampaigns, allowedCategories, minScheduleInterval
    }

    /// The maximum number of recipients of one run.
    public internal(set) var maxRecipients: Int?
    public internal(set) var maxCampaigns: Int?
    /// Categories of templates, in the order of ``TemplateSpec/Category``; never empty.
    public internal(set) var allowedCategories: [TemplateSpec.Category]?
    /// The shortest time between two scheduled starts of one campaign.
    public internal(set) var minScheduleInterval: SpecDuration?
    /// The share of failed messages, in percent, above which a run is paused; not a limit for specs.
    public internal(set) var maxFailurePercent: Int?

    /// True if there is no limit.
    public var isEmpty: Bool { self == TenantPolicy() }
}

extension TenantPolicy: SpecMapping {
    static let fields: [Field] = [
        Field("maxRecipients", \.maxRecipients, .integer(0...1_000_000_000))
            .says("The maximum number of recipients of one run.", examples: 20_000),
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
    ]
}
