public import JSON

/// The way a campaign is started.
public enum CampaignType: String, Hashable, Sendable, CaseIterable {
    case manual, scheduled
    case eventTriggered = "event_triggered"
    case moduleInitiated = "module_initiated"
}

/// A message to an audience, and what starts it.
public struct CampaignSpec: SpecContent {
    /// Where the message comes from.
    public enum Content: Hashable, Sendable {
        /// A template of the same tenant, by its name, and a text for each of its variables.
        case template(String, params: [String: String])
        /// A WhatsApp message object without a recipient.
        case message(JSONValue)
    }

    /// Who gets the message.
    public enum Audience: Hashable, Sendable {
        /// An audience of the same tenant, by its name.
        case named(String)
        case filter(AudienceFilter)
    }

    public static let kind = SpecKind.campaign

    public let header: SpecHeader
    /// The name that people see; the slug by default.
    public let title: String
    public let type: CampaignType
    /// A sender of the same tenant, by its name; `nil` takes the tenant's, and never comes out of a valid catalog.
    public internal(set) var sender: String?
    public let content: Content
    /// `nil` if an event or a module names the recipients.
    public let audience: Audience?

    /// Makes a campaign of values that are valid already.
    public init(
        header: SpecHeader,
        title: String? = nil,
        type: CampaignType,
        sender: String?,
        content: Content,
        audience: Audience?
    ) {
        self.header = header
        self.title = title ?? header.name
        self.type = type
        self.sender = sender
        self.content = content
        self.audience = audience
    }

    /// All fields with their defaults; references stay names.
    public var canonical: JSONValue {
        var fields = header.canonicalFields
        fields["title"] = .string(title)
        fields["type"] = .string(type.rawValue)
        fields["sender"] = sender.map(JSONValue.string)
        switch content {
        case .template(let name, let params):
            fields["template"] = .string(name)
            fields["params"] = .object(params.mapValues(JSONValue.string))
        case .message(let payload): fields["message"] = payload
        }
        switch audience {
        case .named(let name): fields["audience"] = .string(name)
        case .filter(let filter): fields["audience"] = filter.json
        case nil: break
        }
        return .object(fields)
    }
}
