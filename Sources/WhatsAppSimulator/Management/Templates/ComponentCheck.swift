import JSON

/// Checks the components of a template: the rules with a subcode of their own, and counts and lengths.
struct ComponentCheck {
    let category: String
    let isNamed: Bool
    let wordsPerVariable: Double
    let isHandle: (String) -> Bool

    /// The most buttons of a type in a template.
    private static let limits = [
        ("URL", 2), ("PHONE_NUMBER", 1), ("COPY_CODE", 1), ("VOICE_CALL", 1), ("OTP", 1), ("MPM", 1), ("SPM", 1),
        ("REQUEST_CONTACT_INFO", 1),
    ]

    private static let kinds: Set<String> = [
        "HEADER", "BODY", "FOOTER", "BUTTONS", "CAROUSEL", "LIMITED_TIME_OFFER", "CALL_PERMISSION_REQUEST",
    ]

    func check(_ components: [JSONValue]) throws(GraphError) {
        for component in components {
            guard let kind = component["type"]?.stringValue, Self.kinds.contains(kind) else {
                throw .argument("Component type '\(component["type"]?.stringValue ?? "")' is not known.")
            }
            guard components.count(where: { $0["type"] == component["type"] }) == 1 else {
                throw .argument("There can be only one component of type \(kind).")
            }
        }
        guard let body = Self.part("BODY", of: components) else { throw .missingField("BODY", "text") }
        let offer = Self.part("LIMITED_TIME_OFFER", of: components)
        guard category == "MARKETING" || (offer == nil && Self.part("CAROUSEL", of: components) == nil) else {
            throw .argument("Carousels and limited-time offers need the category MARKETING.")
        }
        if let header = Self.part("HEADER", of: components) { try check(header: header) }
        if category == "AUTHENTICATION" {
            try checkAuthentication(body, components)
        } else {
            try check(text: body, "BODY", longest: offer == nil ? 1_024 : 600)
        }
        if Self.part("CALL_PERMISSION_REQUEST", of: components) != nil {
            let others = ["BUTTONS", "CAROUSEL", "LIMITED_TIME_OFFER"]
            guard category != "AUTHENTICATION", others.allSatisfy({ Self.part($0, of: components) == nil }) else {
                throw .argument("A call permission request needs MARKETING or UTILITY, and no other interactive parts.")
            }
        }
        if let footer = Self.part("FOOTER", of: components) { try check(footer: footer, hasOffer: offer != nil) }
        if let buttons = Self.part("BUTTONS", of: components) { try check(buttons: buttons) }
        if let carousel = Self.part("CAROUSEL", of: components) { try check(carousel: carousel) }
        if let offer { try check(offer: offer) }
    }

    static func part(_ kind: String, of components: [JSONValue]) -> JSONValue? {
        components.first { $0["type"]?.stringValue == kind }
    }

    private func check(header: JSONValue) throws(GraphError) {
        switch header["format"]?.stringValue {
        case "TEXT":
            let text = try check(text: header, "HEADER", longest: 60)
            guard Set(text.variables).count <= 1 else { throw .form("HEADER", "A header can have one variable.") }
            guard !text.text.contains(where: \.isNewline) else { throw .form("HEADER", "A header has one line.") }
        case "IMAGE", "VIDEO", "DOCUMENT", "GIF":
            guard let handle = header["example"]?["header_handle"]?[0]?.stringValue else {
                throw .missingField("HEADER", "example")
            }
            guard isHandle(handle) else {
                throw .template(
                    2_388_273,
                    "Invalid sample",
                    "The handle of the header is not one of an upload to this app."
                )
            }
        case "LOCATION":
            guard category != "AUTHENTICATION" else { throw .form("HEADER", "Authentication has no location.") }
        case "PRODUCT":
            guard category == "MARKETING" else { throw .form("HEADER", "Products need the category MARKETING.") }
        default: throw .form("HEADER", "format must be TEXT, IMAGE, VIDEO, DOCUMENT, GIF, LOCATION or PRODUCT.")
        }
    }

    private func check(footer: JSONValue, hasOffer: Bool) throws(GraphError) {
        guard !hasOffer else { throw .form("FOOTER", "A limited-time offer has no footer.") }
        if category == "AUTHENTICATION", let minutes = footer["code_expiration_minutes"]?.integerValue {
            guard (1...90).contains(minutes) else { throw .form("FOOTER", "code_expiration_minutes must be 1 to 90.") }
            return
        }
        guard let text = footer["text"]?.stringValue, !text.isEmpty else { throw .missingField("FOOTER", "text") }
        guard text.count <= 60 else { throw .tooLong("The footer", 60) }
        guard TemplateText(text).variables.isEmpty else { throw .form("FOOTER", "A footer has no variables.") }
    }

    private func check(carousel: JSONValue) throws(GraphError) {
        let cards = (carousel["cards"]?.arrayValue ?? []).map { $0["components"]?.arrayValue ?? [] }
        guard (2...10).contains(cards.count) else { throw .argument("A carousel has 2 to 10 cards.") }
        let parts = cards.map { $0.map { "\($0["type"]?.stringValue ?? "")\($0["format"]?.stringValue ?? "")" } }
        guard parts.allSatisfy({ $0 == parts[0] }) else { throw .argument("All cards must have the same parts.") }
        for card in cards {
            guard let header = Self.part("HEADER", of: card) else { throw .missingField("HEADER", "format") }
            try check(header: header)
            if let body = Self.part("BODY", of: card) { try check(text: body, "BODY", longest: 160) }
            if let buttons = Self.part("BUTTONS", of: card) { try check(buttons: buttons, most: 2) }
        }
    }

    private func check(offer: JSONValue) throws(GraphError) {
        guard let text = offer["limited_time_offer"]?["text"]?.stringValue else {
            throw .missingField("LIMITED_TIME_OFFER", "text")
        }
        guard text.count <= 16 else { throw .tooLong("The text of the offer", 16) }
    }

    private func checkAuthentication(_ body: JSONValue, _ components: [JSONValue]) throws(GraphError) {
        guard body["text"] == nil else { throw .form("BODY", "The text of authentication templates is fixed.") }
        let buttons = Self.part("BUTTONS", of: components)?["buttons"]?.arrayValue ?? []
        guard buttons.count == 1, buttons[0]["type"]?.stringValue == "OTP" else {
            throw .missingField("BUTTONS", "otp_type")
        }
    }
}

extension ComponentCheck {
    /// Checks a text and the examples of its variables.
    @discardableResult
    private func check(text component: JSONValue, _ kind: String, longest: Int) throws(GraphError) -> TemplateText {
        guard let content = component["text"]?.stringValue, !content.isEmpty else { throw .missingField(kind, "text") }
        guard content.count <= longest else { throw .tooLong("The \(kind.lowercased())", longest) }
        let text = TemplateText(content)
        guard !text.variables.isEmpty else { return text }
        try checkNames(text, kind)
        guard kind == "HEADER" || !text.beginsOrEndsWithVariable else {
            throw .template(
                2_388_299,
                "Variables are at the start or the end",
                "Variables cannot be at the start or the end of the template."
            )
        }
        guard Double(text.wordCount) >= wordsPerVariable * Double(text.variables.count) else {
            throw .template(
                2_388_293,
                "Too many variables for its length",
                "This template has too many variables for its length. Use fewer variables or more words."
            )
        }
        try checkExamples(component, text, kind)
        return text
    }

    private func checkNames(_ text: TemplateText, _ kind: String) throws(GraphError) {
        if isNamed {
            let isLegal = text.variables.allSatisfy { name in
                name.first.map { $0.isLowercase || $0 == "_" } == true
                    && name.allSatisfy { $0 == "_" || $0.isASCII && ($0.isLowercase || $0.isNumber) }
            }
            guard isLegal else {
                throw .form(kind, "Names of variables have lowercase letters, digits and underscores.")
            }
            return
        }
        let numbers = Set(text.variables)
        let expected = Set((1...numbers.count).map { "\($0)" })
        guard numbers == expected else {
            throw .form(kind, "Variables must be {{1}} to {{\(numbers.count)}}, without gaps.")
        }
    }

    private func checkExamples(_ component: JSONValue, _ text: TemplateText, _ kind: String) throws(GraphError) {
        let example = component["example"]
        let prefix = kind.lowercased()
        let named = example?["\(prefix)_text_named_params"]?.arrayValue?.compactMap { $0["param_name"]?.stringValue }
        let list = example?["\(prefix)_text"]?.arrayValue ?? []
        let count = list.first?.arrayValue?.count ?? list.count
        let wanted = Set(text.variables)
        let isThere = isNamed ? Set(named ?? []).isSuperset(of: wanted) : count == wanted.count
        guard isThere else { throw .missingField(kind, "example") }
    }

    private func check(buttons component: JSONValue, most: Int = 10) throws(GraphError) {
        let buttons = component["buttons"]?.arrayValue ?? []
        guard !buttons.isEmpty else { throw .missingField("BUTTONS", "buttons") }
        guard buttons.count <= most else { throw .argument("There can be at most \(most) buttons.") }
        let kinds = buttons.map { $0["type"]?.stringValue ?? "" }
        for (kind, limit) in Self.limits {
            guard kinds.count(where: { $0 == kind }) <= limit else {
                throw .argument("There can be at most \(limit) buttons of type \(kind).")
            }
        }
        let replies = kinds.indices.filter { kinds[$0] == "QUICK_REPLY" }
        if let first = replies.first, let last = replies.last {
            let isTogether = last - first + 1 == replies.count && (first == 0 || last == kinds.count - 1)
            guard isTogether else { throw .argument("Quick replies must stand together, before or after all others.") }
        }
        for (button, kind) in zip(buttons, kinds) { try check(button: button, kind) }
    }

    private func check(button: JSONValue, _ kind: String) throws(GraphError) {
        let text = button["text"]?.stringValue
        if let text {
            guard text.count <= 25 else { throw .tooLong("The text of a button", 25) }
            guard TemplateText(text).variables.isEmpty,
                !text.unicodeScalars.contains(where: \.properties.isEmojiPresentation)
            else {
                throw .template(2_388_060, "Invalid button text", "The text of a button has no variables and no emoji.")
            }
        }
        switch kind {
        case "QUICK_REPLY", "FLOW", "CATALOG", "MPM", "SPM", "VOICE_CALL":
            guard text?.isEmpty == false else { throw .missingField("BUTTONS", "text") }
            guard category == "MARKETING" || kind != "MPM" && kind != "SPM" else {
                throw .argument("Buttons of type \(kind) need the category MARKETING.")
            }
        case "REQUEST_CONTACT_INFO":
            guard category != "AUTHENTICATION", text == nil || text == "Share Contact Info" else {
                throw .argument("A button of type REQUEST_CONTACT_INFO has the text 'Share Contact Info', or none.")
            }
        case "URL": try check(link: button)
        case "PHONE_NUMBER":
            guard let number = button["phone_number"]?.stringValue else {
                throw .missingField("BUTTONS", "phone_number")
            }
            guard number.count <= 20 else { throw .tooLong("A phone number", 20) }
        case "COPY_CODE":
            let code = button["example"]?.stringValue ?? button["example"]?[0]?.stringValue
            guard let code else { throw .missingField("BUTTONS", "example") }
            guard code.count <= 20 else { throw .tooLong("The code", 20) }
        case "OTP":
            guard category == "AUTHENTICATION" else { throw .argument("OTP buttons need the category AUTHENTICATION.") }
        case "": throw .missingField("BUTTONS", "type")
        default: break
        }
    }

    private func check(link button: JSONValue) throws(GraphError) {
        guard button["text"]?.stringValue?.isEmpty == false else { throw .missingField("BUTTONS", "text") }
        guard let url = button["url"]?.stringValue, !url.isEmpty else { throw .missingField("BUTTONS", "url") }
        guard url.count <= 2_000 else { throw .tooLong("The address of a button", 2_000) }
        let text = TemplateText(url)
        guard !text.variables.isEmpty else { return }
        guard text.variables.count == 1, text.pieces.last?.isEmpty == true else {
            throw .argument("The address of a button can have one variable, at its end.")
        }
        guard button["example"]?[0]?.stringValue != nil || button["example"]?.stringValue != nil else {
            throw .missingField("BUTTONS", "example")
        }
    }
}
