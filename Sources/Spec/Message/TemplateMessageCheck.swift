import JSON

/// Compares the components of a raw template message with its template.
struct TemplateMessageCheck {
    /// A component that WhatsApp would refuse.
    struct Problem: Hashable {
        /// The place within `components`, such as `[0].parameters`; empty for something that is missing.
        let path: String
        let message: String
        let help: String
    }

    let template: TemplateSpec
    private(set) var problems: [Problem] = []

    /// Makes the comparison with the value of `components`; `nil` if the message has none.
    init(_ template: TemplateSpec, components: JSONValue?) {
        self.template = template
        let items = (components?.arrayValue ?? []).enumerated().map { Item(path: "[\($0)]", value: $1) }
        if template.otp != nil {
            checkCode(items)
        } else {
            check(items, card: nil, path: "")
            checkOffer(items)
            checkCards(items)
        }
    }

    private struct Item {
        let path: String
        let value: JSONValue

        var type: String { value["type"]?.stringValue?.lowercased() ?? "" }
        var parameters: [JSONValue] { value["parameters"]?.arrayValue ?? [] }
        var index: Int? {
            value["index"].flatMap { $0.integerValue ?? $0.stringValue.flatMap { Int($0) } }
        }
    }

    private mutating func report(_ path: String, _ message: String, _ help: String) {
        problems.append(Problem(path: path, message: message, help: help))
    }

    private mutating func check(_ items: [Item], card: Int?, path: String) {
        let parts = template.parts(of: card)
        let known = ["header", "body", "button", "limited_time_offer", "carousel", "footer"]
        for item in items where !known.contains(item.type) && !item.type.isEmpty {
            report(item.path, "`\(item.type)` is not a component of a message", "use `header`, `body` or `button`")
        }
        checkHeader(items, parts.header, card, path)
        checkTexts(items, "body", .body, card, path)
        checkButtons(items, parts.buttons, path)
    }

    private mutating func checkHeader(_ items: [Item], _ header: TemplateHeader?, _ card: Int?, _ path: String) {
        let type: String
        switch header {
        case nil, .text: return checkTexts(items, "header", .header, card, path)
        case .medium(let format, _): type = format.rawValue
        case .location: type = "location"
        case .product: type = "product"
        }
        guard let item = items.first(where: { $0.type == "header" }), let parameter = item.parameters.first else {
            let help = "add a component of type `header` with one parameter of type `\(type)`"
            return report(path, "template `\(template.name)` has a header of type `\(type)`", help)
        }
        let given = parameter["type"]?.stringValue?.lowercased() ?? ""
        guard given == type, item.parameters.count == 1 else {
            let message = "the header of template `\(template.name)` takes one parameter of type `\(type)`"
            return report("\(item.path).parameters", message, "give one with `type: \(type)`")
        }
    }

    /// Checks the number, the names and the types of the parameters of a text.
    private mutating func checkTexts(
        _ items: [Item],
        _ type: String,
        _ part: TemplateParameter.Part,
        _ card: Int?,
        _ path: String
    ) {
        let wanted = template.parameters.filter { $0.part == part && $0.card == card }
        let item = items.first { $0.type == type }
        let given = item?.parameters ?? []
        let place = item.map { "\($0.path).parameters" } ?? path
        guard given.count == wanted.count else {
            let keys = wanted.map { "`\($0.name ?? $0.key)`" }.joined(separator: ", ")
            let help = wanted.isEmpty ? "remove them" : "give one for each variable: \(keys)"
            let message =
                "the \(type) of template `\(template.name)` takes \(wanted.count) parameters, and the message has \(given.count)"
            return report(place, message, help)
        }
        for (index, parameter) in given.enumerated() {
            let kind = parameter["type"]?.stringValue?.lowercased() ?? ""
            if !["text", "currency", "date_time"].contains(kind) {
                let message = "the \(type) of template `\(template.name)` takes texts, not `\(kind)`"
                report("\(place)[\(index)]", message, "use `type: text`")
            }
        }
        let names = given.compactMap { $0["parameter_name"]?.stringValue }
        let expected = wanted.compactMap(\.name)
        if Set(names) != Set(expected) || names.count != expected.count {
            let help =
                expected.isEmpty
                ? "remove `parameter_name`: the variables have numbers"
                : "give each parameter a `parameter_name`: \(expected.map { "`\($0)`" }.joined(separator: ", "))"
            report(place, "the names of the parameters are not those of template `\(template.name)`", help)
        }
    }

    private mutating func checkButtons(_ items: [Item], _ buttons: [TemplateButton], _ path: String) {
        let given = items.filter { $0.type == "button" }
        for item in given {
            guard let index = item.index, buttons.indices.contains(index) else {
                let message = "template `\(template.name)` has \(buttons.count) buttons, and none with this index"
                report(item.path, message, "count buttons from 0")
                continue
            }
            let (word, subType) = (buttons[index].kind.word, item.value["sub_type"]?.stringValue?.lowercased() ?? "")
            if subType != word {
                report(
                    item.path,
                    "button \(index) of template `\(template.name)` is a `\(word)`",
                    "use `sub_type: \(word)`"
                )
            } else if buttons[index].kind == .products, !item.parameters.isEmpty,
                item.parameters[0]["action"]?["sections"]?.arrayValue?.isEmpty ?? true
            {
                let help = "give it `action: { thumbnail_product_retailer_id: …, sections: [ … ] }`"
                report(item.path, "button \(index) of template `\(template.name)` shows products in sections", help)
            } else if buttons[index].kind == .url, !buttons[index].hasParameter, !item.parameters.isEmpty {
                report(item.path, "the URL of button \(index) has no variable", "remove the component")
            }
        }
        for (index, button) in buttons.enumerated() where button.hasParameter {
            guard !given.contains(where: { $0.index == index && !$0.parameters.isEmpty }) else { continue }
            let message = "button \(index) of template `\(template.name)` needs a parameter"
            report(path, message, "add a component `button` with `sub_type: \(button.kind.word)` and `index: \(index)`")
        }
    }

    private mutating func checkOffer(_ items: [Item]) {
        let item = items.first { $0.type == "limited_time_offer" }
        let isWanted = template.offer?.expires == true
        if isWanted, item?.parameters.isEmpty ?? true {
            let help = "add a component `limited_time_offer` with `expiration_time_ms`"
            report(item?.path ?? "", "template `\(template.name)` has an offer that ends at a time", help)
        } else if let item, !isWanted {
            report(item.path, "template `\(template.name)` has no offer that ends at a time", "remove the component")
        }
    }

    private mutating func checkCards(_ items: [Item]) {
        let item = items.first { $0.type == "carousel" }
        let cards = item?.value["cards"]?.arrayValue ?? []
        guard cards.count == template.cards.count else {
            let message =
                "template `\(template.name)` has \(template.cards.count) cards, and the message has \(cards.count)"
            return report(item?.path ?? "", message, cards.isEmpty ? "add a component `carousel`" : "give one of each")
        }
        var given: Set<Int> = []
        for (position, card) in cards.enumerated() {
            let path = "\(item?.path ?? "").cards[\(position)]"
            let index = card["card_index"]?.integerValue ?? position
            guard template.cards.indices.contains(index) else {
                report(path, "template `\(template.name)` has no card \(index)", "count cards from 0")
                continue
            }
            guard given.insert(index).inserted else {
                report(path, "the message has card \(index) twice", "give one of each, from 0 to \(cards.count - 1)")
                continue
            }
            let parts = (card["components"]?.arrayValue ?? []).enumerated()
                .map { Item(path: "\(path).components[\($0)]", value: $1) }
            check(parts, card: index, path: path)
        }
    }

    private mutating func checkCode(_ items: [Item]) {
        let body = items.first { $0.type == "body" }
        let button = items.first { $0.type == "button" }
        for (item, what) in [(body, "body"), (button, "button")] where item?.parameters.count != 1 {
            let message = "template `\(template.name)` takes the code as the only parameter of the \(what)"
            report(item.map { "\($0.path).parameters" } ?? "", message, "give the code to body and button")
        }
        if let button, button.value["sub_type"]?.stringValue?.lowercased() != "url" || button.index != 0 {
            let help = "use `sub_type: url` and `index: 0`"
            report(button.path, "WhatsApp takes the code in a button of type `url`", help)
        }
    }
}

/// Checks raw messages against the templates of the tenant that they name.
struct TemplateMessageChecker {
    private let templates: [String: [String: [TemplateSpec]]]
    private let index: SpecIndex

    init(index: SpecIndex) {
        self.index = index
        var templates: [String: [String: [TemplateSpec]]] = [:]
        for template in index.all(TemplateSpec.self) {
            templates[template.identity.tenant, default: [:]][template.value.whatsappName, default: []]
                .append(contentsOf: template.value.submissions)
        }
        self.templates = templates
    }

    /// Reports components that do not fit, and languages that no spec has.
    func check(_ specs: ArraySlice<Located<any SpecContent>>, _ found: inout [Diagnostic]) {
        for campaign in specs.compactMap({ $0.as(CampaignSpec.self) }) {
            guard case .message(let message) = campaign.value.content,
                let name = ResolvedCampaign.templateName(of: message),
                let known = ownTemplates(named: name, of: campaign, &found),
                let language = message["template"]?["language"]?["code"]?.stringValue
            else { continue }
            let meant = known.filter { $0.language == language }
            guard !meant.isEmpty else {
                found.append(otherLanguage(language, known, campaign))
                continue
            }
            // Of several templates with one name, if the account is not known, any may be meant.
            let checks = meant.map { TemplateMessageCheck($0, components: message["template"]?["components"]).problems }
            guard let problems = checks.min(by: { $0.count < $1.count }) else { continue }
            for problem in problems {
                let field = "message.template.components\(problem.path)"
                found.append(
                    Diagnostic(
                        .templateMessage,
                        at: campaign.place(of: field),
                        field: field,
                        problem.message,
                        help: problem.help
                    )
                )
            }
        }
    }

    /// Returns the templates of a name at the account of the campaign's sender; `nil` if no spec has one, or after a report of a
    /// template that only other accounts have.
    private func ownTemplates(
        named name: String,
        of campaign: Located<CampaignSpec>,
        _ found: inout [Diagnostic]
    ) -> [TemplateSpec]? {
        let tenant = campaign.identity.tenant
        guard let known = templates[tenant]?[name] else { return nil }
        guard let sender = campaign.value.sender.flatMap({ index.spec(SenderSpec.self, $0, tenant: tenant) }),
            let account = sender.value.account
        else { return known }
        let own = known.filter { $0.account == account || $0.account == nil }
        // An account that does not exist was reported.
        if own.isEmpty,
            let other = known.first(where: { template in
                template.account.flatMap { index.spec(AccountSpec.self, $0, tenant: tenant) } != nil
            })
        {
            let field = "message.template.name"
            found.append(
                AccountChecker.otherAccount(other, sender.value, at: campaign.place(of: field), field: field)
            )
            return nil
        }
        return own
    }

    private func otherLanguage(
        _ language: String,
        _ known: [TemplateSpec],
        _ campaign: Located<CampaignSpec>
    ) -> Diagnostic {
        let languages = Set(known.compactMap(\.language)).sorted().map { "`\($0)`" }.joined(separator: ", ")
        let field = "message.template.language.code"
        return Diagnostic(
            .templateLanguage,
            at: campaign.place(of: field),
            field: field,
            "no spec has this template in the language `\(language)`",
            help: "the specs have it in \(languages)"
        )
    }
}
