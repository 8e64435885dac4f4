public import JSON

/// A button below a template message.
public enum TemplateButton: Hashable, Sendable {
    case quickReply(text: String)
    /// Opens an address; `{{1}}` at its end is a variable.
    case url(text: String, url: String)
    case phone(text: String, phoneNumber: String)
    /// Copies the code given as parameter.
    case copyCode

    enum Kind: String, CaseIterable {
        case quickReply, url, phone, copyCode
    }

    var kind: Kind {
        switch self {
        case .quickReply: .quickReply
        case .url: .url
        case .phone: .phone
        case .copyCode: .copyCode
        }
    }

    /// Whether a campaign must give the button a value.
    public var hasParameter: Bool {
        switch self {
        case .url(_, let url): url.hasSuffix("{{1}}")
        case .copyCode: true
        case .quickReply, .phone: false
        }
    }

    /// The button as it stands in a spec.
    public var json: JSONValue {
        switch self {
        case .quickReply(let text): ["type": "quickReply", "text": .string(text)]
        case .url(let text, let url): ["type": "url", "text": .string(text), "url": .string(url)]
        case .phone(let text, let number): ["type": "phone", "text": .string(text), "phoneNumber": .string(number)]
        case .copyCode: ["type": "copyCode"]
        }
    }
}
