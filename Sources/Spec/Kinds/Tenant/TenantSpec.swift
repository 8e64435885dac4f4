public import JSON

/// The defaults and guard rails of one tenant.
///
/// A tenant needs none; whoever reads an absent one takes ``init(header:timeZone:quietHours:frequencyCap:defaults:policy:optOutWords:)``
/// with nothing but a name.
public struct TenantSpec: SpecContent {
    /// When nobody is written to by the business.
    public struct QuietHours: Hashable, Sendable {
        /// What happens to a message that falls into them.
        public enum Action: String, Hashable, Sendable, CaseIterable {
            /// It is sent when they end.
            case wait
            /// It is never sent.
            case skip
        }

        public let from: TimeOfDay
        /// Earlier than `from` if the hours pass midnight; never the same.
        public let to: TimeOfDay
        public let action: Action

        /// Makes quiet hours.
        public init(from: TimeOfDay, to: TimeOfDay, action: Action = .wait) {
            (self.from, self.to, self.action) = (from, to, action)
        }
    }

    /// How many campaign messages one contact gets at most.
    public struct FrequencyCap: Hashable, Sendable {
        /// What happens to a message that is one too many.
        public enum Action: String, Hashable, Sendable, CaseIterable {
            /// It is never sent.
            case skip
            /// It is sent as soon as the cap allows.
            case wait
        }

        /// 1 to 1,000.
        public let messages: Int
        /// At most 90 days.
        public let within: SpecDuration
        public let action: Action

        /// Makes a cap.
        public init(messages: Int, within: SpecDuration, action: Action = .skip) {
            (self.messages, self.within, self.action) = (messages, within, action)
        }
    }

    /// What specs of the tenant take when they say nothing.
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

    public let header: SpecHeader
    /// A name of the IANA database; never `nil` with quiet hours.
    public let timeZone: String?
    public let quietHours: QuietHours?
    public let frequencyCap: FrequencyCap?
    public let defaults: Defaults
    public let policy: TenantPolicy
    /// Words that opt a contact out, beside the built-in ones; sorted.
    public let optOutWords: [String]

    /// Makes a tenant of values that are valid already.
    public init(
        header: SpecHeader,
        timeZone: String? = nil,
        quietHours: QuietHours? = nil,
        frequencyCap: FrequencyCap? = nil,
        defaults: Defaults = Defaults(),
        policy: TenantPolicy = TenantPolicy(),
        optOutWords: [String] = []
    ) {
        self.header = header
        self.timeZone = timeZone
        self.quietHours = quietHours
        self.frequencyCap = frequencyCap
        self.defaults = defaults
        self.policy = policy
        self.optOutWords = optOutWords.sorted()
    }

    /// What was given, with the defaults within each group filled in; what is absent stays absent.
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
        return .object(fields)
    }
}
