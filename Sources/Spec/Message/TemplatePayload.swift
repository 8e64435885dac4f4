import Calendar
import JSON

/// The part of a template message that holds the values of a campaign.
struct TemplatePayload {
    let template: TemplateSpec
    let params: [String: String]

    /// The list `components`, as the Cloud API takes it; parts without a value are left out.
    var components: [JSONValue] {
        if template.otp != nil { return code }
        var list = parts(of: nil)
        if !template.cards.isEmpty {
            let cards = template.cards.indices.map { index -> JSONValue in
                ["card_index": .integer(index), "components": .array(parts(of: index))]
            }
            list.append(["type": "carousel", "cards": .array(cards)])
        }
        return list
    }

    /// The code stands in the body and in the button, which WhatsApp takes as a URL.
    private var code: [JSONValue] {
        let parameter: JSONValue = ["type": "text", "text": .string(params["code"] ?? "")]
        return [
            ["type": "body", "parameters": [parameter]],
            ["type": "button", "sub_type": "url", "index": "0", "parameters": [parameter]],
        ]
    }

    private func parts(of card: Int?) -> [JSONValue] {
        let parts = template.parts(of: card)
        let prefix = card.map(TemplateParameter.prefix) ?? ""
        var list: [JSONValue] = []
        switch parts.header {
        case nil: break
        case .text: list += texts(.header, "header", card)
        case .location: list.append(["type": "header", "parameters": [location(prefix)]])
        case .product: list.append(["type": "header", "parameters": [product(prefix)]])
        case .medium(let format, let medium):
            list.append(["type": "header", "parameters": [self.medium(format, medium, prefix)]])
        }
        list += texts(.body, "body", card)
        if card == nil, let ends = expiry {
            let parameter: JSONValue = [
                "type": "limited_time_offer", "limited_time_offer": ["expiration_time_ms": .integer(ends)],
            ]
            list.append(["type": "limited_time_offer", "parameters": [parameter]])
        }
        for (index, button) in parts.buttons.enumerated() {
            let key = "\(prefix)button.\(index)"
            guard let parameter = Self.parameter(button, params[key], thumbnail: params["\(key).thumbnail"]) else {
                continue
            }
            list.append([
                "type": "button", "sub_type": .string(button.kind.word), "index": .string(String(index)),
                "parameters": [parameter],
            ])
        }
        return list
    }

    private func texts(_ part: TemplateParameter.Part, _ type: String, _ card: Int?) -> [JSONValue] {
        let parameters = template.parameters.filter { $0.part == part && $0.card == card }.map {
            parameter -> JSONValue in
            var object: JSONObject = ["type": "text", "text": .string(params[parameter.key] ?? "")]
            if let name = parameter.name { object["parameter_name"] = .string(name) }
            return .object(object)
        }
        return parameters.isEmpty ? [] : [["type": .string(type), "parameters": .array(parameters)]]
    }

    private func location(_ prefix: String) -> JSONValue {
        var place: JSONObject = [:]
        for name in ["latitude", "longitude", "name", "address"] {
            place[name] = params["\(prefix)header.\(name)"].map(JSONValue.string)
        }
        return ["type": "location", "location": .object(place)]
    }

    private func product(_ prefix: String) -> JSONValue {
        let product: JSONValue = [
            "product_retailer_id": .string(params["\(prefix)header.product"] ?? ""),
            "catalog_id": .string(params["\(prefix)header.catalog"] ?? ""),
        ]
        return ["type": "product", "product": product]
    }

    private func medium(
        _ format: TemplateHeader.Format,
        _ standard: TemplateHeader.Medium?,
        _ prefix: String
    ) -> JSONValue {
        var file: JSONObject = [:]
        if let link = params["\(prefix)header.link"] {
            file["link"] = .string(link)
        } else if let id = params["\(prefix)header.id"] {
            file["id"] = .string(id)
        } else {
            switch standard {
            case .link, .file, .stored: file["link"] = standard.map { .string($0.text) }
            case .id(let id): file["id"] = .string(id)
            case nil: break
            }
        }
        file["filename"] = params["\(prefix)header.filename"].map(JSONValue.string)
        return ["type": .string(format.rawValue), format.rawValue: .object(file)]
    }

    /// The end of the offer in milliseconds since 1970.
    private var expiry: Int? {
        guard template.offer?.expires == true else { return nil }
        return params["offer.expires"].flatMap { Instant($0) }.map { $0.seconds * 1_000 }
    }

    private static func parameter(_ button: TemplateButton, _ text: String?, thumbnail: String?) -> JSONValue? {
        switch button.kind {
        case .url: button.hasParameter ? ["type": "text", "text": .string(text ?? "")] : nil
        case .copyCode: ["type": "coupon_code", "coupon_code": .string(text ?? "")]
        case .quickReply, .voiceCall: text.map { ["type": "payload", "payload": .string($0)] }
        case .phone, .product, .contactInfo: nil
        case .products: ["type": "action", "action": ProductList(text ?? "").action(thumbnail: thumbnail)]
        // WhatsApp takes a flow button only with an action, even if there is nothing to tell it.
        case .flow: ["type": "action", "action": text.map { ["flow_token": .string($0)] } ?? .object([:])]
        case .catalog: text.map { ["type": "action", "action": ["thumbnail_product_retailer_id": .string($0)]] }
        }
    }
}

extension TemplateButton.Kind {
    /// The word for it in messages.
    var word: String {
        switch self {
        case .quickReply: "quick_reply"
        case .url: "url"
        case .phone: "phone_number"
        case .copyCode: "copy_code"
        case .flow: "flow"
        case .catalog: "catalog"
        case .products: "mpm"
        case .product: "spm"
        case .voiceCall: "voice_call"
        case .contactInfo: "request_contact_info"
        }
    }
}

/// A value in `params` that the Cloud API would refuse.
struct ParameterFault: Hashable {
    let key: String
    let message: String
    let help: String

    func diagnostic(at place: SourcePlace) -> Diagnostic {
        Diagnostic(.parameterValue, at: place, field: "params.\(key)", message, help: help)
    }
}

extension TemplateSpec {
    /// Returns what is certainly wrong with the values of parameters; values of placeholders are not known.
    func faults(in params: [String: String]) -> [ParameterFault] {
        parameters.compactMap { parameter in
            guard let text = params[parameter.key],
                let fault = Self.fault(of: text, parameter, in: parts(of: parameter.card).header)
            else { return nil }
            return ParameterFault(key: parameter.key, message: "`\(parameter.key)` \(fault.message)", help: fault.help)
        } + couponFaults(in: params) + linkFaults(in: params) + productFaults(in: params)
    }

    /// Finds lists of products that WhatsApp refuses.
    private func productFaults(in params: [String: String]) -> [ParameterFault] {
        buttons.indices.compactMap { index in
            let key = "button.\(index)"
            guard buttons[index].kind == .products, let text = params[key], let fault = ProductList(text).fault else {
                return nil
            }
            return ParameterFault(key: key, message: "`\(key)` \(fault.message)", help: fault.help)
        }
    }

    /// The most characters of a code to copy.
    var longestCoupon: Int { offer == nil ? 20 : 15 }

    private func couponFaults(in params: [String: String]) -> [ParameterFault] {
        buttons.enumerated().compactMap { index, button in
            let key = "button.\(index)"
            guard button.kind == .copyCode, let text = params[key], !text.contains("{{"), text.count > longestCoupon
            else { return nil }
            let message = "`\(key)` has \(text.count) characters"
            return ParameterFault(key: key, message: message, help: "WhatsApp takes at most \(longestCoupon)")
        }
    }

    /// Finds blanks in links; those of values are not known.
    private func linkFaults(in params: [String: String]) -> [ParameterFault] {
        parameters.filter { $0.part == .medium && $0.name == "link" }.compactMap { parameter in
            guard let text = params[parameter.key], text.hasPrefix("http") else { return nil }
            let hasBlank = TextTemplate.parse(text).template.segments.contains { segment in
                guard case .literal(let text) = segment else { return false }
                return text.unicodeScalars.contains(where: \.properties.isWhitespace)
            }
            guard hasBlank else { return nil }
            return ParameterFault(
                key: parameter.key,
                message: "`\(parameter.key)` has a blank",
                help: "write `%20` in place of it"
            )
        }
    }

    private static func fault(
        of text: String,
        _ parameter: TemplateParameter,
        in header: TemplateHeader?
    ) -> (message: String, help: String)? {
        let start = String(text.prefix { $0 != "{" })
        let isFixed = start == text
        switch (parameter.part, parameter.name) {
        case (.expiry, _):
            guard Instant(text) == nil || !text.contains("T") else { return nil }
            let help = "write it like `2045-12-01T20:00:00Z`; placeholders are not possible here"
            return ("is not a time with its zone", help)
        case (.medium, "link"):
            if let file = MediaReference(text) {
                guard let format = header?.format, format != file.format else { return nil }
                return ("is a file of type `\(file.type)`, and the header is \(format.phrase)", "name \(format.phrase)")
            }
            let isLink = ["https://", "http://"].contains { start.hasPrefix($0) || !isFixed && $0.hasPrefix(start) }
            return isLink
                ? nil : ("is not a link", "start it with `https://`; the id of an uploaded file is `header.id`")
        case (.medium, "id"):
            let isID = start.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            return isID ? nil : ("is not the id of a file", "it has digits only; an address is `header.link`")
        case (.location, "latitude"), (.location, "longitude"):
            let limit = parameter.name == "latitude" ? 90.0 : 180.0
            guard isFixed else { return nil }
            guard let degrees = Double(text), abs(degrees) <= limit else {
                return ("is not from -\(Int(limit)) to \(Int(limit))", "write degrees with a point, such as `-1.2921`")
            }
            return nil
        case (.product, "catalog"):
            let isID = start.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            return isID ? nil : ("is not the id of a catalog", "it has digits only, as Commerce Manager shows it")
        case (.code, _):
            guard isFixed, text.count > 15 else { return nil }
            return ("has \(text.count) characters", "WhatsApp takes at most 15")
        default: return nil
        }
    }
}
