import Calendar
public import JSON
import YAML

/// The defaults and guard rails of one tenant.
///
/// The document is optional. An absent one equals one with nothing but a name.
public struct TenantSpec: SpecContent {
    /// The time of day without business-initiated messages.
    public struct QuietHours: Hashable, Sendable {
        /// The rule for a message that falls into quiet hours.
        public enum Action: String, Hashable, Sendable, CaseIterable {
            /// It is sent when they end.
            case wait
            /// It is never sent.
            case skip
        }

        public let from: TimeOfDay
        /// The end of the hours; earlier than `from` if the hours pass midnight; never the same.
        public let to: TimeOfDay
        public let action: Action

        /// Makes quiet hours.
        public init(from: TimeOfDay, to: TimeOfDay, action: Action = .wait) {
            (self.from, self.to, self.action) = (from, to, action)
        }
    }

    /// The maximum number of campaign messages to one contact.
    public struct FrequencyCap: Hashable, Sendable {
        /// The rule for a message that exceeds the cap.
        public enum Action: String, Hashable, Sendable, CaseIterable {
            /// It is never sent.
            case skip
            /// It is sent as soon as the cap allows.
            case wait
        }

        /// The maximum number of messages, 1 to 1,000.
        public let messages: Int
        /// The period in which messages count, at most 90 days.
        public let within: SpecDuration
        public let action: Action

        /// Makes a cap.
        public init(messages: Int, within: SpecDuration, action: Action = .skip) {
            (self.messages, self.within, self.action) = (messages, within, action)
        }
    }

    /// Values for fields that the specs of the tenant leave out.
    public struct Defaults: Hashable, Sendable {
        /// The sender of campaigns, by its name.
        public let sender: String?
        /// The language of templates.
        public let language: String?

        /// Makes defaults.
        public init(sender: String? = nil, language: String? = nil) {
            (self.sender, self.language) = (sender, language)
        }
    }

    public static let kind = SpecKind.tenant

    static let meaning = "Defaults and guard rails of one tenant, named like its folder."

    static let example = """
        kind: Tenant
        name: acme
        timeZone: Europe/London
        quietHours: { from: "21:00", to: "07:30", action: wait }
        frequencyCap: { messages: 3, within: 7d, action: skip }
        defaults: { sender: main, language: en }
        policy:
          maxRecipients: 20000
          allowedCategories: [marketing, utility]
          minScheduleInterval: 12h
        optOutWords: [no thanks]
        templateText: mend
        """

    public let header: SpecHeader
    /// A name of the IANA database; never `nil` with quiet hours.
    public let timeZone: String?
    public let quietHours: QuietHours?
    public let frequencyCap: FrequencyCap?
    public let defaults: Defaults
    public let policy: TenantPolicy
    /// Words that opt a contact out, in addition to the built-in ones; sorted.
    public let optOutWords: [String]
    /// The treatment of texts that WhatsApp refuses; `nil` is ``TemplateText/mend``.
    public let templateText: TemplateText?

    /// Makes a tenant of values that are valid already.
    public init(
        header: SpecHeader,
        timeZone: String? = nil,
        quietHours: QuietHours? = nil,
        frequencyCap: FrequencyCap? = nil,
        defaults: Defaults = Defaults(),
        policy: TenantPolicy = TenantPolicy(),
        optOutWords: [String] = [],
        templateText: TemplateText? = nil
    ) {
        self.header = header
        self.timeZone = timeZone
        self.quietHours = quietHours
        self.frequencyCap = frequencyCap
        self.defaults = defaults
        self.policy = policy
        self.optOutWords = optOutWords.sorted()
        self.templateText = templateText
    }

    /// The given fields, with the defaults within each group filled in; absent fields stay absent.
    public var canonical: JSONValue {
        var fields = header.canonicalFields
        fields["timeZone"] = timeZone.map(JSONValue.string)
        fields["quietHours"] = quietHours.map { hours in
            [
                "from": .string(hours.from.description), "to": .string(hours.to.description),
                "action": .string(hours.action.rawValue),
            ]
        }
        fields["frequencyCap"] = frequencyCap.map { cap in
            [
                "messages": .integer(cap.messages), "within": .string(cap.within.description),
                "action": .string(cap.action.rawValue),
            ]
        }
        var given: [String: JSONValue] = [:]
        given["sender"] = defaults.sender.map(JSONValue.string)
        given["language"] = defaults.language.map(JSONValue.string)
        if !given.isEmpty { fields["defaults"] = .object(given) }
        if !policy.isEmpty { fields["policy"] = policy.json }
        if !optOutWords.isEmpty { fields["optOutWords"] = .array(optOutWords.map(JSONValue.string)) }
        fields["templateText"] = templateText.map { .string($0.rawValue) }
        return .object(fields)
    }
}

extension TenantSpec: SpecDefinition {
    init?(_ reader: inout FieldReader) {
        let header = SpecHeader(&reader)
        let timeZone = reader.timeZone("timeZone")
        let quietHours = reader.mapping("quietHours") { QuietHours(&$0) }
        if reader.has("quietHours") { reader.require("timeZone") }
        let frequencyCap = reader.mapping("frequencyCap") { FrequencyCap(&$0) }
        let defaults = reader.mapping("defaults") { reader in
            let sender = reader.slug("sender")
            return Defaults(sender: sender?.value, language: TemplateSpec.language(&reader))
        }
        let policy = reader.mapping("policy") { TenantPolicy(&$0) }
        let words = Self.optOutWords(&reader)
        let templateText = reader.choice("templateText", of: TemplateText.self)
        guard let header else { return nil }
        self.init(
            header: header,
            timeZone: timeZone?.value.identifier,
            quietHours: quietHours,
            frequencyCap: frequencyCap,
            defaults: defaults ?? Defaults(),
            policy: policy ?? TenantPolicy(),
            optOutWords: words,
            templateText: templateText
        )
    }

    /// Reads the words; `Stop` and `STOP` count as the same word.
    private static func optOutWords(_ reader: inout FieldReader) -> [String] {
        let sink = reader.sink
        var known: [String: YAMLRange] = [:]
        let words = reader.list("optOutWords") { node, field -> String? in
            guard let read = sink.string(node, field: field) else { return nil }
            let isTrimmed = read.value.first?.isWhitespace == false && read.value.last?.isWhitespace == false
            guard isTrimmed, read.value.unicodeScalars.count <= 100 else {
                let help = "write 1 to 100 characters without spaces around them"
                sink.report(.invalidValue, at: read.range, field: field, "not a word to opt out with", help: help)
                return nil
            }
            if let first = known.updateValue(read.range, forKey: read.value.lowercased()) {
                let related = Diagnostic.Related(place: SourcePlace(file: sink.file, first), label: "first here")
                let message = "`\(read.value)` is listed twice"
                sink.report(.invalidValue, at: read.range, field: field, message, help: "remove it", related: related)
                return nil
            }
            return read.value
        }
        return words?.value ?? []
    }
}

extension TenantSpec.QuietHours {
    fileprivate init?(_ reader: inout FieldReader) {
        let from = reader.timeOfDay("from")
        let to = reader.timeOfDay("to")
        let action = reader.choice("action", of: Action.self)
        guard let from, let to else { return nil }
        guard from.value != to.value else {
            let message = "quiet hours start and end at \(to.value)"
            let related = Diagnostic.Related(
                place: SourcePlace(file: reader.sink.file, from.range),
                label: "they start here"
            )
            let help = "give them a length, or remove `quietHours`"
            reader.sink.report(.quietHours, at: to.range, field: to.field, message, help: help, related: related)
            return nil
        }
        self.init(from: from.value, to: to.value, action: action ?? .wait)
    }
}

extension TenantSpec.FrequencyCap {
    fileprivate init?(_ reader: inout FieldReader) {
        reader.require("messages")
        let messages = reader.integer("messages", in: 1...1_000)
        reader.require("within")
        let within = reader.duration("within", upTo: SpecDuration(seconds: 90 * 86_400))
        let action = reader.choice("action", of: Action.self)
        guard let messages, let within else { return nil }
        self.init(messages: messages.value, within: within, action: action ?? .skip)
    }
}

extension TenantSpec {
    static var schema: SchemaObject {
        SchemaObject(
            [
                SchemaField(
                    "timeZone",
                    .timeZone,
                    "The zone of quiet hours: a name of the IANA database.",
                    examples: "Africa/Nairobi",
                    "Europe/London"
                ),
                SchemaField(
                    "quietHours",
                    quietHours.value,
                    "The time of day without business-initiated messages. Needs `timeZone`.",
                    examples: ["from": "21:00", "to": "07:30", "action": "wait"]
                ),
                SchemaField(
                    "frequencyCap",
                    frequencyCap.value,
                    "The maximum number of campaign messages to one contact. By default there is none.",
                    examples: ["messages": 3, "within": "7d", "action": "skip"]
                ),
                SchemaField(
                    "defaults",
                    defaults.value,
                    "Values for fields that the specs of the tenant leave out.",
                    examples: ["sender": "main", "language": "en"]
                ),
                SchemaField(
                    "policy",
                    TenantPolicy.schema.value,
                    "Limits for the specs of the tenant. A plan beyond them needs `--allow-policy`.",
                    examples: ["maxRecipients": 20_000, "allowedCategories": ["marketing", "utility"]]
                ),
                SchemaField(
                    "optOutWords",
                    .list(of: optOutWord, isSet: true),
                    default: [],
                    "Words that opt a contact out, in addition to the built-in ones such as STOP.",
                    examples: ["no thanks"]
                ),
                SchemaField(
                    "templateText",
                    TemplateText.schema,
                    "The treatment of texts that WhatsApp refuses as a parameter of a template: those with a line break, a tab "
                        + "or more than four spaces in a row. By default it is `mend`; campaigns may say otherwise.",
                    examples: "strict"
                ),
            ],
            rules: .needs("quietHours", "timeZone")
        )
    }

    private static var optOutWord: SchemaValue {
        SchemaValue(
            ["type": "string", "minLength": 1, "maxLength": 100, "not": ["pattern": "^\\s|\\s$"]],
            words: "text, up to 100 characters"
        )
    }

    private static var quietHours: SchemaObject {
        SchemaObject([
            SchemaField(
                "from",
                .timeOfDay,
                isRequired: true,
                "The time at which quiet hours start; write it in quotes.",
                examples: "21:00"
            ),
            SchemaField(
                "to",
                .timeOfDay,
                isRequired: true,
                "The time at which they end; earlier than `from` if they pass midnight.",
                examples: "07:30"
            ),
            SchemaField(
                "action",
                .choice(QuietHours.Action.self) { action in
                    switch action {
                    case .wait: "The message is sent when quiet hours end."
                    case .skip: "The message is never sent."
                    }
                },
                default: "wait",
                "What happens to a message that falls into quiet hours.",
                examples: "wait"
            ),
        ])
    }

    private static var frequencyCap: SchemaObject {
        SchemaObject([
            SchemaField("messages", .integer(1...1_000), isRequired: true, "The number of messages.", examples: 3),
            SchemaField(
                "within",
                .duration,
                isRequired: true,
                "The time in which they are counted; at most 90 days.",
                examples: "7d"
            ),
            SchemaField(
                "action",
                .choice(FrequencyCap.Action.self) { action in
                    switch action {
                    case .skip: "The message is never sent."
                    case .wait: "The message is sent as soon as the cap allows."
                    }
                },
                default: "skip",
                "What happens to a message that exceeds the cap.",
                examples: "skip"
            ),
        ])
    }

    private static var defaults: SchemaObject {
        SchemaObject([
            SchemaField("sender", .slug, "The sender of campaigns that name no sender.", examples: "main"),
            SchemaField(
                "language",
                TemplateSpec.languageValue,
                "The language of templates that name no language.",
                examples: "en",
                "pt_BR"
            ),
        ])
    }
}
