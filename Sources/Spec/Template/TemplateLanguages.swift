import JSON
import Spelling

/// The codes of languages in which WhatsApp takes templates.
enum TemplateLanguages {
    /// The codes of Meta's list.
    ///
    /// New ones are added now and then, so another code is only a warning.
    static let known = Set(
        """
        af ar ar_AE ar_EG ar_LB ar_MA ar_QA az be_BY bg bn bn_IN ca cs da de de_AT de_CH el en en_AE en_AU en_CA en_GB en_GH
        en_IE en_IN en_JM en_MY en_NZ en_QA en_SG en_UG en_US en_ZA es es_AR es_CL es_CO es_CR es_DO es_EC es_ES es_HN es_MX
        es_PA es_PE es_UY et fa fi fil fr fr_BE fr_CA fr_CH fr_CI fr_MA ga gu ha he hi hr hu id it ja ka kk kn ko ky_KG lo lt
        lv mk ml mr ms nb nl nl_BE pa pl prs_AF ps_AF pt_BR pt_PT ro ru rw_RW si_LK sk sl sq sr sv sw ta te th tr uk ur uz vi
        zh_CN zh_HK zh_TW zu
        """
        .split(whereSeparator: \.isWhitespace).map(String.init)
    )

    private static let beginnings = Set(known.map { $0.lowercased().prefix { $0 != "_" } })

    /// Returns true if a text names a language of the list in any spelling, or another form of one: `pt-br`, `EN`, `fr_SN`.
    static func isLanguage(_ text: String) -> Bool {
        let name = text.lowercased().replacing("-", with: "_")
        return name.utf8.count <= 35 && beginnings.contains(name.prefix { $0 != "_" })
    }

    /// Returns a help line with the known codes that are nearest to another one.
    static func help(for code: String) -> String {
        let language = String(code.prefix { $0 != "_" })
        let near = SpellingSuggestion.candidates(for: code, among: known.sorted())
        // Another country of the language, or the language alone: `en` for `eng_XX`.
        let others = [language, String(language.prefix(2))].compactMap { language in
            known.contains(language) ? language : known.filter { $0.hasPrefix("\(language)_") }.min()
        }
        guard let list = near.isEmpty ? others.first.map({ [$0] }) : near else {
            return "its codes are such as `en`, `en_US` and `pt_BR`"
        }
        return "did you mean \(SpellingSuggestion.list(list, "or"))?"
    }

    /// Warns of codes that Meta's list does not have: those of templates, of defaults of tenants and of raw messages.
    ///
    /// A fallback, and the language of a campaign, are languages of the template, which are reported where they stand.
    static func check(_ specs: ArraySlice<Located<any SpecContent>>, _ found: inout [Diagnostic]) {
        for spec in specs {
            for (field, code) in codes(of: spec) where !known.contains(code) && !code.contains("{{") {
                let isKey = field.hasPrefix("languages.")
                found.append(
                    Diagnostic(
                        .unknownLanguage,
                        at: isKey ? spec.keyPlace(of: code, in: "languages") : spec.place(of: field),
                        field: field,
                        "`\(code)` is not a language of WhatsApp's list",
                        help: help(for: code)
                    )
                )
            }
        }
    }

    private static func codes(of spec: Located<any SpecContent>) -> [(field: String, code: String)] {
        switch spec.value {
        case let template as TemplateSpec:
            // The default of a tenant is reported there; codes in another form were.
            let own = spec.usesDefault ? nil : template.language
            return (own.map { [("language", $0)] } ?? [])
                + template.languages.keys.sorted().filter(FieldCodec<String>.isLanguage).map { ("languages.\($0)", $0) }
        case let tenant as TenantSpec:
            return tenant.defaults.language.map { [("defaults.language", $0)] } ?? []
        case let campaign as CampaignSpec:
            guard case .message(let message) = campaign.content, message["type"] == "template" else { return [] }
            let field = "message.template.language.code"
            return message["template"]?["language"]?["code"]?.stringValue.map { [(field, $0)] } ?? []
        default: return []
        }
    }
}
