public import JSON
import YAML

/// A message template that is approved by WhatsApp.
public struct TemplateSpec: AccountMember {
    /// The category in which WhatsApp approved the template.
    public enum Category: String, Hashable, Sendable, CaseIterable, SpecChoice {
        case marketing, utility, authentication

        /// True if people who stopped marketing messages do not get it.
        public var isMarketing: Bool { self == .marketing }

        /// True if people of whom only a user id is known cannot get it: WhatsApp refuses it (code 131062).
        public var needsNumber: Bool { self == .authentication }

        var meaning: String {
            switch self {
            case .marketing: "Offers, news and everything that fits neither other category."
            case .utility: "A message about something that the recipient did or asked for."
            case .authentication: "Codes for logging in."
            }
        }
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

    public internal(set) var header = SpecHeader()
    /// The name in WhatsApp Manager.
    public internal(set) var whatsappName = ""
    /// The account that the template belongs to, by its name; `nil` if the tenant has none.
    public internal(set) var account: String?
    /// A code such as `en` or `pt_BR`; never `nil` in a valid catalog, which fills in the default of the tenant.
    public internal(set) var language: String?
    public internal(set) var category = Category.marketing
    /// The text above the body, with at most one variable.
    public internal(set) var headerText: String?
    public internal(set) var body = ""
    public internal(set) var footer: String?
    public internal(set) var buttons: [TemplateButton] = []
    /// The variables of header, body and buttons, in this order.
    public private(set) var parameters: [TemplateParameter] = []

    /// All fields; absent texts stay absent.
    public var canonical: JSONValue { canonicalForm }

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

    /// Returns true if a text has lower-case letters, digits and underscores only.
    static func isPlainName(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || byte == UInt8(ascii: "_")
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
        let sink = DiagnosticSink(file: "", isStored: true)
        var spec: Self?
        if var reader = FieldReader(stored.node, path: "", what: Self.kind.phrase, sink: sink) {
            spec = Self(&reader)
            reader.finish()
        }
        guard let spec, sink.isClean(since: 0) else { throw SpecError(diagnostics: sink.diagnostics) }
        self = spec
    }
}

extension TemplateSpec: SpecDefinition, SpecMapping {
    static let fields: [Field] = [
        Field("whatsappName", \.whatsappName, .whatsappName).required(keepsDraft: true)
            .says("The name in WhatsApp Manager.", examples: "payment_reminder"),
        Field("account", \.account, .slug)
            .says(
                "The `Account` that the template belongs to, by its name. By default it is the only one of the tenant.",
                examples: "main"
            ),
        Field("language", \.language, .language)
            .says(
                "The code of the language. By default it is `defaults.language` of the tenant.",
                examples: "en",
                "pt_BR"
            ),
        Field("category", \.category, .choice).required(keepsDraft: true)
            .says("The category in which WhatsApp approved the template.", examples: "utility"),
        Field("header", \.headerText, .part(upTo: 60, variables: 1))
            .says("The text above the body, with at most one variable.", examples: "Your visit on {{1}}"),
        Field("body", \.body, .part(upTo: 1024)).required()
            .says(
                "The text as it was approved. Its variables are `{{1}}`, `{{2}}`, … or names such as `{{first_name}}`, "
                    + "and campaigns give them values in `params`.",
                examples: "Hi {{1}}, your payment of {{2}} is overdue."
            ),
        Field("footer", \.footer, .part(upTo: 60, variables: 0))
            .says("The small text below the body, without variables.", examples: "Reply STOP to unsubscribe"),
        Field("buttons", \.buttons, .buttons)
            .says(
                "The buttons below the message. At most 2 are of type `url`, and 1 each of `phone` and `copyCode`.",
                examples: [["type": "quickReply", "text": "Tell me more"]]
            ),
    ]

    mutating func complete(_ reader: FieldReader, isWhole: Bool) -> Bool {
        if !reader.sink.isStored { checkStyle(reader) }
        parameters = Self.parameters(header: headerText, body: body, buttons: buttons)
        return true
    }

    /// Checks that header and body are either both positional or both named.
    private func checkStyle(_ reader: FieldReader) {
        // Texts that cannot be parsed were reported and are absent here.
        guard let headerText, let above = try? TemplateVariables(headerText), let below = try? TemplateVariables(body),
            !above.names.isEmpty, !below.names.isEmpty, let place = reader.peek("header")
        else { return }
        if above.isPositional != below.isPositional {
            let texts = TemplateVariables.Problem.mixed.texts
            reader.sink.report(.templateLimit, at: place.range, field: place.field, texts.message, help: texts.help)
        } else if !above.isPositional, above.names.contains(where: below.names.contains) {
            let message = "variable `\(above.names[0])` stands in header and body"
            let help = "give the variable of the header a name of its own"
            reader.sink.report(.templateLimit, at: place.range, field: place.field, message, help: help)
        }
    }
}

extension FieldCodec<String> {
    fileprivate static var whatsappName: Self {
        text(
            upTo: 512,
            pattern: "^[a-z0-9_]+$",
            form: "a template name of WhatsApp",
            help: "use lower-case letters, digits and underscores",
            code: .templateLimit,
            isValid: TemplateSpec.isPlainName
        )
    }

    /// The code of a language, which a tenant can also give for all its templates.
    static var language: Self {
        text(
            upTo: 10,
            pattern: "^[a-z]{2,3}(_[A-Za-z]{2,4})?$",
            form: "a language code of WhatsApp",
            help: "write it like `en` or `pt_BR`"
        ) { text in
            let parts = text.split(separator: "_", omittingEmptySubsequences: false)
            return (1...2).contains(parts.count) && (2...3).contains(parts[0].utf8.count)
                && parts[0].utf8.allSatisfy { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }
                && parts.dropFirst().allSatisfy { (2...4).contains($0.utf8.count) && $0.allSatisfy(\.isLetter) }
        }
    }

    /// Reads a text of a template, with a limited number of variables; `nil` means any number.
    fileprivate static func part(upTo limit: Int, variables: Int? = nil) -> Self {
        var schema = SchemaValue.text(upTo: limit)
        if variables == 0 { schema.keywords["not"] = ["pattern": "\\{\\{"] }
        return Self(
            schema: schema,
            read: { reader, key in Self.part(&reader, key, upTo: limit, variables: variables) },
            json: JSONValue.string
        )
    }

    /// Reads a text with a limited number of variables.
    private static func part(
        _ reader: inout FieldReader,
        _ key: String,
        upTo limit: Int,
        variables: Int?
    ) -> String? {
        guard let read = reader.string(key) else { return nil }
        if reader.sink.isStored { return read.value }
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
        return read.value
    }
}
