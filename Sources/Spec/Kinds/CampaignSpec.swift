public import JSON
import YAML

/// The way a campaign is started.
public enum CampaignType: String, Hashable, Sendable, CaseIterable, SpecChoice {
    case manual, scheduled
    case eventTriggered = "event_triggered"
    case moduleInitiated = "module_initiated"

    var meaning: String {
        switch self {
        case .manual: "An operator launches it."
        case .scheduled: "A `Schedule` starts it."
        case .eventTriggered: "A `Trigger` sends it to the contact of an event."
        case .moduleInitiated: "Another program starts it and names the recipients."
        }
    }
}

/// A message to an audience, and what starts it.
public struct CampaignSpec: SpecContent {
    /// The source of the message.
    public enum Content: Hashable, Sendable {
        /// A template of the same tenant, by its name, and a text for each of its variables.
        case template(String, params: [String: String])
        /// A WhatsApp message object without a recipient.
        case message(JSONValue)
    }

    /// The recipients of the message.
    public enum Audience: Hashable, Sendable {
        /// An audience of the same tenant, by its name.
        case named(String)
        case filter(AudienceFilter)
    }

    public static let kind = SpecKind.campaign

    static let meaning = "A message to an audience, and what starts it."

    static let example = """
        kind: Campaign
        name: overdue-reminder
        title: Overdue payment reminder
        type: event_triggered
        sender: main
        template: payment-reminder
        params:
          "1": "{{name|there}}"
          "2": "{{context.amount}}"
          button.0: "{{context.invoiceId}}"
        audience: unpaid-vips
        protect: true
        ---
        kind: Campaign
        name: weekly-digest
        title: Weekly digest
        type: scheduled
        sender: main
        message:
          type: text
          text: { body: "Hi {{name|there}}, here is what is new this week." }
        audience:
          conditions:
            - { field: lastSeen, operator: gte, value: "-24h" }
        """

    static var schemaDefinitions: [String: SchemaValue] {
        [
            "Filter": AudienceFilter.schema, "Message": MessageReader.schema,
            "MessageHeader": MessageReader.headerSchema,
        ]
    }

    static var tenantDefault: TenantDefault<Self>? {
        TenantDefault(field: "sender", value: \.sender, ofTenant: \.sender)
    }

    public internal(set) var header = SpecHeader()
    /// The name that people see; by default the slug.
    public internal(set) var title = ""
    public internal(set) var type = CampaignType.manual
    /// A sender of the same tenant, by its name; never `nil` in a valid catalog, which fills in the default of the tenant.
    public internal(set) var sender: String?
    public internal(set) var content = Content.message(.null)
    /// `nil` if an event or a module names the recipients.
    public internal(set) var audience: Audience?
    /// The language of the template that everybody gets; `nil` if each person gets their own.
    public internal(set) var language: String?
    /// The treatment of texts that WhatsApp refuses; `nil` is that of the tenant.
    public internal(set) var templateText: TemplateText?
    /// The reaction when WhatsApp caps a person; `nil` is that of the tenant.
    public internal(set) var onUserCap: UserCap?
    /// True if a launch waits until WhatsApp has approved the template, instead of being refused.
    public internal(set) var startWhenApproved: Bool?
    /// The module of another system that the campaign is for, and that module's own id.
    public internal(set) var sourceModule: String?
    public internal(set) var sourceReferenceId: String?

    /// All fields with their defaults; references stay names.
    public var canonical: JSONValue { canonicalForm }
}

extension CampaignSpec {
    private var template: String? {
        get { if case .template(let name, _) = content { name } else { nil } }
        set { if let newValue { content = .template(newValue, params: [:]) } }
    }

    private var params: [String: String]? {
        get { if case .template(_, let params) = content { params } else { nil } }
        set { if let template, let newValue { content = .template(template, params: newValue) } }
    }

    private var message: JSONValue? {
        get { if case .message(let payload) = content { payload } else { nil } }
        set { if let newValue { content = .message(newValue) } }
    }
}

extension CampaignSpec: SpecDefinition, SpecMapping {
    static let fields: [Field] = [
        Field("title", \.title, .text(upTo: 255))
            .says("The name that people see. By default it is `name`.", examples: "Overdue payment reminder"),
        Field("type", \.type, .choice).required(keepsDraft: true)
            .says("How the campaign is started.", examples: "manual"),
        Field("sender", \.sender, .slug)
            .says("The sender, by its name. By default it is `defaults.sender` of the tenant.", examples: "main"),
        Field("template", \.template, .slug)
            .says("The template, by its name in the specs. Excludes `message`.", examples: "payment-reminder"),
        Field("params", \.params, .params)
            .says(
                "A text for each variable of the template: `\"1\"` or `first_name` for the body, `header` for a positional "
                    + "header, `button.0` for a button. A file in the header is `header.link` (a link, or the path of a "
                    + "file relative to this one) or `header.id`, with `header.filename` for a document; a place is `header.latitude`, `header.longitude`, `header.name` and "
                    + "`header.address`, and a product `header.product` and `header.catalog`. The end of an offer is `offer.expires`, and the code of a template with `otp` is `code`. "
                    + "Those of the first card of a carousel begin with `card.0.`. A quick reply may have what it sends back, a "
                    + "flow its token, a call what its webhooks send back, and a catalog the product that it shows. A `products` "
                    + "button takes sections, as in `Flowers: rose-1, rose-2; Pots: pot-7`, and shows the picture of the first "
                    + "product or of `button.0.thumbnail`. The texts may hold placeholders such as "
                    + "`{{name|there}}`.",
                examples: ["1": "{{name|there}}", "2": "{{context.amount}}"]
            ),
        Field("language", \.language, .language)
            .says(
                "The language of the template that everybody gets. By default each person gets the one that "
                    + "`metadata.language` of their contact names, or the template's `fallback`.",
                examples: "pt_BR"
            ),
        Field("message", \.message, .message)
            .says(
                "A message of the WhatsApp API, without a recipient. Excludes `template`. Unless it is a template message, "
                    + "it reaches only contacts who wrote within the last 24 hours.",
                examples: ["type": "text", "text": ["body": "Hi {{name|there}}, did we answer your question?"]]
            ),
        Field("audience", \.audience, .audience)
            .says(
                "The recipients: the name of an audience, or a filter. Required for `manual` and `scheduled` campaigns.",
                examples: "subscribers",
                ["conditions": [["field": "tags", "operator": "contains", "value": "vip"]]]
            ),
        Field("templateText", \.templateText, .choice)
            .says(
                "The treatment of texts that WhatsApp refuses as a parameter of a template: those with a line break, a tab or "
                    + "more than four spaces in a row. By default it is that of the tenant.",
                examples: "strict"
            ),
        Field("onUserCap", \.onUserCap, .userCap)
            .says(
                "What happens to messages that WhatsApp does not deliver because the person got too many marketing messages "
                    + "(code 131049). By default it is that of the tenant.",
                examples: ["action": "retry", "every": "24h", "until": "72h"],
                "fail"
            ),
        Field("startWhenApproved", \.startWhenApproved, .bool)
            .says(
                "Whether a launch waits, as a paused run, until WhatsApp has approved the template. Otherwise `templates` of the "
                    + "tenant decides. Events of triggers do not wait.",
                examples: true
            ),
        Field("sourceModule", \.sourceModule, .text(upTo: 50))
            .says(
                "The part of another system that the campaign is for; lists of the API are filtered by it.",
                examples: "orders"
            ),
        Field("sourceReferenceId", \.sourceReferenceId, .text(upTo: 100))
            .says("The id of the thing that the campaign is for, in that system.", examples: "shop-17"),
    ]

    static let rules = [
        SchemaRule.excludes("message", "template", with: ["params", "language"], label: "the message is given here"),
        SchemaRule.anyOf(["template", "message"]),
        SchemaRule.requires("audience", when: "type", is: ["manual", "scheduled"]),
    ]

    mutating func complete(_ reader: FieldReader, isWhole: Bool) -> Bool {
        if title.isEmpty { title = header.name }
        // Nobody knows which of the two is meant.
        if reader.hasConflict { content = .message(.null) }
        return true
    }
}

extension FieldCodec<JSONValue> {
    fileprivate static var message: Self {
        Self(
            schema: .definition("Message", words: "[message](#messages)"),
            read: { reader, key in
                reader.node(key).flatMap { MessageReader(sink: reader.sink).message($0.node, path: $0.field) }
            },
            json: { $0 }
        )
    }
}

extension FieldCodec<CampaignSpec.Audience> {
    fileprivate static var audience: Self {
        Self(
            schema: SchemaValue(
                ["if": ["type": "string"], "then": SchemaValue.slug.json, "else": SchemaValue.reference("Filter")],
                words: "[name](#names) or [filter](#filters)"
            ),
            read: { reader, key in
                guard let read = reader.node(key) else { return nil }
                if read.node.isScalar { return reader.slug(key).map { .named($0.value) } }
                guard read.node.mapping != nil else {
                    let expected = "a name or a filter"
                    reader.sink.reportWrongType(of: read.node, field: read.field, expected: expected)
                    return nil
                }
                return FilterReader(sink: reader.sink).filter(read.node, path: read.field).map { .filter($0) }
            },
            json: { audience in
                switch audience {
                case .named(let name): .string(name)
                case .filter(let filter): filter.json
                }
            }
        )
    }
}

extension FieldCodec<[String: String]> {
    fileprivate static var params: Self {
        Self(
            schema: .mapping(to: .text()),
            read: { reader, key in Self.params(&reader, key) },
            json: { .object($0.mapValues(JSONValue.string)) }
        )
    }

    private static func params(_ reader: inout FieldReader, _ key: String) -> [String: String]? {
        guard let read = reader.node(key) else { return nil }
        guard let mapping = read.node.mapping else {
            reader.sink.reportWrongType(of: read.node, field: read.field, expected: "a mapping")
            return nil
        }
        var params: [String: String] = [:]
        for pair in mapping.pairs {
            let text = reader.sink.string(pair.value, field: "\(read.field).\(pair.key)")
            if let text {
                reader.sink.checkPlaceholders(text)
                checkLength(text, of: pair.key, reader.sink)
            }
            params[pair.key] = text?.value ?? ""
        }
        return params
    }

    private static func checkLength(_ text: ReadValue<String>, of key: String, _ sink: DiagnosticSink) {
        guard text.value.isEmpty else { return }
        let message = "parameter `\(key)` is empty"
        sink.report(.invalidValue, at: text.range, field: text.field, message, help: "WhatsApp takes no empty text")
    }
}
