public import JSON
import YAML

/// A message template that is approved by WhatsApp.
public struct TemplateSpec: SpecContent {
    /// The category in which WhatsApp approved the template.
    public enum Category: String, Hashable, Sendable, CaseIterable {
        case marketing, utility, authentication
    }

    public static let kind = SpecKind.template

    static let meaning = "A message template that is approved by WhatsApp."

    static let example = """
        kind: Template
        name: payment-reminder
        whatsappName: payment_reminder
        language: en
        category: utility
        header: Payment reminder
        body: "Hi {{1}}, your payment of {{2}} is overdue. You can settle it with the button below."
        footer: Reply STOP to unsubscribe
        buttons:
          - { type: url, text: Pay now, url: "https://shop.acme.example/pay/{{1}}" }
        """

    static var tenantDefault: TenantDefault<Self>? {
        TenantDefault(field: "language", value: \.language, ofTenant: \.language)
    }

    public let header: SpecHeader
    /// The name in WhatsApp Manager.
    public let whatsappName: String
    /// A code such as `en` or `pt_BR`; never `nil` in a valid catalog, which fills in the default of the tenant.
    public internal(set) var language: String?
    public let category: Category
    /// The text above the body, with at most one variable.
    public let headerText: String?
    public let body: String
    public let footer: String?
    public let buttons: [TemplateButton]
    /// The variables of header, body and buttons, in this order.
    public let parameters: [TemplateParameter]

    /// Makes a template.
    ///
    /// Text with wrong variables counts as plain text here; the reader reports such variables.
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
            // The reader refuses text with wrong variables.
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

    /// All fields; absent texts stay absent.
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

    /// True if a text has lower-case letters, digits and underscores only.
    static func isPlainName(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || byte == UInt8(ascii: "_")
            }
    }
}

extension TemplateSpec: SpecDefinition {
    init?(_ reader: inout FieldReader) {
        let header = SpecHeader(&reader)
        let whatsappName = Self.whatsappName(&reader)
        let language = Self.language(&reader)
        reader.require("category")
        let category = reader.choice("category", of: Category.self)
        let headerText = Self.part(&reader, "header", required: false, upTo: 60, variables: 1)
        let body = Self.part(&reader, "body", required: true, upTo: 1024, variables: nil)
        let footer = Self.part(&reader, "footer", required: false, upTo: 60, variables: 0)
        let buttons = Self.buttons(&reader)
        Self.checkStyle(&reader, header: headerText, body: body)
        guard let header, let whatsappName, let category, let body else { return nil }
        self.init(
            header: header,
            whatsappName: whatsappName,
            language: language,
            category: category,
            headerText: headerText?.value,
            body: body.value,
            footer: footer?.value,
            buttons: buttons
        )
    }

    private static func whatsappName(_ reader: inout FieldReader) -> String? {
        guard let read = reader.text("whatsappName", upTo: 512) else { return nil }
        guard isPlainName(read.value) else {
            let message = "`\(read.value)` is not a template name of WhatsApp"
            let help = "use lower-case letters, digits and underscores"
            reader.sink.report(.templateLimit, at: read.range, field: read.field, message, help: help)
            return nil
        }
        return read.value
    }

    /// Reads `language`, which a tenant can also give for all its templates.
    static func language(_ reader: inout FieldReader) -> String? {
        guard let read = reader.text("language", required: false, upTo: 10) else { return nil }
        let parts = read.value.split(separator: "_", omittingEmptySubsequences: false)
        let isCode =
            (1...2).contains(parts.count) && (2...3).contains(parts[0].utf8.count)
            && parts[0].utf8.allSatisfy { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }
            && parts.dropFirst().allSatisfy { (2...4).contains($0.utf8.count) && $0.allSatisfy(\.isLetter) }
        guard isCode else {
            let message = "`\(read.value)` is not a language code of WhatsApp"
            reader.sink.report(
                .invalidValue,
                at: read.range,
                field: read.field,
                message,
                help: "write it like `en` or `pt_BR`"
            )
            return nil
        }
        return read.value
    }

    /// Reads a text with a limited number of variables.
    private static func part(
        _ reader: inout FieldReader,
        _ key: String,
        required: Bool,
        upTo limit: Int,
        variables: Int?
    ) -> ReadValue<String>? {
        if required { reader.require(key) }
        guard let read = reader.string(key) else { return nil }
        let count = read.value.unicodeScalars.count
        func report(_ message: String, _ help: String?) {
            reader.sink.report(.templateLimit, at: read.range, field: read.field, message, help: help)
        }
        if count == 0 || count > limit {
            report(count == 0 ? "`\(key)` is empty" : "`\(key)` has \(count) characters, more than \(limit)", nil)
            return nil
        }
        do {
            let found = try TemplateVariables(read.value).names.count
            if let variables, found > variables {
                let most = variables == 0 ? "none" : "only one"
                report("`\(key)` has \(found) variables", "WhatsApp allows \(most) there")
                return nil
            }
        } catch {
            report(error.texts.message, error.texts.help)
            return nil
        }
        return read
    }

    /// Checks that header and body of one template are either both positional or both named.
    private static func checkStyle(_ reader: inout FieldReader, header: ReadValue<String>?, body: ReadValue<String>?) {
        // Texts that cannot be parsed were reported and are absent here.
        guard let header, let body, let above = try? TemplateVariables(header.value),
            let below = try? TemplateVariables(body.value), !above.names.isEmpty, !below.names.isEmpty
        else { return }
        if above.isPositional != below.isPositional {
            let texts = TemplateVariables.Problem.mixed.texts
            reader.sink.report(.templateLimit, at: header.range, field: header.field, texts.message, help: texts.help)
        } else if !above.isPositional, above.names.contains(where: below.names.contains) {
            let message = "variable `\(above.names[0])` stands in header and body"
            let help = "give the variable of the header a name of its own"
            reader.sink.report(.templateLimit, at: header.range, field: header.field, message, help: help)
        }
    }
}

extension TemplateSpec {
    /// Reads a template back from a row, without the limits that files must keep.
    ///
    /// The rules for new templates become stricter while old rows stay unchanged. WhatsApp holds the approved texts
    /// itself, so an old template can still be sent.
    ///
    /// - Throws: ``SpecError`` that names the fields, if a field that every template has is missing or has the wrong type.
    public init(stored: JSONValue) throws(SpecError) {
        let sink = DiagnosticSink(file: "")
        guard var reader = FieldReader(stored.node, path: "", what: Self.kind.phrase, sink: sink),
            let spec = Self(stored: &reader), sink.isClean(since: 0)
        else { throw SpecError(diagnostics: sink.diagnostics) }
        self = spec
    }

    private init?(stored reader: inout FieldReader) {
        for key in ["name", "whatsappName", "category", "body"] { reader.require(key) }
        let (name, protect) = (reader.string("name"), reader.bool("protect"))
        let (whatsappName, language) = (reader.string("whatsappName"), reader.string("language"))
        let category = reader.choice("category", of: Category.self)
        let (headerText, body, footer) = (reader.string("header"), reader.string("body"), reader.string("footer"))
        let sink = reader.sink
        let buttons = reader.list("buttons") { node, path in TemplateButton(stored: node, path: path, sink: sink) }
        reader.finishOpen()
        guard let name, let whatsappName, let category, let body else { return nil }
        self.init(
            header: SpecHeader(name: name.value, protect: protect ?? false),
            whatsappName: whatsappName.value,
            language: language?.value,
            category: category,
            headerText: headerText?.value,
            body: body.value,
            footer: footer?.value,
            buttons: buttons?.value ?? []
        )
    }
}

extension TemplateSpec {
    static var schema: SchemaObject {
        SchemaObject(nameFields + textFields)
    }

    static var languageValue: SchemaValue { .text(upTo: 10, pattern: "^[a-z]{2,3}(_[A-Za-z]{2,4})?$") }

    static var categoryValue: SchemaValue {
        .choice(Category.self) { category in
            switch category {
            case .marketing: "Offers, news and everything that fits neither other category."
            case .utility: "A message about something that the recipient did or asked for."
            case .authentication: "Codes for logging in."
            }
        }
    }

    private static var nameFields: [SchemaField] {
        [
            SchemaField(
                "whatsappName",
                .text(upTo: 512, pattern: "^[a-z0-9_]+$"),
                isRequired: true,
                "The name in WhatsApp Manager.",
                examples: "payment_reminder"
            ),
            SchemaField(
                "language",
                languageValue,
                "The code of the language. By default it is `defaults.language` of the tenant.",
                examples: "en",
                "pt_BR"
            ),
            SchemaField(
                "category",
                categoryValue,
                isRequired: true,
                "The category in which WhatsApp approved the template.",
                examples: "utility"
            ),
        ]
    }

    private static var textFields: [SchemaField] {
        [
            SchemaField(
                "header",
                .text(upTo: 60),
                "The text above the body, with at most one variable.",
                examples: "Your visit on {{1}}"
            ),
            SchemaField(
                "body",
                .text(upTo: 1024),
                isRequired: true,
                "The text as it was approved. Its variables are `{{1}}`, `{{2}}`, … or names such as `{{first_name}}`, "
                    + "and campaigns give them values in `params`.",
                examples: "Hi {{1}}, your payment of {{2}} is overdue."
            ),
            SchemaField(
                "footer",
                SchemaValue(
                    ["type": "string", "minLength": 1, "maxLength": 60, "not": ["pattern": "\\{\\{"]],
                    words: "text, up to 60 characters"
                ),
                "The small text below the body, without variables.",
                examples: "Reply STOP to unsubscribe"
            ),
            SchemaField(
                "buttons",
                .list(of: TemplateButton.schema, 0...10),
                default: [],
                "The buttons below the message. At most 2 are of type `url`, and 1 each of `phone` and `copyCode`.",
                examples: [["type": "quickReply", "text": "Tell me more"]]
            ),
        ]
    }
}
