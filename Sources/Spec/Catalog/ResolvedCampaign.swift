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

    /// The category of the template that a raw message names.
    private let namedCategory: TemplateSpec.Category?
    /// True if WhatsApp has the template as marketing, in a language that is sent.
    private let isMadeMarketing: Bool

    private init(
        _ other: ResolvedCampaign,
        template: TemplateSpec?,
        namedCategory: TemplateSpec.Category?,
        isMadeMarketing: Bool
    ) {
        (identity, place, spec) = (other.identity, other.place, other.spec)
        (sender, self.template) = (other.sender, template)
        (audienceFilter, namedFilter) = (other.audienceFilter, other.namedFilter)
        (self.namedCategory, self.isMadeMarketing) = (namedCategory, isMadeMarketing)
    }

    init(
        _ campaign: Located<CampaignSpec>,
        sender: SenderSpec,
        template: TemplateSpec?,
        namedCategory: TemplateSpec.Category?,
        audienceFilter: AudienceFilter?,
        namedFilter: JSONValue?
    ) {
        (identity, place, spec) = (campaign.identity, campaign.place, campaign.value)
        (self.sender, self.template, self.namedCategory) = (sender, template, namedCategory)
        (self.audienceFilter, self.namedFilter) = (audienceFilter, namedFilter)
        isMadeMarketing = false
    }

    /// True for free text, which reaches only contacts who wrote within the last 24 hours.
    public var isFreeText: Bool { spec.isFreeText }

    /// The category by which the recipients are chosen.
    ///
    /// A raw message has that of the specs' template that it names, or the one that ``knowing(_:)`` was told. Free text, and a
    /// template that is not known, may be marketing. What WhatsApp has made marketing, is.
    public var category: TemplateSpec.Category {
        isMadeMarketing ? .marketing : template?.category ?? namedCategory ?? .marketing
    }

    /// The template of a raw message whose category no spec tells.
    public var unknownTemplate: TemplateReference? {
        guard template == nil, namedCategory == nil else { return nil }
        return TemplateReference(of: spec, in: identity.tenant, from: sender)
    }

    /// Returns the name at WhatsApp of the template of a raw message.
    static func templateName(of message: JSONValue) -> String? {
        message["type"] == "template" ? message["template"]?["name"]?.stringValue : nil
    }

    /// Returns the campaign with the category of a template that no spec describes.
    public func knowing(_ category: TemplateSpec.Category) -> ResolvedCampaign {
        ResolvedCampaign(self, template: template, namedCategory: category, isMadeMarketing: isMadeMarketing)
    }

    /// Returns the campaign with a template that WhatsApp has made marketing.
    package func madeMarketing() -> ResolvedCampaign {
        ResolvedCampaign(self, template: template, namedCategory: namedCategory, isMadeMarketing: true)
    }

    /// The name at WhatsApp and the languages of the template that it sends; `nil` for free text.
    package var sentTemplate: (name: String, languages: [String])? {
        if let template { return (template.whatsappName, spec.language.map { [$0] } ?? template.codes) }
        return TemplateReference(of: spec, in: identity.tenant, from: sender).map { reference in
            (reference.name, [reference.language].compactMap(\.self))
        }
    }

    /// Returns the campaign with its template under the name that it has at WhatsApp.
    public func sending(atWhatsApp name: String) -> ResolvedCampaign {
        ResolvedCampaign(
            self,
            template: template?.named(atWhatsApp: name),
            namedCategory: namedCategory,
            isMadeMarketing: isMadeMarketing
        )
    }

    /// The WhatsApp message without recipient, made anew on each access; its texts may hold placeholders.
    public var messagePayload: JSONValue {
        switch spec.content {
        case .message(let payload): MediaReference.resolving(payload)
        // Without its template a campaign is not resolved.
        case .template(_, let params):
            template.map { MessagePayload.object(template: $0, params: params, language: spec.language) } ?? .null
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

extension CampaignSpec {
    /// True for free text, which reaches only contacts who wrote within the last 24 hours.
    var isFreeText: Bool {
        if case .message(let payload) = content { payload["type"] != "template" } else { false }
    }
}
