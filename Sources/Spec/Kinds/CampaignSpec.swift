public import JSON
import YAML

/// The way a campaign is started.
public enum CampaignType: String, Hashable, Sendable, CaseIterable {
    case manual, scheduled
    case eventTriggered = "event_triggered"
    case moduleInitiated = "module_initiated"
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

    public let header: SpecHeader
    /// The name that people see; by default the slug.
    public let title: String
    public let type: CampaignType
    /// A sender of the same tenant, by its name; never `nil` in a valid catalog, which fills in the default of the tenant.
    public internal(set) var sender: String?
    public let content: Content
    /// `nil` if an event or a module names the recipients.
    public let audience: Audience?
    /// The treatment of texts that WhatsApp refuses; `nil` is that of the tenant.
    public let templateText: TemplateText?

    /// Makes a campaign of values that are valid already.
    public init(
        header: SpecHeader,
        title: String? = nil,
        type: CampaignType,
        sender: String?,
        content: Content,
        audience: Audience?,
        templateText: TemplateText? = nil
    ) {
        self.header = header
        self.title = title ?? header.name
        self.type = type
        self.sender = sender
        self.content = content
        self.audience = audience
        self.templateText = templateText
    }

    /// All fields with their defaults; references stay names.
    public var canonical: JSONValue {
        var fields = header.canonicalFields
        fields["title"] = .string(title)
        fields["type"] = .string(type.rawValue)
        fields["sender"] = sender.map(JSONValue.string)
        switch content {
        case .template(let name, let params):
            fields["template"] = .string(name)
            fields["params"] = .object(params.mapValues(JSONValue.string))
        case .message(let payload): fields["message"] = payload
        }
        switch audience {
        case .named(let name): fields["audience"] = .string(name)
        case .filter(let filter): fields["audience"] = filter.json
        case nil: break
        }
        fields["templateText"] = templateText.map { .string($0.rawValue) }
        return .object(fields)
    }
}

extension CampaignSpec: SpecDefinition {
    init?(_ reader: inout FieldReader) {
        let header = SpecHeader(&reader)
        let title = reader.text("title", required: false, upTo: 255)
        reader.require("type")
        let type = reader.choice("type", of: CampaignType.self)
        let sender = reader.slug("sender")
        let content = Self.content(&reader)
        if let type, type == .manual || type == .scheduled { reader.require("audience") }
        let audience = Self.audience(&reader)
        let templateText = reader.choice("templateText", of: TemplateText.self)
        guard let header else { return nil }
        // Missing fields were reported; the draft still serves to find other mistakes.
        self.init(
            header: header,
            title: title?.value,
            type: type ?? .manual,
            sender: sender?.value,
            content: content ?? .message(.null),
            audience: audience,
            templateText: templateText
        )
    }

    private static func content(_ reader: inout FieldReader) -> Content? {
        let template = reader.slug("template")
        let params = params(&reader)
        let payload = reader.node("message").flatMap {
            MessageReader(sink: reader.sink).message($0.node, path: $0.field)
        }
        if !reader.has("message") { reader.require("template") }
        for key in ["template", "params"] {
            if reader.exclude(key, with: "message", label: "the message is given here") { return nil }
        }
        if let payload { return .message(payload) }
        return template.map { .template($0.value, params: params) }
    }

    private static func params(_ reader: inout FieldReader) -> [String: String] {
        guard let read = reader.node("params") else { return [:] }
        guard let mapping = read.node.mapping else {
            reader.sink.reportWrongType(of: read.node, field: read.field, expected: "a mapping")
            return [:]
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

    private static func audience(_ reader: inout FieldReader) -> Audience? {
        guard let read = reader.node("audience") else { return nil }
        if read.node.isScalar { return reader.slug("audience").map { .named($0.value) } }
        guard read.node.mapping != nil else {
            let expected = "a name or a filter"
            reader.sink.reportWrongType(of: read.node, field: read.field, expected: expected)
            return nil
        }
        return FilterReader(sink: reader.sink).filter(read.node, path: read.field).map(Audience.filter)
    }
}

extension CampaignSpec {
    static var schema: SchemaObject {
        SchemaObject(
            fields,
            rules: .excludes("message", ["template", "params"]),
            .anyOf(["template", "message"]),
            .when(SchemaRule.has("type", "manual", "scheduled"), then: SchemaRule.requires("audience"))
        )
    }

    private static var fields: [SchemaField] {
        [
            SchemaField(
                "title",
                .text(upTo: 255),
                "The name that people see. By default it is `name`.",
                examples: "Overdue payment reminder"
            ),
            SchemaField("type", typeValue, isRequired: true, "How the campaign is started.", examples: "manual"),
            SchemaField(
                "sender",
                .slug,
                "The sender, by its name. By default it is `defaults.sender` of the tenant.",
                examples: "main"
            ),
            SchemaField(
                "template",
                .slug,
                "The template, by its name in the specs. Excludes `message`.",
                examples: "payment-reminder"
            ),
            SchemaField(
                "params",
                .mapping(to: .text()),
                "A text for each variable of the template: `\"1\"` or `first_name` for the body, `header` for a positional "
                    + "header, `button.0` for a button. The texts may hold "
                    + "placeholders such as `{{name|there}}`.",
                examples: ["1": "{{name|there}}", "2": "{{context.amount}}"]
            ),
            SchemaField(
                "message",
                .definition("Message", words: "[message](#messages)"),
                "A message of the WhatsApp API, without a recipient. Excludes `template`. Unless it is a template message, "
                    + "it reaches only contacts who wrote within the last 24 hours.",
                examples: ["type": "text", "text": ["body": "Hi {{name|there}}, did we answer your question?"]]
            ),
            SchemaField(
                "audience",
                SchemaValue(
                    [
                        "if": ["type": "string"], "then": SchemaValue.slug.json,
                        "else": SchemaValue.reference("Filter"),
                    ],
                    words: "[name](#names) or [filter](#filters)"
                ),
                "The recipients: the name of an audience, or a filter. Required for `manual` and `scheduled` campaigns.",
                examples: "subscribers",
                ["conditions": [["field": "tags", "operator": "contains", "value": "vip"]]]
            ),
            SchemaField(
                "templateText",
                TemplateText.schema,
                "The treatment of texts that WhatsApp refuses as a parameter of a template: those with a line break, a tab or "
                    + "more than four spaces in a row. By default it is that of the tenant.",
                examples: "strict"
            ),
        ]
    }

    private static var typeValue: SchemaValue {
        .choice(CampaignType.self) { type in
            switch type {
            case .manual: "An operator launches it."
            case .scheduled: "A `Schedule` starts it."
            case .eventTriggered: "A `Trigger` sends it to the contact of an event."
            case .moduleInitiated: "Another program starts it and names the recipients."
            }
        }
    }
}
