import JSON

/// A template as a raw message names it: by its name and language at WhatsApp, in the account of the sender.
public struct TemplateReference: Hashable, Sendable {
    public let tenant: String
    public let name: String
    /// With an underscore; `nil` if the message names none.
    public let language: String?
    /// The account of the sender; `nil` if it is not known.
    public let account: String?

    /// Reads the reference of a campaign; `nil` if its message is not raw, or has no template.
    init?(of campaign: CampaignSpec, in tenant: String, from sender: SenderSpec?) {
        guard case .message(let message) = campaign.content,
            let name = ResolvedCampaign.templateName(of: message)
        else { return nil }
        (self.tenant, self.name, account) = (tenant, name, sender?.account)
        language = message["template"]?["language"]?["code"]?.stringValue?.replacing("-", with: "_")
    }
}

/// The templates of specs by their names at WhatsApp, to tell the category of raw messages.
///
/// The languages of a name are templates of their own, and several accounts can have templates of one name, so each may have a
/// category of its own.
struct NamedTemplates {
    private struct Name: Hashable { let (tenant, name): (String, String) }

    private var all: [Name: [TemplateSpec]] = [:]

    init(_ templates: [Located<TemplateSpec>]) {
        for template in templates {
            let name = Name(tenant: template.identity.tenant, name: template.value.whatsappName)
            all[name, default: []].append(template.value)
        }
    }

    /// Returns the category of a template; `nil` if no spec has its name.
    ///
    /// Those of the language count first, then those of the account. Of several the marketing one counts, so that nobody gets
    /// what they have stopped, and then one with a code, as that leaves out the most. So the order of specs and rows does not matter,
    /// and `category_of_template` chooses the same among rows.
    func category(of reference: TemplateReference) -> TemplateSpec.Category? {
        func rank(_ template: TemplateSpec) -> Int {
            let isOfLanguage = template.codes.contains(reference.language ?? "")
            let isOfAccount = template.account == nil || [nil, template.account].contains(reference.account)
            let category =
                switch template.category {
                case .marketing: 0
                case .authentication: 1
                case .utility: 2
                }
            return (isOfLanguage ? 0 : 6) + (isOfAccount ? 0 : 3) + category
        }
        return all[Name(tenant: reference.tenant, name: reference.name)]?.min { rank($0) < rank($1) }?.category
    }
}
