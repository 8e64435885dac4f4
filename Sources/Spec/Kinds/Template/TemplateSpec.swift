public import JSON

/// A message template that is approved by WhatsApp.
public struct TemplateSpec: SpecContent {
    /// What WhatsApp approved the template for.
    public enum Category: String, Hashable, Sendable, CaseIterable {
        case marketing, utility, authentication
    }

    public static let kind = SpecKind.template

    public let header: SpecHeader
    /// The name in WhatsApp Manager.
    public let whatsappName: String
    /// A code such as `en` or `pt_BR`; `nil` takes the tenant's, and never comes out of a valid catalog.
    public internal(set) var language: String?
    public let category: Category
    /// The text above the body, with at most one variable.
    public let headerText: String?
    public let body: String
    public let footer: String?
    public let buttons: [TemplateButton]
    /// The variables of header, body and buttons, in this order.
    public let parameters: [TemplateParameter]

    /// Makes a template; reports of wrong variables are the reader's, so what cannot be parsed counts as text here.
    public init(
        header: SpecHeader,
        whatsappName: String,
        language: String?,
        category: Category,
        headerText: String? = nil,
        body: String,
        footer: String? = nil,
        buttons: [TemplateButton] = []
    ) {
        self.header = header
        self.whatsappName = whatsappName
        self.language = language
        self.category = category
        self.headerText = headerText
        self.body = body
        self.footer = footer
        self.buttons = buttons
        parameters = Self.parameters(header: headerText, body: body, buttons: buttons)
    }

    private static func parameters(header: String?, body: String, buttons: [TemplateButton]) -> [TemplateParameter] {
        func variables(_ text: String?, _ part: TemplateParameter.Part) -> [TemplateParameter] {
            // Text with wrong variables never gets past the reader.
            guard let text, let found = try? TemplateVariables(text) else { return [] }
            return found.names.map { name in
                guard found.isPositional else { return TemplateParameter(key: name, part: part, name: name) }
                return TemplateParameter(key: part == .header ? "header" : name, part: part)
            }
        }
        let buttonParameters = buttons.enumerated().filter { $0.element.hasParameter }.map { index, _ in
            TemplateParameter(key: "button.\(index)", part: .button(index))
        }
        return variables(header, .header) + variables(body, .body) + buttonParameters
    }

    /// All fields; texts that the spec does not have are absent.
    public var canonical: JSONValue {
        var fields = header.canonicalFields
        fields["whatsappName"] = .string(whatsappName)
        fields["language"] = language.map(JSONValue.string)
        fields["category"] = .string(category.rawValue)
        if let headerText { fields["header"] = .string(headerText) }
        fields["body"] = .string(body)
        if let footer { fields["footer"] = .string(footer) }
        fields["buttons"] = .array(buttons.map(\.json))
        return .object(fields)
    }

    /// Whether a text has lower-case letters, digits and underscores only.
    static func isPlainName(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || byte == UInt8(ascii: "_")
            }
    }
}
