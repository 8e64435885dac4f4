/// A campaign with everything that it refers to.
public struct ResolvedCampaign: Hashable, Sendable {
    public let identity: SpecIdentity
    /// Where the name of the campaign stands.
    public let place: SourcePlace
    public let spec: CampaignSpec
    public let sender: SenderSpec
    /// `nil` for a raw message.
    public let template: TemplateSpec?
    /// The WhatsApp message without recipient; its texts may hold placeholders.
    public let messagePayload: JSONValue
    /// `nil` if an event or a module names the recipients.
    public let audienceFilter: AudienceFilter?
}
