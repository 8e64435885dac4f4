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

    /// Warns of codes of templates, and of defaults of tenants, that Meta's list does not have.
    static func check(_ specs: ArraySlice<Located<any SpecContent>>, _ found: inout [Diagnostic]) {
        for spec in specs {
            let field: String
            let code: String?
            switch spec.value {
            case let template as TemplateSpec: (field, code) = ("language", template.language)
            case let tenant as TenantSpec: (field, code) = ("defaults.language", tenant.defaults.language)
            default: continue
            }
            // The default of a tenant is reported there.
            guard let code, !known.contains(code), !spec.usesDefault else { continue }
            found.append(
                Diagnostic(
                    .unknownLanguage,
                    at: spec.place(of: field),
                    field: field,
                    "`\(code)` is not a language of WhatsApp's list",
                    help: help(for: code)
                )
            )
        }
    }
}
