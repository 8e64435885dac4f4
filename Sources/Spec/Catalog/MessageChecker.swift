import Calendar
import Foundation
import JSON

/// Checks whether the messages of campaigns can reach their recipients.
struct MessageChecker {
    private let index: SpecIndex

    init(index: SpecIndex) {
        self.index = index
    }

    /// Finds placeholders that nothing can fill, also in campaigns with other errors.
    func checkPlaceholders(_ specs: ArraySlice<Located<any SpecContent>>, _ found: inout [Diagnostic]) {
        for campaign in specs.compactMap({ $0.as(CampaignSpec.self) }) where !campaign.value.type.hasContext {
            guard campaign.value.content.mayMentionContext else { continue }
            // A draft has another type if its own could not be read.
            guard campaign.texts(in: "type").first?.value == campaign.value.type.rawValue else { continue }
            for text in ["params", "message"].flatMap(campaign.texts) {
                guard text.value.mentionsContext else { continue }
                for placeholder in TextTemplate.parse(text.value).placeholders where !placeholder.hasDefault {
                    guard case .context = placeholder.path else { continue }
                    found.append(unfillable(placeholder, text, campaign))
                }
            }
        }
    }

    private func unfillable(
        _ placeholder: TextTemplate.Parsed.Placeholder,
        _ text: ReadValue<String>,
        _ campaign: Located<CampaignSpec>
    ) -> Diagnostic {
        let type = campaign.value.type.rawValue
        return Diagnostic(
            .unfillablePlaceholder,
            at: SourcePlace(file: campaign.place.file, text.part(placeholder.range)),
            field: text.field,
            "nothing fills `{{\(placeholder.path)}}` in a campaign with `type: \(type)`",
            help: "give it a default, as in `{{\(placeholder.path)|…}}`, or use a field of the contact",
            related: Diagnostic.Related(place: campaign.place(of: "type"), label: "no event comes with it")
        )
    }

    /// Finds texts that WhatsApp refuses as parameters of a template.
    func checkParameters(_ specs: ArraySlice<Located<any SpecContent>>, _ found: inout [Diagnostic]) {
        for campaign in specs.compactMap({ $0.as(CampaignSpec.self) }) where campaign.value.content.mayHaveFaults {
            for text in campaign.texts(in: "params") + campaign.texts(in: "message") where text.isParameter {
                let parsed = TextTemplate.parse(text.value)
                // An empty text and broken placeholders were reported.
                guard !text.value.isEmpty, parsed.problems.isEmpty, let finding = Self.finding(parsed.template) else {
                    continue
                }
                found.append(
                    Diagnostic(
                        .parameterText,
                        at: SourcePlace(file: campaign.place.file, text.range),
                        field: text.field,
                        finding.message,
                        help: finding.help
                    )
                )
            }
        }
    }

    private static func finding(_ template: TextTemplate) -> (message: String, help: String)? {
        if let fault = template.parameterFault {
            return (
                "this parameter has \(fault), which WhatsApp refuses: it is sent with spaces instead, or fails with "
                    + "`templateText: strict`",
                "write it without; line breaks belong into the body of the template"
            )
        }
        guard template.canBeBlank else { return nil }
        return template.isLiteral
            ? ("this parameter is blank: every message fails", "write a text, or take the variable out of the template")
            : (
                "this parameter can be empty, which WhatsApp refuses: a message without the value fails",
                "give a default with a text, as in `{{name|there}}`"
            )
    }

    /// Finds offers that are over: WhatsApp refuses their messages.
    func checkOffers(_ specs: ArraySlice<Located<any SpecContent>>, now: Date, _ found: inout [Diagnostic]) {
        for campaign in specs.compactMap({ $0.as(CampaignSpec.self) }) {
            guard case .template(let name, let params) = campaign.value.content, let text = params["offer.expires"],
                let end = Instant(text), Double(end.seconds) < now.timeIntervalSince1970,
                index.sound(TemplateSpec.self, name, tenant: campaign.identity.tenant, ["offer"])?.value.offer != nil
            else { continue }
            found.append(
                Diagnostic(
                    .expiredOffer,
                    at: campaign.keyPlace(of: "offer.expires", in: "params"),
                    field: "params.offer.expires",
                    "the offer ended at \(text)",
                    help: "give a time to come, or delete the campaign"
                )
            )
        }
    }

    /// Finds free messages to an audience that also has contacts outside of their 24 h window.
    func checkWindows(_ found: inout [Diagnostic]) {
        let campaigns = index.allSound(CampaignSpec.self, ["type", "message", "audience"])
        for campaign in campaigns where !campaign.value.type.hasContext {
            guard case .message(let payload) = campaign.value.content, payload["type"] != "template" else { continue }
            guard let filter = filter(of: campaign), !filter.impliesWithin(hours: 24) else { continue }
            let message = "this message reaches only those who wrote within 24 hours, and the audience has others too"
            found.append(
                Diagnostic(
                    .closedWindow,
                    at: campaign.place(of: "message.type"),
                    field: "message.type",
                    message,
                    help:
                        "send a template, or add `{ field: lastSeen, operator: gte, value: \"-24h\" }` to an `AND` group",
                    related: Diagnostic.Related(place: campaign.place(of: "audience"), label: "the audience")
                )
            )
        }
    }

    private func filter(of campaign: Located<CampaignSpec>) -> AudienceFilter? {
        switch campaign.value.audience {
        case .filter(let filter): filter
        case .named(let name):
            index.sound(AudienceSpec.self, name, tenant: campaign.identity.tenant, ["logic", "conditions"])?.value
                .filter
        case nil: nil
        }
    }
}

extension CampaignType {
    /// True if an event or a module starts the campaign, and sends values along.
    fileprivate var hasContext: Bool {
        switch self {
        case .manual, .scheduled: false
        case .eventTriggered, .moduleInitiated: true
        }
    }
}

extension ReadValue<String> {
    /// True for a text of `params`, and for one of a parameter of a template message.
    fileprivate var isParameter: Bool {
        field.hasPrefix("params.")
            || field.hasPrefix("message.template.components[") && field.contains(".parameters[")
                && ["text", "fallback_value", "coupon_code"].contains { field.hasSuffix(".\($0)") }
    }
}

extension CampaignSpec.Content {
    /// True if it has template parameters, one of which may be refused.
    fileprivate var mayHaveFaults: Bool {
        switch self {
        case .template(_, let params):
            params.values.contains { text in
                let template = TextTemplate.parse(text).template
                return template.parameterFault != nil || template.canBeBlank
            }
        case .message(let payload): payload["type"] == "template"
        }
    }

    /// True if any text may have a placeholder for a value of an event, or the texts of a draft could not be read.
    fileprivate var mayMentionContext: Bool {
        switch self {
        case .template(_, let params): params.values.contains(where: \.mentionsContext)
        case .message(.null): true
        case .message(let payload): payload.mentionsContext
        }
    }
}

extension JSONValue {
    fileprivate var mentionsContext: Bool {
        switch self {
        case .null, .bool, .integer, .number: false
        case .string(let text): text.mentionsContext
        case .array(let items): items.contains(where: \.mentionsContext)
        case .object(let fields): fields.contains { $0.value.mentionsContext }
        }
    }
}

extension String {
    /// True if the text contains `context.`, as every placeholder for a value of an event does.
    fileprivate var mentionsContext: Bool {
        let word = "context.".utf8
        var rest = utf8[...]
        while let start = rest.firstIndex(of: UInt8(ascii: "c")) {
            rest = rest[start...]
            if rest.starts(with: word) { return true }
            rest = rest.dropFirst()
        }
        return false
    }
}
