public import JSON

/// A campaign with everything that it refers to; it is large, so it is passed by reference.
public final class ResolvedCampaign: Sendable {
    public let identity: SpecIdentity
    /// The place of the campaign's name.
    public let place: SourcePlace
    public let spec: CampaignSpec
    public let sender: SenderSpec
    /// The template of the message; `nil` for a raw message.
    public let template: TemplateSpec?
    /// The filter for the recipients; `nil` if an event or a module names them.
    public let audienceFilter: AudienceFilter?
    /// The filter of a named audience, in the form that rows store; `nil` without a named audience.
    public let namedFilter: JSONValue?

    init(
        _ campaign: Located<CampaignSpec>,
        sender: SenderSpec,
        template: TemplateSpec?,
        audienceFilter: AudienceFilter?,
        namedFilter: JSONValue?
    ) {
        (identity, place, spec) = (campaign.identity, campaign.place, campaign.value)
        (self.sender, self.template) = (sender, template)
        (self.audienceFilter, self.namedFilter) = (audienceFilter, namedFilter)
    }

    /// True for free text, which reaches only contacts who wrote within the last 24 hours.
    public var isFreeText: Bool {
        if case .message(let payload) = spec.content { payload["type"] != "template" } else { false }
    }

    /// False if contacts who stopped only marketing messages get the message, too.
    ///
    /// A raw message counts as marketing here; a launch also knows the templates of the tenant that have its name.
    public var isMarketing: Bool { template?.category.isMarketing ?? true }

    /// The WhatsApp message without recipient, made anew on each access; its texts may hold placeholders.
    public var messagePayload: JSONValue {
        switch spec.content {
        case .message(let payload): payload
        // Without its template a campaign is not resolved.
        case .template(_, let params): template.map { MessagePayload.object(template: $0, params: params) } ?? .null
        }
    }
}

/// A schedule with the campaign that it starts.
public struct ResolvedSchedule: Hashable, Sendable {
    public let identity: SpecIdentity
    /// The place of the schedule's name.
    public let place: SourcePlace
    public let spec: ScheduleSpec
    /// A scheduled campaign of the same tenant.
    public let campaign: SpecIdentity
}

/// A trigger with the campaign that it starts.
public struct ResolvedTrigger: Hashable, Sendable {
    public let identity: SpecIdentity
    /// The place of the trigger's name.
    public let place: SourcePlace
    public let spec: TriggerSpec
    /// An event-triggered campaign of the same tenant.
    public let campaign: SpecIdentity
}
