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
        country: GB
        window: number
        createContacts: never
        templateText: mend
        templates: strict
        onUserCap: { action: retry, every: 24h, until: 72h }
        notify: { url: env:ACME_OPS_HOOK, secret: env:ACME_OPS_SECRET, on: [paused, failed, quota] }
        webhook: { forward: "https://inbox.acme.example/whatsapp" }
        retention: { messages: 400d, events: 14d, contacts: 730d, consents: 1825d }
        testRecipients: ["+254700000017"]
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
    /// The country of national numbers of contacts, as an ISO 3166 code; `nil` if they are refused.
    public internal(set) var country: String?
    /// The owner of the 24 hour window; `nil` is ``WindowOwner/number``.
    public internal(set) var window: WindowOwner?
    /// The people who become contacts by themselves; `nil` is ``ContactCreation/never``.
    public internal(set) var createContacts: ContactCreation?
    /// The treatment of texts that WhatsApp refuses; `nil` is ``TemplateText/mend``.
    public internal(set) var templateText: TemplateText?
    /// The check of templates at launches; `nil` is ``TemplateCheck/strict`` for senders that belong to an account.
    public internal(set) var templates: TemplateCheck?
    /// The reaction when WhatsApp caps a person; `nil` is ``UserCap/Action/fail``.
    public internal(set) var onUserCap: UserCap?
    /// The receiver by which people of the tenant are told about its campaigns; `nil` if they are not told.
    public internal(set) var notify: Notify?
    /// The treatment of webhooks about the tenant, besides reading them; `nil` is none.
    public internal(set) var webhook: Webhook?
    /// The time for which rows of the tenant are kept; `nil` keeps them.
    public internal(set) var retention: Retention?
    /// The most numbers that may get test messages.
    public static let mostTestRecipients = 20
    /// The numbers that may get test messages, each with a plus sign; sorted.
    public internal(set) var testRecipients: [String] = []

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
        Field("country", \.country, .country)
            .says(
                "The country of national phone numbers, such as `0700 000 017`, in imports and events. Without it they are "
                    + "refused.",
                examples: "KE"
            ),
        Field("window", \.window, .choice)
            .says(
                "Whose 24 hour window counts for a tenant with several numbers. By default it is `number`.",
                examples: "contact"
            ),
        Field("createContacts", \.createContacts, .choice)
            .says(
                "Whether people become contacts by writing to a number of the tenant. By default it is `never`.",
                examples: "inbound"
            ),
        Field("templateText", \.templateText, .choice)
            .says(
                "The treatment of texts that WhatsApp refuses as a parameter of a template: those with a line break, a tab "
                    + "or more than four spaces in a row. By default it is `mend`; campaigns may say otherwise.",
                examples: "strict"
            ),
        Field("templates", \.templates, .choice)
            .says(
                "What happens to a launch whose template WhatsApp would refuse: one that is not approved, was never seen there, or "
                    + "has another text there. It counts for senders that belong to an `Account`. By default it is `strict`.",
                examples: "warn"
            ),
        Field("onUserCap", \.onUserCap, .userCap)
            .says(
                "What happens to messages that WhatsApp does not deliver because the person got too many marketing messages "
                    + "(code 131049). By default they fail; campaigns may say otherwise.",
                examples: "fail",
                ["action": "retry", "every": "24h", "until": "72h"]
            ),
        Field("notify", \.notify, .mapping)
            .says(
                "Where people of the tenant are told what happened to its campaigns: a signed webhook, or a channel of "
                    + "Slack. By default nothing is posted. See [operations](operations.md#notifications).",
                examples: ["url": "env:ACME_OPS_HOOK", "secret": "env:ACME_OPS_SECRET", "on": ["paused", "quota"]]
            ),
        Field("webhook", \.webhook, .mapping)
            .says(
                "What else happens to the webhooks of WhatsApp that are about the tenant's numbers. See "
                    + "[operations](operations.md#webhooks-for-other-systems).",
                examples: ["forward": "https://inbox.acme.example/whatsapp"]
            ),
        Field("retention", \.retention, .mapping)
            .says(
                "How long rows of the tenant are kept. Rows of a kind that is not named are kept as before. See "
                    + "[privacy](privacy.md#retention).",
                examples: ["messages": "400d", "contacts": "730d"]
            ),
        Field("testRecipients", \.testRecipients, .testRecipients).showsDefault([])
            .says(
                "The phone numbers, with their country code, to which `campaignd send CAMPAIGN --test` may send; at most "
                    + "\(mostTestRecipients).",
                examples: ["+254700000017"]
            ),
    ]

    static let rules = [SchemaRule.needs("quietHours", "timeZone")]
}

extension TenantSpec {
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

    /// The check of templates at launches.
    public enum TemplateCheck: String, Hashable, Sendable, CaseIterable, SpecChoice {
        case strict, warn, off

        var meaning: String {
            switch self {
            case .strict: "The launch is refused, with the reason."
            case .warn: "The launch goes on, and tells it."
            case .off: "Nothing is compared."
            }
        }
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

extension TenantSpec {
    /// The receiver of posts about the campaigns of the tenant.
    public struct Notify: Hashable, Sendable, SpecMapping {
        /// The form of a post.
        public enum Format: String, Hashable, Sendable, CaseIterable, SpecChoice {
            case json, slack

            var meaning: String {
                switch self {
                case .json: "A JSON object with the events."
                case .slack: "A text for a channel of Slack, or of what takes its incoming webhooks."
                }
            }
        }

        /// The events that people are told about.
        public enum Reason: String, Hashable, Sendable, CaseIterable, SpecChoice {
            case paused, failed, completed, quota, template

            var meaning: String {
                switch self {
                case .paused: "A person, a guard or an error paused a run."
                case .failed: "A run could not start, or was stopped because it broke the policy."
                case .completed: "A run is complete."
                case .quota: "A run waits because the 24 hour quota is used up; without it, this counts as `paused`."
                case .template:
                    "WhatsApp refused, paused or disabled a template, approved one that was submitted, or did not take it; "
                        + "without it, a pause for a template is `paused`."
                }
            }
        }

        /// An address, or a reference to one.
        public internal(set) var url = ""
        /// The key of the signature; `nil` leaves posts unsigned.
        public internal(set) var secret: SecretReference?
        public internal(set) var format = Format.json
        /// In the order of ``Reason``; never empty.
        public internal(set) var on = Reason.allCases

        static let fields: [Field] = [
            Field("url", \.url, .hookURL).required()
                .says(
                    "The address that is posted to: https, or a reference to the variable or file that holds it. The "
                        + "addresses of Slack are secrets, so they can only be referred to.",
                    examples: "env:ACME_OPS_HOOK",
                    "https://ops.acme.example/campaigns"
                ),
            Field("secret", \.secret, .secretReference(of: "secret", example: "env:ACME_OPS_SECRET"))
                .says(
                    "The environment variable or the file that holds the key with which posts are signed. Required unless "
                        + "`format` is `slack`.",
                    examples: "env:ACME_OPS_SECRET",
                    "file:/run/secrets/acme-ops"
                ),
            Field("format", \.format, .choice).says("The form of the posts.", examples: "slack"),
            Field("on", \.on, .choices(ifEmpty: "names no reason"))
                .says("What people are told about. By default all of these.", examples: ["paused", "failed", "quota"]),
        ]

        static let rules = [SchemaRule.requires("secret", unless: "format", is: ["slack"])]

        /// Services whose addresses let everybody post who knows them, as the ends of host names.
        static let secretHosts = [
            "hooks.slack.com", "hooks.slack-gov.com", "discord.com", "discordapp.com", "chat.googleapis.com",
            "webhook.office.com",
        ]
    }
}

extension TenantSpec {
    /// The treatment of webhooks that are about the tenant's numbers.
    public struct Webhook: Hashable, Sendable, SpecMapping {
        /// An address, or a reference to one.
        public internal(set) var forward = ""

        static let fields: [Field] = [
            Field("forward", \.forward, .hookURL).required()
                .says(
                    "The address to which each webhook is passed on with its signature, such as that of an inbox or a CRM: "
                        + "https, or a reference to the variable or file that holds it.",
                    examples: "https://inbox.acme.example/whatsapp",
                    "env:ACME_INBOX_HOOK"
                )
        ]
    }
}

extension TenantSpec {
    /// The time for which rows are kept, by kind; older ones are deleted for good.
    public struct Retention: Hashable, Sendable, SpecMapping {
        public internal(set) var messages: SpecDuration?
        public internal(set) var events: SpecDuration?
        public internal(set) var contacts: SpecDuration?
        public internal(set) var consents: SpecDuration?

        private static func days(_ count: Int) -> SpecDuration { SpecDuration(seconds: count * 86_400) }

        // The lower bounds are longer than reports of WhatsApp, retries, quota and frequency caps need the rows.
        static let fields: [Field] = [
            Field("messages", \.messages, .duration(from: days(31), upToDays: 3_650))
                .says(
                    "Messages since they were last sent or failed; 31 days to 3,650. Analytics and reports keep their counts.",
                    examples: "400d"
                ),
            Field("events", \.events, .duration(from: days(1), upToDays: 30))
                .says(
                    "Events with their context; 1 day to 30, which is the default. An event that is repeated later counts as "
                        + "a new one.",
                    examples: "14d"
                ),
            Field("contacts", \.contacts, .duration(from: days(90), upToDays: 3_650))
                .says(
                    "Contacts since they last wrote, got a message, gave or withdrew consent, or were changed; 90 days to "
                        + "3,650. An opt-out stays.",
                    examples: "730d"
                ),
            Field("consents", \.consents, .duration(from: days(90), upToDays: 3_650))
                .says(
                    "Statements about consent that a later one replaced; 90 days to 3,650. The last one of each level stays.",
                    examples: "1825d"
                ),
        ]

        static let rules = [
            SchemaRule.anyOf(
                ["messages", "events", "contacts", "consents"],
                help: "name at least one of `messages`, `events`, `contacts` and `consents`"
            )
        ]
    }
}

extension FieldCodec<String> {
    /// An address of a webhook, or a reference to one; what is wrong with it is told without showing it.
    fileprivate static var hookURL: Self {
        let rest = "(:[0-9]{1,5})?([/?][!-~]*)?$"
        let hosts = TenantSpec.Notify.secretHosts.map { $0.replacing(".", with: "\\.") }.joined(separator: "|")
        return Self(
            schema: .text(
                pattern:
                    "^(env:[A-Za-z_][A-Za-z0-9_]*$|file:/.+$|https://(?![a-z0-9.-]*(\(hosts))([:/?]|$))[a-z0-9.-]+\(rest)"
                    + "|http://(localhost|127\\.0\\.0\\.1|\\[::1\\])\(rest))",
                words: "https address, `env:NAME` or `file:/path`"
            ),
            read: { reader, key in
                reader.guardSecret(key)
                guard let read = reader.string(key) else { return nil }
                if reader.sink.isStored || SecretReference(read.value) != nil { return read.value }
                switch HookAddress(read.value) {
                case .plain: return read.value
                case .secret:
                    let help = "refer to it: `env:ACME_OPS_HOOK` or `file:/run/secrets/acme-hook`"
                    let message = "`\(key)` is an address that lets everybody post who knows it"
                    reader.sink.report(.literalSecret, at: read.range, field: read.field, message, help: help)
                case .unusable:
                    let help = "write an https address (http only on this machine), or `env:NAME` or `file:/path`"
                    let message = "`\(key)` is no address to post to"
                    reader.sink.report(.invalidValue, at: read.range, field: read.field, message, help: help)
                }
                return nil
            },
            json: JSONValue.string
        )
    }
}

/// A text as the address of a webhook.
private enum HookAddress {
    /// May stand in a spec.
    case plain
    /// Gives everyone who has it the right to post, so it is a secret.
    case secret
    case unusable

    private static let local: Set = ["localhost", "127.0.0.1", "[::1]"]

    init(_ text: String) {
        let isSecure = text.hasPrefix("https://")
        guard isSecure || text.hasPrefix("http://"), text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            self = .unusable
            return
        }
        let rest = text.dropFirst(isSecure ? 8 : 7)
        let authority = String(rest.prefix { $0 != "/" && $0 != "?" })
        let isBracketed = authority.hasPrefix("[")
        let hostEnd =
            isBracketed
            ? authority.firstIndex(of: "]").map { authority.index(after: $0) } : authority.firstIndex(of: ":")
        let host = String(authority[..<(hostEnd ?? authority.endIndex)])
        let port = authority.dropFirst(host.count)
        let isPort =
            port.isEmpty
            || port.first == ":" && (2...6).contains(port.count)
                && port.dropFirst().utf8.allSatisfy { (0x30...0x39).contains($0) }
        let isName =
            !host.isEmpty
            && host.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (0x30...0x39).contains(byte)
                    || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-")
            }
        if !isPort || !(isSecure ? isName : Self.local.contains(host)) {
            self = .unusable
        } else if TenantSpec.Notify.secretHosts.contains(where: host.hasSuffix) {
            self = .secret
        } else {
            self = .plain
        }
    }
}

extension FieldCodec<[String]> {
    /// Words of a contact; `Stop` and `STOP` count as the same word.
    fileprivate static var optOutWords: Self {
        let word = SchemaValue(
            ["type": "string", "minLength": 1, "maxLength": 100, "not": ["pattern": "^\\s|\\s$"]],
            words: "text, up to 100 characters"
        )
        return distinct(word, "words") { text throws(RefusedText) in
            let isTrimmed = text.first?.isWhitespace == false && text.last?.isWhitespace == false
            guard isTrimmed, text.unicodeScalars.count <= 100 else {
                let help = "write 1 to 100 characters without spaces around them"
                throw RefusedText(message: "not a word to opt out with", help: help)
            }
            return (text, text.lowercased())
        }
    }

    /// Phone numbers in any international spelling, kept in one form.
    fileprivate static var testRecipients: Self {
        let number = SchemaValue(
            ["type": "string", "pattern": .string(TextPattern.phoneNumber), "maxLength": 30],
            words: "phone number"
        )
        return distinct(number, atMost: TenantSpec.mostTestRecipients, "numbers") { text throws(RefusedText) in
            guard text.utf8.count <= 30, FieldCodec<String>.isPhoneNumber(text) else {
                let help = "write it in quotes, with its country code: \"+254700000017\""
                throw RefusedText(message: "`\(text)` is not a phone number", help: help)
            }
            let number = "+" + digits(of: text)
            return (number, number)
        }
    }

    /// Returns the digits of a number in its one form, by which a request finds it.
    private static func digits(of text: String) -> String {
        do {
            return try PhoneNumberReader().read(text).digits
        } catch {
            // No request can name such a number, because its length is wrong for its country.
            return text.filter { $0.isASCII && $0.isNumber }
        }
    }
}
