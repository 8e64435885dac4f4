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
        examples: { "1": Ada, "2": "KES 4,500", button.0: inv-1047 }
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
    /// The part above the body.
    public internal(set) var top: TemplateHeader?
    /// Empty for a template with `otp`, whose texts are WhatsApp's own.
    public internal(set) var body = ""
    public internal(set) var footer: String?
    public internal(set) var buttons: [TemplateButton] = []
    /// The cards of a carousel; empty for other templates.
    public internal(set) var cards: [TemplateCard] = []
    public internal(set) var offer: TemplateOffer?
    public internal(set) var otp: TemplateOTP?
    /// True if it asks for the permission to call.
    public internal(set) var callPermission: Bool?
    /// Texts for the variables, by the keys of parameters; WhatsApp's reviewers see them.
    public internal(set) var examples: [String: String]?
    /// True if WhatsApp may approve the template in another category.
    public internal(set) var allowCategoryChange: Bool?
    /// The time in which WhatsApp tries to deliver; `nil` is that of the category.
    public internal(set) var ttl: SpecDuration?
    /// The texts in other languages of the same name, by their codes.
    public internal(set) var languages: [String: TemplateTranslation] = [:]
    /// The language of people whose own the template does not have; `nil` is `language`.
    public internal(set) var fallback: String?
    /// The variables of all parts that a campaign gives values, in the order of the parts.
    public internal(set) var parameters: [TemplateParameter] = []

    /// The text above the body, with at most one variable; `nil` for other headers.
    public var headerText: String? { top?.text }

    /// All fields; absent texts stay absent.
    public var canonical: JSONValue { canonicalForm }

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
        Field("header", \.top, .header())
            .says(
                "The part above the body: a text with at most one variable, or a file, a place or a product.",
                examples: "Your visit on {{1}}",
                ["image": "https://shop.acme.example/spring.jpg"]
            ),
        Field("body", \.body, .body)
            .says(
                "The text as it was approved. Its variables are `{{1}}`, `{{2}}`, … or names such as `{{first_name}}`, "
                    + "and campaigns give them values in `params`.",
                examples: "Hi {{1}}, your payment of {{2}} is overdue."
            ),
        Field("footer", \.footer, .part(upTo: 60, variables: 0))
            .says("The small text below the body, without variables.", examples: "Reply STOP to unsubscribe"),
        Field("buttons", \.buttons, .buttons())
            .says(
                "The buttons below the message. At most 2 are of type `url`, and 1 each of the types other than `url` and "
                    + "`quickReply`. Buttons for payments cannot be described.",
                examples: [["type": "quickReply", "text": "Tell me more"]]
            ),
        Field("cards", \.cards, .cards)
            .says(
                "The cards of a carousel, 2 to 10, which people swipe through below the body; for `marketing` only. The "
                    + "parameters of the first card begin with `card.0.`: `card.0.header.link`, `card.0.1`, `card.0.button.1`.",
                examples: [
                    ["header": ["image": true], "buttons": [["type": "quickReply", "text": "Order"]]],
                    ["header": ["image": true], "buttons": [["type": "quickReply", "text": "Order"]]],
                ]
            ),
        Field("offer", \.offer, .mapping)
            .says(
                "Makes it a limited-time offer; for `marketing` only, with a body of at most 600 characters.",
                examples: ["text": "Ends soon!"]
            ),
        Field("callPermission", \.callPermission, .bool)
            .says(
                "Whether it asks for the permission to call; for `marketing` and `utility`, without buttons, cards and offers.",
                examples: true
            ),
        Field("otp", \.otp, .mapping)
            .says(
                "Makes it a message with a code, in WhatsApp's own words; for `authentication` only. Campaigns give the `code`.",
                examples: ["type": "copyCode", "codeExpiry": "10m"]
            ),
        Field("examples", \.examples, .examples)
            .says(
                "A text for each variable, by the key that it has in `params`: WhatsApp's reviewers see them. Required if the "
                    + "template belongs to an `Account`. A file that each campaign gives has the link to a sample, as "
                    + "`header.link`.",
                examples: ["1": "Ada", "button.0": "spring-2045"]
            ),
        Field("allowCategoryChange", \.allowCategoryChange, .bool)
            .says(
                "Whether WhatsApp may approve the template in another category; since April 2025 it does in any case.",
                examples: true
            ),
        Field("languages", \.languages, .languages)
            .says(
                "The texts in other languages, by their codes: at WhatsApp these are templates of the same name. Each has the "
                    + "parts and the variables of this one. People get the language that `metadata.language` of their contact "
                    + "names, unless the campaign gives `language`.",
                examples: ["pt_BR": ["body": "Oi {{1}}, seu pagamento de {{2}} venceu."]]
            ),
        Field("fallback", \.fallback, .language)
            .says(
                "The language for people whose own is not there. By default it is `language`.",
                examples: "en"
            ),
        Field("ttl", \.ttl, .duration(from: SpecDuration(seconds: 30), upToDays: 30))
            .says(
                "How long WhatsApp tries to deliver: `30s` to `15m` for `authentication`, `30s` to `12h` for `utility`, `30d` "
                    + "for both, and `12h` to `30d` for `marketing`. By default it is WhatsApp's.",
                examples: "12h"
            ),
    ]

    static let rules = [
        SchemaRule.anyOf(["body", "otp"]),
        SchemaRule.excludes("otp", "body", with: ["header", "footer", "cards", "offer"], label: label),
        SchemaRule.excludes("cards", "header", with: ["footer", "offer"], label: "it is a carousel"),
        SchemaRule.excludes("offer", "footer", label: "it is a limited-time offer"),
    ]

    private static let label = "the texts are WhatsApp's own"

    mutating func complete(_ reader: FieldReader, isWhole: Bool) -> Bool {
        parameters = TemplateParameter.all(of: self)
        if !reader.sink.isStored {
            checkStyle(reader)
            TemplateLimits(spec: self).check(reader)
            checkLanguages(reader)
        }
        return reader.has("body") && !body.isEmpty || otp != nil || reader.sink.isStored && reader.has("body")
    }

    /// Checks that header and body are either both positional or both named.
    func checkStyle(_ reader: FieldReader) {
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
            help: "write it like `en` or `pt_BR`",
            isValid: isLanguage
        )
    }

    /// Returns true for the code of a language in WhatsApp's form.
    static func isLanguage(_ text: String) -> Bool {
        let parts = text.split(separator: "_", omittingEmptySubsequences: false)
        return (1...2).contains(parts.count) && (2...3).contains(parts[0].utf8.count)
            && parts[0].utf8.allSatisfy { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }
            && parts.dropFirst().allSatisfy { (2...4).contains($0.utf8.count) && $0.allSatisfy(\.isLetter) }
    }

    /// Reads a text of a template, with a limited number of variables; `nil` means any number.
    static func part(upTo limit: Int, variables: Int? = nil) -> Self {
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
        if ParameterText.isBlank(read.value) {
            report("`\(key)` is blank", "write a text")
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

extension FieldCodec<String> {
    /// Reads a short text that is shown, and so neither empty nor blank.
    static func label(upTo limit: Int) -> Self {
        let text = text(upTo: limit)
        return Self(
            schema: text.schema,
            read: { reader, key in
                guard let label = text.read(&reader, key) else { return nil }
                guard !reader.sink.isStored, ParameterText.isBlank(label), let place = reader.peek(key) else {
                    return label
                }
                let message = "`\(key)` is blank"
                reader.sink.report(.templateLimit, at: place.range, field: place.field, message, help: "write a text")
                return nil
            },
            json: text.json
        )
    }

    /// The body of a template; left out if it is empty, as that of a template with `otp` is.
    fileprivate static var body: Self {
        let part = part(upTo: 1024)
        return Self(schema: part.schema, read: part.read, json: { $0.isEmpty ? nil : .string($0) })
    }
}

extension FieldCodec<[String: String]> {
    /// Reads texts by the keys of parameters; which keys exist is checked with the template.
    static var examples: Self {
        Self(
            schema: .mapping(to: .text()),
            read: { reader, key in
                guard let read = reader.node(key) else { return nil }
                guard let mapping = read.node.mapping else {
                    reader.sink.reportWrongType(of: read.node, field: read.field, expected: "a mapping")
                    return nil
                }
                var texts: [String: String] = [:]
                for pair in mapping.pairs {
                    let field = "\(read.field).\(pair.key)"
                    guard let text = reader.sink.string(pair.value, field: field) else { continue }
                    if text.value.isEmpty, !reader.sink.isStored {
                        reader.sink.report(.invalidValue, at: text.range, field: field, "the example is empty")
                    }
                    texts[pair.key] = text.value
                }
                return texts
            },
            json: { $0.isEmpty ? nil : .object($0.mapValues(JSONValue.string)) }
        )
    }
}
