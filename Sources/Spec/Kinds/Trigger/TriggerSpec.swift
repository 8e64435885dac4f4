public import JSON

/// What event sends a campaign to the contact that the event is about.
public struct TriggerSpec: SpecContent {
    public static let kind = SpecKind.trigger

    public let header: SpecHeader
    /// A campaign of the same tenant, by its name.
    public let campaign: String
    /// The name of the event, predefined or not.
    public let event: String
    /// What the event's context has to hold; every value is a text, a number or a boolean.
    public let match: [String: JSONValue]
    /// The shortest time between two messages to one contact; `nil` means none.
    public let cooldown: SpecDuration?
    public let isActive: Bool

    /// Makes a trigger of values that are valid already.
    public init(
        header: SpecHeader,
        campaign: String,
        event: String,
        match: [String: JSONValue] = [:],
        cooldown: SpecDuration? = nil,
        isActive: Bool = true
    ) {
        self.header = header
        self.campaign = campaign
        self.event = event
        self.match = match
        self.cooldown = cooldown
        self.isActive = isActive
    }

    /// Whether the event is another than the predefined ones.
    public var isCustom: Bool { TriggerEvent(rawValue: event) == nil }

    /// All fields with their defaults; `custom` only where it is needed.
    public var canonical: JSONValue {
        var fields = header.canonicalFields
        fields["campaign"] = .string(campaign)
        fields["event"] = .string(event)
        if isCustom { fields["custom"] = true }
        if !match.isEmpty { fields["match"] = .object(match) }
        fields["cooldown"] = cooldown.map { .string($0.description) }
        fields["isActive"] = .bool(isActive)
        return .object(fields)
    }
}
