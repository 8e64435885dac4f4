import Calendar
package import JSON

/// A rendered message as its recipient reads it.
///
/// The texts of a template are known from its spec. Of a template without a spec only the parameters are known, and the
/// rest is at WhatsApp.
package struct MessageText: Hashable, Sendable {
    /// A parameter of a template, such as `body.1` or `button.0`.
    package struct Parameter: Hashable, Sendable {
        package let name: String
        package let text: String
    }

    /// The text above the body, or a medium such as `[image] https://…`.
    package private(set) var header: String?
    package private(set) var body: String?
    package private(set) var footer: String?
    /// The labels of the buttons, each with the address, number or code behind it.
    package private(set) var buttons: [String] = []
    /// The parameters as they are sent; empty if the texts of the template are known.
    package private(set) var parameters: [Parameter] = []

    /// Makes the text of a message.
    ///
    /// - Parameters:
    ///   - message: A WhatsApp message whose placeholders were filled.
    ///   - template: The template that it names, if its texts are known.
    package init(message: JSONValue, template: TemplateSpec? = nil) {
        let type = message["type"]?.stringValue ?? "text"
        let content = message[type] ?? .null
        switch type {
        case "text": body = content["body"]?.stringValue
        case "template":
            let components = content["components"]?.arrayValue ?? []
            if let template, content["name"]?.stringValue == template.whatsappName {
                read(template.inLanguage(content["language"]?["code"]?.stringValue), components)
            } else {
                parameters = components.flatMap(Self.parameters)
            }
        case "interactive": readInteractive(content)
        default:
            header = "[\(type)]" + (Self.reference(content).map { " \($0)" } ?? "")
            body = content["caption"]?.stringValue
        }
    }

    /// The parts with their values, for output; absent parts are left out.
    package var json: JSONValue {
        var fields: [String: JSONValue] = [:]
        fields["header"] = header.map(JSONValue.string)
        fields["body"] = body.map(JSONValue.string)
        fields["footer"] = footer.map(JSONValue.string)
        if !buttons.isEmpty { fields["buttons"] = .array(buttons.map(JSONValue.string)) }
        if !parameters.isEmpty {
            fields["parameters"] = .array(
                parameters.map { ["name": .string($0.name), "text": .string($0.text)] }
            )
        }
        return .object(fields)
    }

    /// All lines, in the order in which a phone shows them.
    package var lines: [String] {
        var lines: [String] = []
        for text in [header, body, footer] {
            guard let text else { continue }
            lines += text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        }
        lines += parameters.map { "\($0.name): \($0.text)" }
        return lines + buttons.map { "[\($0)]" }
    }

    private mutating func readInteractive(_ content: JSONValue) {
        header = content["header"].map { header in
            header["text"]?.stringValue
                ?? "[\(header["type"]?.stringValue ?? "header")]"
                + (header["type"]?.stringValue.flatMap { header[$0] }.flatMap(Self.reference).map { " \($0)" } ?? "")
        }
        body = content["body"]?["text"]?.stringValue
        footer = content["footer"]?["text"]?.stringValue
        let action = content["action"] ?? .null
        buttons = (action["buttons"]?.arrayValue ?? []).compactMap { $0["reply"]?["title"]?.stringValue }
        let settings = action["parameters"] ?? .null
        if let label = settings["display_text"]?.stringValue {
            buttons.append(Self.button(label, settings["url"]?.stringValue))
        }
        if let label = action["button"]?.stringValue {
            let rows = (action["sections"]?.arrayValue ?? []).flatMap { $0["rows"]?.arrayValue ?? [] }
            buttons.append(Self.button(label, rows.compactMap { $0["title"]?.stringValue }.joined(separator: ", ")))
        }
    }

    private mutating func read(_ template: TemplateSpec, _ components: [JSONValue]) {
        if template.otp != nil { return readCode(components) }
        let parts = Parts(template.parts(of: nil), components)
        (header, body, footer, buttons) = (parts.header, parts.body ?? "", template.footer, parts.buttons)
        if let offer = template.offer {
            let ends = components.first { $0["type"]?.stringValue?.lowercased() == "limited_time_offer" }
                .flatMap {
                    $0["parameters"]?.arrayValue?.first?["limited_time_offer"]?["expiration_time_ms"]?.integerValue
                }
            body = "[\(offer.text)\(ends.map { " until \(Instant(seconds: $0 / 1_000))" } ?? "")]\n\(body ?? "")"
        }
        let cards = components.first { $0["type"]?.stringValue?.lowercased() == "carousel" }?["cards"]?.arrayValue ?? []
        for (index, card) in template.cards.indices.enumerated() {
            let given = index < cards.count ? cards[index]["components"]?.arrayValue ?? [] : []
            let parts = Parts(template.parts(of: card), given)
            let texts = [parts.header, parts.body].compactMap(\.self) + parts.buttons.map { "[\($0)]" }
            buttons.append("card \(card + 1): " + texts.joined(separator: " "))
        }
    }

    /// Shows the code, whose text is WhatsApp's own in each language.
    private mutating func readCode(_ components: [JSONValue]) {
        body = components.first { $0["type"]?.stringValue?.lowercased() == "body" }?["parameters"]?.arrayValue?.first
            .flatMap(Self.text).map { "[code] \($0)" }
        buttons = ["Copy code"]
    }

    /// The texts of a template, or of one card, with the values of a message.
    private struct Parts {
        var header: String?
        var body: String?
        var buttons: [String] = []

        init(
            _ parts: (header: TemplateHeader?, body: String?, buttons: [TemplateButton]),
            _ components: [JSONValue]
        ) {
            func parameters(_ type: String) -> [JSONValue] {
                components.first { $0["type"]?.stringValue?.lowercased() == type }?["parameters"]?.arrayValue ?? []
            }
            func values(_ type: String) -> [String: String] {
                var values: [String: String] = [:]
                for (index, parameter) in parameters(type).enumerated() {
                    values[parameter["parameter_name"]?.stringValue ?? String(index + 1)] = MessageText.text(parameter)
                }
                return values
            }
            switch parts.header {
            case nil: break
            case .text(let text): header = TemplateVariables.filled(text, values("header"))
            case .medium(let format, _):
                header = parameters("header").first.flatMap(MessageText.text) ?? "[\(format.rawValue)]"
            case .location:
                let place = parameters("header").first?["location"]
                let words = ["name", "address", "latitude", "longitude"].compactMap { place?[$0]?.stringValue }
                header = (["[location]"] + words).joined(separator: " ")
            case .product:
                let product = parameters("header").first?["product"]?["product_retailer_id"]?.stringValue
                header = (["[product]"] + [product].compactMap(\.self)).joined(separator: " ")
            }
            body = parts.body.map { TemplateVariables.filled($0, values("body")) }
            buttons = parts.buttons.enumerated().map { index, button in
                let parameter = components.first {
                    $0["type"]?.stringValue?.lowercased() == "button" && MessageText.index($0) == String(index)
                }
                let value = (parameter?["parameters"]?.arrayValue?.first).flatMap(MessageText.text)
                let fields = button.json
                let values = [button.variable ?? "1": value].compactMapValues(\.self)
                let target = fields["url"]?.stringValue.map { TemplateVariables.filled($0, values) }
                let isCode = fields["type"] == "copyCode"
                return MessageText.button(
                    fields["text"]?.stringValue ?? (isCode ? "Copy code" : "Share contact info"),
                    isCode ? value : target ?? fields["phoneNumber"]?.stringValue
                )
            }
        }
    }

    private static func button(_ label: String, _ target: String?) -> String {
        target.map { "\(label): \($0)" } ?? label
    }

    private static func index(_ component: JSONValue) -> String? {
        component["index"].flatMap { $0.stringValue ?? $0.integerValue.map(String.init) }
    }

    private static func parameters(_ component: JSONValue) -> [Parameter] {
        let type = component["type"]?.stringValue?.lowercased() ?? "component"
        let values = component["parameters"]?.arrayValue ?? []
        return values.enumerated().map { number, value in
            let key = value["parameter_name"]?.stringValue ?? String(number + 1)
            let name = type == "button" ? "button.\(index(component) ?? key)" : "\(type).\(key)"
            return Parameter(name: name, text: text(value) ?? value.canonicalText)
        }
    }

    /// Returns the text of a parameter, or what it names.
    private static func text(_ parameter: JSONValue) -> String? {
        let type = parameter["type"]?.stringValue ?? "text"
        let value = parameter[type]
        return value?.stringValue ?? value?["fallback_value"]?.stringValue
            ?? value.flatMap(reference).map { "[\(type)] \($0)" } ?? parameter["text"]?.stringValue
    }

    /// Returns the address or the id of a medium.
    private static func reference(_ medium: JSONValue) -> String? {
        medium["link"]?.stringValue ?? medium["id"]?.stringValue
    }
}

extension TemplateVariables {
    /// Replaces the variables of a text that have a value; others stay as they are written.
    fileprivate static func filled(_ text: String, _ values: [String: String]) -> String {
        let source = PlaceholderText(text)
        var filled = ""
        var start = 0
        while let open = source.pair(PlaceholderText.open, from: start),
            let close = source.pair(PlaceholderText.close, from: open + 2)
        {
            let name = source.text((open + 2)..<close)
            filled += source.text(start..<open) + (values[name] ?? source.text(open..<(close + 2)))
            start = close + 2
        }
        return filled + source.text(start..<source.count)
    }
}
