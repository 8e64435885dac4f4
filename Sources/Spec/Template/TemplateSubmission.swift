import Foundation
public import JSON

/// A template in the form in which Meta's Graph API creates, edits and returns it.
public struct TemplateSubmission: Sendable {
    /// A file that reviewers see in place of those that campaigns send.
    public struct Sample: Hashable, Sendable {
        /// The key in `handles`: `header`, or `card.0.header`.
        public let key: String
        public let format: TemplateHeader.Format
        /// The address of the file, which is uploaded before the template is created, or the text of `media`.
        public let link: String
        /// The file, if it is one beside the spec.
        public var media: MediaReference? { MediaReference(link) }
    }

    private let spec: TemplateSpec
    private let handles: [String: String]

    /// Makes the form of a template.
    ///
    /// - Parameters:
    ///   - spec: The template.
    ///   - handles: The handles of uploaded samples, by their keys; without one, the header has no example.
    public init(_ spec: TemplateSpec, handles: [String: String] = [:]) {
        (self.spec, self.handles) = (spec, handles)
    }

    /// Returns the files to upload, in the order of the parts.
    public static func samples(of spec: TemplateSpec) -> [Sample] {
        let places = [nil] + spec.cards.indices.map(Optional.some)
        return places.compactMap { card in
            let prefix = card.map(TemplateParameter.prefix) ?? ""
            guard case .medium(let format, let medium) = spec.parts(of: card).header else { return nil }
            let own: String? =
                switch medium {
                case .link, .stored: medium?.text
                case .id, .file, nil: nil
                }
            return (spec.examples?["\(prefix)header.link"] ?? own)
                .map { Sample(key: "\(prefix)header", format: format, link: $0) }
        }
    }

    /// Reads the files of a wish back.
    public static func samples(ofWish wish: JSONValue) -> [Sample] {
        (wish["samples"]?.fields.map(Array.init) ?? []).compactMap { key, sample in
            guard let link = sample["link"]?.stringValue,
                let format = sample["format"]?.stringValue.flatMap(TemplateHeader.Format.init)
            else { return nil }
            return Sample(key: key, format: format, link: link)
        }
    }

    /// Makes the body of the request of a wish.
    ///
    /// - Parameters:
    ///   - wish: What ``wish`` made.
    ///   - handles: The handles of its files, by their keys.
    /// - Returns: The body.
    public static func request(ofWish wish: JSONValue, handles: [String: String]) -> JSONValue {
        guard var fields = wish.fields else { return wish }
        fields["samples"] = nil
        fields["components"] = components(fields["components"], prefix: "", handles)
        return .object(fields)
    }

    private static func components(_ list: JSONValue?, prefix: String, _ handles: [String: String]) -> JSONValue? {
        guard let items = list?.arrayValue else { return list }
        return .array(
            items.map { component in
                guard var fields = component.fields else { return component }
                switch component["type"] {
                case "HEADER":
                    if let handle = handles["\(prefix)header"] {
                        fields["example"] = ["header_handle": [.string(handle)]]
                    }
                case "CAROUSEL":
                    let cards = component["cards"]?.arrayValue ?? []
                    fields["cards"] = .array(
                        cards.enumerated().map { index, card in
                            guard var parts = card.fields else { return card }
                            let prefix = TemplateParameter.prefix(index)
                            parts["components"] = components(parts["components"], prefix: prefix, handles)
                            return .object(parts)
                        }
                    )
                default: break
                }
                return .object(fields)
            }
        )
    }

    /// The body of the request that creates the template.
    public var request: JSONValue {
        var fields: JSONObject = [
            "name": .string(spec.whatsappName), "category": .string(spec.category.rawValue.uppercased()),
            "components": components,
        ]
        fields["language"] = spec.language.map(JSONValue.string)
        if spec.isNamed { fields["parameter_format"] = "NAMED" }
        fields["allow_category_change"] = spec.allowCategoryChange.map(JSONValue.bool)
        fields["message_send_ttl_seconds"] = lifetime.map(JSONValue.integer)
        return .object(fields)
    }

    /// The request with the files that it needs under `samples`, by their keys: what a reconcile wishes.
    public var wish: JSONValue {
        let samples = Self.samples(of: spec)
        guard var fields = request.fields, !samples.isEmpty else { return request }
        fields["samples"] = .object(
            Dictionary(samples.map { ($0.key, ["format": .string($0.format.rawValue), "link": .string($0.link)]) }) {
                first,
                _ in first
            }
        )
        return .object(fields)
    }

    /// Returns true if a wish that was stored, perhaps by another version, is for this template as it is now.
    package func isWished(by other: JSONValue) -> Bool {
        let own = wish
        guard own != other else { return true }
        func samples(_ wish: JSONValue) -> [Sample] { Self.samples(ofWish: wish).sorted { $0.key < $1.key } }
        let comparison = TemplateComparison(
            of: own,
            with: other["components"] ?? [],
            parameterFormat: other["parameter_format"]?.stringValue,
            ttlSeconds: other["message_send_ttl_seconds"]?.integerValue
        )
        return comparison.isEqual && samples(own) == samples(other)
            && own["category"]?.stringValue?.uppercased() == other["category"]?.stringValue?.uppercased()
    }

    /// The lifetime in seconds; 30 days are -1 where they are beyond the range of the category.
    private var lifetime: Int? {
        spec.ttl.map { $0.seconds == 30 * 86_400 && !spec.category.isMarketing ? -1 : $0.seconds }
    }

    /// The parts, as the list `components`.
    public var components: JSONValue {
        if let otp = spec.otp { return .array(Self.components(of: otp)) }
        var list: [JSONValue] = []
        if let header = spec.top { list.append(self.header(header)) }
        list.append(body(spec.body))
        if let footer = spec.footer { list.append(["type": "FOOTER", "text": .string(footer)]) }
        if spec.callPermission == true { list.append(["type": "CALL_PERMISSION_REQUEST"]) }
        if let offer = spec.offer {
            let content: JSONValue = ["text": .string(offer.text), "has_expiration": .bool(offer.expires)]
            list.append(["type": "LIMITED_TIME_OFFER", "limited_time_offer": content])
        }
        if !spec.buttons.isEmpty { list.append(buttons(spec.buttons)) }
        if !spec.cards.isEmpty {
            let cards = spec.cards.enumerated().map { index, card -> JSONValue in
                var parts = [header(card.header, card: index)]
                if let body = card.body { parts.append(self.body(body, card: index)) }
                parts.append(buttons(card.buttons, card: index))
                return ["components": .array(parts)]
            }
            list.append(["type": "CAROUSEL", "cards": .array(cards)])
        }
        return .array(list)
    }

    private func header(_ header: TemplateHeader, card: Int? = nil) -> JSONValue {
        let prefix = card.map(TemplateParameter.prefix) ?? ""
        var fields: JSONObject = ["type": "HEADER"]
        switch header {
        case .text(let text):
            (fields["format"], fields["text"]) = ("TEXT", .string(text))
            fields["example"] = example(
                .header,
                card: card,
                positional: { ["header_text": .array($0)] },
                named: "header_text_named_params"
            )
        case .location: fields["format"] = "LOCATION"
        case .product: fields["format"] = "PRODUCT"
        case .medium(let format, _):
            fields["format"] = .string(format.rawValue.uppercased())
            fields["example"] = handles["\(prefix)header"].map { ["header_handle": [.string($0)]] }
        }
        return .object(fields)
    }

    private func body(_ text: String, card: Int? = nil) -> JSONValue {
        var fields: JSONObject = ["type": "BODY", "text": .string(text)]
        fields["example"] = example(
            .body,
            card: card,
            positional: { ["body_text": [.array($0)]] },
            named: "body_text_named_params"
        )
        return .object(fields)
    }

    /// Makes the examples of a text; `nil` if it has no variables, or not all have an example.
    private func example(
        _ part: TemplateParameter.Part,
        card: Int?,
        positional: ([JSONValue]) -> JSONValue,
        named: String
    ) -> JSONValue? {
        let parameters = spec.parameters.filter { $0.part == part && $0.card == card }
        let texts = parameters.compactMap { spec.examples?[$0.key].map(JSONValue.string) }
        guard !texts.isEmpty, texts.count == parameters.count else { return nil }
        guard parameters[0].name != nil else { return positional(texts) }
        return [
            named: .array(
                zip(parameters, texts).map { ["param_name": .string($0.name ?? ""), "example": $1] }
            )
        ]
    }

    private func buttons(_ buttons: [TemplateButton], card: Int? = nil) -> JSONValue {
        let prefix = card.map(TemplateParameter.prefix) ?? ""
        let list = buttons.enumerated().map { index, button in
            Self.button(button, example: spec.examples?["\(prefix)button.\(index)"])
        }
        return ["type": "BUTTONS", "buttons": .array(list)]
    }

    private static func button(_ button: TemplateButton, example: String?) -> JSONValue {
        var fields: JSONObject = ["text": .string(button.text)]
        switch button.kind {
        case .quickReply: fields["type"] = "QUICK_REPLY"
        case .phone: (fields["type"], fields["phone_number"]) = ("PHONE_NUMBER", .string(button.phoneNumber))
        case .catalog: fields["type"] = "CATALOG"
        case .products: fields["type"] = "MPM"
        case .product: fields["type"] = "SPM"
        case .voiceCall: fields["type"] = "VOICE_CALL"
        case .contactInfo: fields = ["type": "REQUEST_CONTACT_INFO"]
        case .url:
            (fields["type"], fields["url"]) = ("URL", .string(button.url))
            if let variable = button.variable, let example {
                let isWhole = example.hasPrefix("https://") || example.hasPrefix("http://")
                // Both forms are documented; the whole address is the one that reviewers can open.
                let filled = button.url.replacing("{{\(variable)}}", with: example)
                fields["example"] = [.string(isWhole ? example : filled)]
            }
        case .copyCode:
            fields["text"] = nil
            fields["type"] = "COPY_CODE"
            fields["example"] = example.map(JSONValue.string)
        case .flow:
            (fields["type"], fields["flow_id"]) = ("FLOW", .string(button.flowId))
            fields["flow_action"] = button.flowAction == .navigate ? "navigate" : "data_exchange"
            fields["navigate_screen"] = button.screen.map(JSONValue.string)
        }
        return .object(fields)
    }

    private static func components(of otp: TemplateOTP) -> [JSONValue] {
        var list: [JSONValue] = [
            ["type": "BODY", "add_security_recommendation": .bool(otp.securityRecommendation)]
        ]
        if let expiry = otp.codeExpiry {
            list.append(["type": "FOOTER", "code_expiration_minutes": .integer(expiry.seconds / 60)])
        }
        var button: JSONObject = ["type": "OTP", "otp_type": .string(otp.delivery.word)]
        button["text"] = otp.text.map(JSONValue.string)
        button["autofill_text"] = otp.autofillText.map(JSONValue.string)
        if !otp.apps.isEmpty {
            let apps = otp.apps.map { app -> JSONValue in
                ["package_name": .string(app.package), "signature_hash": .string(app.signature)]
            }
            button["supported_apps"] = .array(apps)
        }
        if otp.delivery == .zeroTap { button["zero_tap_terms_accepted"] = .bool(otp.acceptsTerms) }
        return list + [["type": "BUTTONS", "buttons": [.object(button)]]]
    }
}

extension TemplateOTP.Delivery {
    /// Meta's word.
    fileprivate var word: String {
        switch self {
        case .copyCode: "COPY_CODE"
        case .oneTap: "ONE_TAP"
        case .zeroTap: "ZERO_TAP"
        }
    }
}

extension TemplateSpec {
    /// Returns the template under another name at WhatsApp.
    public func named(atWhatsApp name: String) -> TemplateSpec {
        var spec = self
        spec.whatsappName = name
        return spec
    }
}

/// The names that templates get when WhatsApp does not let them keep theirs: `welcome_offer_v2`, then `_v3`, and so on.
///
/// A name that ends so already goes on from there: `welcome_offer_v2` becomes `welcome_offer_v3`.
public enum TemplateVersion {
    private static let longest = 512

    /// Returns the name of a version of a template; that of the file for 1.
    public static func name(_ number: Int, of base: String) -> String {
        guard number > 1 else { return base }
        let (root, first) = parts(of: base)
        let end = "_v\(first + number - 1)"
        return root.prefix(longest - end.utf8.count) + end
    }

    /// Returns the number of a version; 1 for the name in the file, `nil` for any other name.
    public static func number(of name: String, base: String) -> Int? {
        if name == base { return 1 }
        guard let end = version(endOf: name) else { return nil }
        let number = end.number - parts(of: base).first + 1
        return number > 1 && Self.name(number, of: base) == name ? number : nil
    }

    /// Splits a name into what all versions begin with, and its own number.
    private static func parts(of base: String) -> (root: Substring, first: Int) {
        guard let end = version(endOf: base) else { return (base[...], 1) }
        return (base[..<end.start], end.number)
    }

    /// Finds `_v2` and the like at the end of a name; longer numbers are something else, such as days.
    private static func version(endOf name: String) -> (start: String.Index, number: Int)? {
        guard let mark = name.range(of: "_v", options: .backwards) else { return nil }
        let digits = name[mark.upperBound...]
        guard (1...5).contains(digits.utf8.count), !digits.hasPrefix("0"), digits.allSatisfy(\.isNumber),
            let number = Int(digits)
        else { return nil }
        return (mark.lowerBound, number)
    }
}
