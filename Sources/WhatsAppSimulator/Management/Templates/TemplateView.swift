import JSON

/// The components of a template as reads have them: not quite what was submitted.
enum TemplateView {
    /// Returns a component as reads have it: handles as addresses, and one-time codes as buttons with an address.
    static func component(_ component: JSONValue, mediaURL: (String) -> String) -> JSONValue {
        guard var fields = component.fields else { return component }
        switch fields["type"]?.stringValue {
        case "HEADER":
            if let handle = fields["example"]?["header_handle"]?[0]?.stringValue {
                fields["example"] = ["header_handle": [.string(mediaURL(handle))]]
            }
        case "BODY":
            if let advises = fields["add_security_recommendation"]?.boolValue {
                let advice = advises ? " For your security, do not share this code." : ""
                fields["text"] = .string("*{{1}}* is your verification code.\(advice)")
                fields["example"] = ["body_text": [["123456"]]]
            }
        case "FOOTER":
            if let minutes = fields["code_expiration_minutes"]?.integerValue {
                fields["text"] = .string("This code expires in \(minutes) minutes.")
            }
        case "BUTTONS":
            fields["buttons"] = .array((fields["buttons"]?.arrayValue ?? []).map(button))
        case "CAROUSEL":
            let cards = fields["cards"]?.arrayValue ?? []
            fields["cards"] = .array(
                cards.map { card in
                    let parts = card["components"]?.arrayValue ?? []
                    return ["components": .array(parts.map { Self.component($0, mediaURL: mediaURL) })]
                }
            )
        default: break
        }
        return .object(fields)
    }

    private static func button(_ button: JSONValue) -> JSONValue {
        guard var fields = button.fields else { return button }
        switch fields["type"]?.stringValue {
        case "OTP":
            let kind = fields["otp_type"]?.stringValue ?? ""
            let url = "https://www.whatsapp.com/otp/code/?otp_type=\(kind)&code=otp"
            return [
                "type": "URL", "text": fields["text"] ?? "Copy code", "url": .string("\(url){{1}}"),
                "example": [.string("\(url)123456")],
            ]
        case "URL":
            // A suffix as an example comes back as the whole address.
            let text = TemplateText(fields["url"]?.stringValue ?? "")
            if let example = fields["example"]?[0]?.stringValue, !text.variables.isEmpty, !example.hasPrefix("http") {
                fields["example"] = [.string("\(text.pieces[0])\(example)")]
            }
        case "PHONE_NUMBER":
            fields["phone_number"] = fields["phone_number"]?.stringValue.map { .string("+" + $0.filter(\.isNumber)) }
        default: break
        }
        return .object(fields)
    }

    /// Returns components as they are kept: kinds in upper case, whatever the case in the request.
    static func normalised(_ components: [JSONValue]) -> [JSONValue] { components.map(normalised) }

    private static func normalised(_ component: JSONValue) -> JSONValue {
        guard var fields = component.fields else { return component }
        for key in ["type", "format", "otp_type"] {
            if let text = fields[key]?.stringValue { fields[key] = .string(text.uppercased()) }
        }
        for key in ["buttons", "cards", "components"] {
            if let items = fields[key]?.arrayValue { fields[key] = .array(items.map(normalised)) }
        }
        // An example of texts may come flat, and is kept nested.
        if let texts = fields["example"]?["body_text"]?.arrayValue, texts.first?.stringValue != nil {
            fields["example"] = ["body_text": [.array(texts)]]
        }
        return .object(fields)
    }

    /// Returns the creative features as a list, in which they come back.
    static func features(_ spec: JSONValue) -> JSONValue? {
        guard let features = spec["creative_features_spec"] else { return nil }
        guard let fields = features.fields else { return features }
        return .array(fields.map { ["key": .string($0.key), "value": $0.value] })
    }
}
