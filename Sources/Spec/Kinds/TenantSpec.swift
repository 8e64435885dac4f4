public import Calendar
public import JSON
import YAML

/// The defaults and guard rails of one tenant.
///
/// The document is optional. An absent one equals one with nothing but a name.
public struct TenantSpec: SpecContent {
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

    public internal(set) var header = SpecHeader()
    /// Never `nil` with quiet hours.
    public internal(set) var zone: IANAZone?
    public internal(set) var quietHours: QuietHours?
    public internal(set) var frequencyCap: FrequencyCap?
    public internal(set) var defaults = Defaults()
    public internal(set) var policy = TenantPolicy()
    /// Words that opt a contact out, in addition to the built-in ones; sorted.
    public internal(set) var optOutWords: [String] = []
    /// The treatment of texts that WhatsApp refuses; `nil` is ``TemplateText/mend``.
    public internal(set) var templateText: TemplateText?

    /// The name of the zone in the IANA database.
    public var timeZone: String? { zone?.identifier }

    /// The given fields, with the defaults within each group filled in; absent fields stay absent.
    public var canonical: JSONValue { canonicalForm }
}

extension TenantSpec: SpecDefinition, SpecMapping {
    static let fields: [Field] = [
        Field("timeZone", \.zone, .timeZone)
            .says(
                "The zone of quiet hours: a name of the IANA database.",
                examples: "Africa/Nairobi",
                "Europe/London"
            ),
        Field("quietHours", \.quietHours, .mapping)
            .says(
                "The time of day without business-initiated messages. Needs `timeZone`.",
                examples: ["from": "21:00", "to": "07:30", "action": "wait"]
            ),
        Field("frequencyCap", \.frequencyCap, .mapping)
            .says(
                "The maximum number of campaign messages to one contact. By default there is none.",
                examples: ["messages": 3, "within": "7d", "action": "skip"]
            ),
        Field("defaults", \.defaults, .mapping)
            .says(
                "Values for fields that the specs of the tenant leave out.",
                examples: ["sender": "main", "language": "en"]
            ),
        Field("policy", \.policy, .mapping)
            .says(
                "Limits for the specs of the tenant. A plan beyond them needs `--allow-policy`.",
                examples: ["maxRecipients": 20_000, "allowedCategories": ["marketing", "utility"]]
            ),
        Field("optOutWords", \.optOutWords, .optOutWords).showsDefault([])
            .says(
                "Words that opt a contact out, in addition to the built-in ones such as STOP.",
                examples: ["no thanks"]
            ),
        Field("templateText", \.templateText, .choice)
            .says(
                "The treatment of texts that WhatsApp refuses as a parameter of a template: those with a line break, a tab "
                    + "or more than four spaces in a row. By default it is `mend`; campaigns may say otherwise.",
                examples: "strict"
            ),
    ]

    static let rules = [SchemaRule.needs("quietHours", "timeZone")]
}

extension TenantSpec {
    /// The time of day without business-initiated messages.
    public struct QuietHours: Hashable, Sendable, SpecMapping {
        /// The rule for a message that falls into quiet hours.
        public enum Action: String, Hashable, Sendable, CaseIterable, SpecChoice {
            case wait, skip

            var meaning: String {
                switch self {
                case .wait: "The message is sent when quiet hours end."
                case .skip: "The message is never sent."
                }
            }
        }

        public internal(set) var from = TimeOfDay.midnight
        /// The end of the hours; earlier than `from` if the hours pass midnight; never the same.
        public internal(set) var to = TimeOfDay.midnight
        public internal(set) var action = Action.wait

        static let fields: [Field] = [
            Field("from", \.from, .timeOfDay).required()
                .says("The time at which quiet hours start; write it in quotes.", examples: "21:00"),
            Field("to", \.to, .timeOfDay).required()
                .says("The time at which they end; earlier than `from` if they pass midnight.", examples: "07:30"),
            Field("action", \.action, .choice)
                .says("What happens to a message that falls into quiet hours.", examples: "wait"),
        ]

        func complete(_ reader: FieldReader, isWhole: Bool) -> Bool {
            guard isWhole, from == to, let start = reader.peek("from"), let end = reader.peek("to") else { return true }
            let message = "quiet hours start and end at \(to)"
            let place = SourcePlace(file: reader.sink.file, start.range)
            let related = Diagnostic.Related(place: place, label: "they start here")
            let help = "give them a length, or remove `quietHours`"
            reader.sink.report(.quietHours, at: end.range, field: end.field, message, help: help, related: related)
            return false
        }
    }

    /// The maximum number of campaign messages to one contact.
    public struct FrequencyCap: Hashable, Sendable, SpecMapping {
        /// The rule for a message that exceeds the cap.
        public enum Action: String, Hashable, Sendable, CaseIterable, SpecChoice {
            case skip, wait

            var meaning: String {
                switch self {
                case .skip: "The message is never sent."
                case .wait: "The message is sent as soon as the cap allows."
                }
            }
        }

        public internal(set) var messages = 0
        /// The period in which messages count.
        public internal(set) var within = SpecDuration(seconds: 0)
        public internal(set) var action = Action.skip

        static let fields: [Field] = [
            Field("messages", \.messages, .integer(1...1_000)).required()
                .says("The number of messages.", examples: 3),
            Field("within", \.within, .duration(upToDays: 90)).required()
                .says("The time in which they are counted; at most 90 days.", examples: "7d"),
            Field("action", \.action, .choice)
                .says("What happens to a message that exceeds the cap.", examples: "skip"),
        ]
    }

    /// Values for fields that the specs of the tenant leave out.
    public struct Defaults: Hashable, Sendable, SpecMapping {
        public internal(set) var sender: String?
        public internal(set) var language: String?

        static let fields: [Field] = [
            Field("sender", \.sender, .slug).says("The sender of campaigns that name no sender.", examples: "main"),
            Field("language", \.language, .language)
                .says("The language of templates that name no language.", examples: "en", "pt_BR"),
        ]
    }
}

extension FieldCodec<[String]> {
    /// Words of a contact; `Stop` and `STOP` count as the same word.
    fileprivate static var optOutWords: Self {
        let word = SchemaValue(
            ["type": "string", "minLength": 1, "maxLength": 100, "not": ["pattern": "^\\s|\\s$"]],
            words: "text, up to 100 characters"
        )
        return Self(
            schema: .list(of: word, isSet: true),
            read: { reader, key in
                let sink = reader.sink
                var known: [String: YAMLRange] = [:]
                return reader.list(key) { node, field in Self.word(node, field, sink, &known) }?.value.sorted()
            },
            json: { $0.isEmpty ? nil : .array($0.map(JSONValue.string)) }
        )
    }

    private static func word(
        _ node: YAMLNode,
        _ field: String,
        _ sink: DiagnosticSink,
        _ known: inout [String: YAMLRange]
    ) -> String? {
        guard let read = sink.string(node, field: field) else { return nil }
        let isTrimmed = read.value.first?.isWhitespace == false && read.value.last?.isWhitespace == false
        guard isTrimmed, read.value.unicodeScalars.count <= 100 else {
            let help = "write 1 to 100 characters without spaces around them"
            sink.report(.invalidValue, at: read.range, field: field, "not a word to opt out with", help: help)
            return nil
        }
        guard let first = known.updateValue(read.range, forKey: read.value.lowercased()) else { return read.value }
        let related = Diagnostic.Related(place: SourcePlace(file: sink.file, first), label: "first here")
        let message = "`\(read.value)` is listed twice"
        sink.report(.invalidValue, at: read.range, field: field, message, help: "remove it", related: related)
        return nil
    }
}
