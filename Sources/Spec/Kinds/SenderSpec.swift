public import JSON
import YAML

/// A phone number that messages are sent from.
public struct SenderSpec: AccountMember {
    /// The reaction when one recipient got too many messages in a short time (code 131056).
    public enum PairLimit: String, Hashable, Sendable, CaseIterable, SpecChoice {
        case pause, `defer`

        var meaning: String {
            switch self {
            case .pause: "All messages of the sender pause."
            case .defer: "Only messages to that recipient wait."
            }
        }
    }

    /// The reaction when the 24 h quota is used up.
    public enum QuotaPolicy: String, Hashable, Sendable, CaseIterable, SpecChoice {
        case pause, wait

        var meaning: String {
            switch self {
            case .pause: "The campaign pauses until an operator resumes it."
            case .wait: "The campaign continues by itself when quota returns."
            }
        }
    }

    /// The rule for a message whose answer from WhatsApp was lost.
    public enum UnconfirmedPolicy: String, Hashable, Sendable, CaseIterable, SpecChoice {
        case hold, retry

        var meaning: String {
            switch self {
            case .hold: "It stays unconfirmed, and is never sent twice."
            case .retry: "It is sent again, and perhaps arrives twice."
            }
        }
    }

    public static let kind = SpecKind.sender

    static let meaning = "A phone number that messages are sent from."

    static let example = """
        kind: Sender
        name: main
        phoneNumberId: "106540352242922"
        accessToken: env:WHATSAPP_TOKEN_ACME
        tier: 3
        ratePerSecond: 80
        onQuotaExhausted: wait
        """

    public internal(set) var header = SpecHeader()
    public internal(set) var phoneNumberId = ""
    public internal(set) var accessToken = SecretReference.environment("")
    /// The account that the number belongs to, by its name; `nil` if the tenant has none.
    public internal(set) var account: String?
    /// Business-initiated messages within 24 h; `nil` means unlimited.
    public internal(set) var dailyLimit: Int? = 10_000
    public internal(set) var ratePerSecond = 80
    /// Senders of one group share the daily limit; by default the group is the phone number, or that of its portfolio.
    public internal(set) var quotaGroup = ""
    public internal(set) var pairLimit = PairLimit.pause
    public internal(set) var onQuotaExhausted = QuotaPolicy.pause
    public internal(set) var unconfirmedPolicy = UnconfirmedPolicy.hold

    /// The daily limit as a messaging tier; only the limit is kept.
    private var tier: Int?? {
        get { nil }
        set { dailyLimit = newValue ?? nil }
    }

    /// All fields with their defaults; the tier appears as its limit.
    public var canonical: JSONValue { canonicalForm }
}

extension SenderSpec: SpecDefinition, SpecMapping {
    static let fields: [Field] = [
        Field("phoneNumberId", \.phoneNumberId, .phoneNumberID).required()
            .says(
                "The id of the number in WhatsApp Manager, in quotes; not the number itself.",
                examples: "106540352242922"
            ),
        Field("accessToken", \.accessToken, .secretReference(of: "token", example: "env:WHATSAPP_TOKEN")).required()
            .says(
                "The environment variable or the file that holds the access token; never the token itself.",
                examples: "env:WHATSAPP_TOKEN_ACME",
                "file:/run/secrets/whatsapp"
            ),
        Field("account", \.account, .slug)
            .says(
                "The `Account` that the number belongs to, by its name. By default it is the only one of the tenant.",
                examples: "main"
            ),
        Field("tier", \.tier, .messagingTier).showsDefault(2)
            .says(
                "The messaging tier: 1 is 1,000 business-initiated messages in 24 hours, 2 is 10,000, 3 is 100,000, 4 is "
                    + "unlimited. Or a limit of WhatsApp's ladder: 250, 2,000, 10,000, 100,000, `unlimited`, or its own "
                    + "word for it. Excludes `dailyLimit`.",
                examples: 2,
                "TIER_2K"
            ),
        Field("dailyLimit", \.dailyLimit, .integerOrUnlimited(1...1_000_000_000)).showsDefault(nil)
            .says(
                "The number of business-initiated messages in 24 hours, or `unlimited`. Excludes `tier`.",
                examples: 250,
                "unlimited"
            ),
        Field("ratePerSecond", \.ratePerSecond, .integer(1...1_000_000))
            .says("The maximum number of messages per second.", examples: 80),
        Field("quotaGroup", \.quotaGroup, .quotaGroup)
            .says(
                "Senders of one group share one 24 hour quota. By default each phone number has its own, and the numbers of a "
                    + "portfolio share one if their `Account` names its `businessId`.",
                examples: "portfolio-1"
            ),
        Field("pairLimit", \.pairLimit, .choice)
            .says(
                "What happens when one recipient got too many messages in a short time (code 131056).",
                examples: "defer"
            ),
        Field("onQuotaExhausted", \.onQuotaExhausted, .choice)
            .says("What happens when the 24 hour quota is used up.", examples: "wait"),
        Field("unconfirmedPolicy", \.unconfirmedPolicy, .choice)
            .says("What happens to a message when the answer of WhatsApp was lost.", examples: "hold"),
    ]

    static let rules = [SchemaRule.excludes("dailyLimit", "tier", label: "the limit is given here")]

    mutating func complete(_ reader: FieldReader, isWhole: Bool) -> Bool {
        if quotaGroup.isEmpty { quotaGroup = phoneNumberId }
        return true
    }
}

/// WhatsApp's limits of business-initiated messages in 24 hours, in the words of its API: `TIER_250`, `TIER_2K`, `TIER_UNLIMITED`.
public enum MessagingTier {
    /// The ladder of October 2025: the limits that a business portfolio climbs.
    static let ladder = [250, 2_000, 10_000, 100_000]

    /// The words that specs may have.
    fileprivate static let names = [
        "TIER_50", "TIER_250", "TIER_1K", "TIER_2K", "TIER_10K", "TIER_100K", "TIER_UNLIMITED", "unlimited",
    ]

    /// Reads a tier, with or without `TIER_`, in any case.
    ///
    /// - Returns: `.some(nil)` for no limit; `nil` for a text that names none, such as `TIER_NOT_SET`.
    public static func limit(_ text: String) -> Int?? {
        var tier = text.uppercased()[...]
        if tier.hasPrefix("TIER_") { tier = tier.dropFirst("TIER_".count) }
        if tier == "UNLIMITED" { return .some(nil) }
        let (digits, factor) = tier.hasSuffix("K") ? (tier.dropLast(), 1_000) : (tier, 1)
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(digits),
            (0...1_000_000).contains(number)
        else { return nil }
        return .some(number * factor)
    }
}

extension FieldCodec<Int?> {
    /// Reads a messaging tier as its limit; `nil` is no limit.
    fileprivate static var messagingTier: Self {
        Self(
            schema: .anyOf(
                .integer(1...4),
                SchemaValue(
                    ["enum": .array(MessagingTier.ladder.map(JSONValue.integer))],
                    words: "250, 2,000, 10,000 or 100,000"
                ),
                SchemaValue(
                    ["enum": .array(MessagingTier.names.map(JSONValue.string))],
                    words: "`unlimited`, or a word such as `TIER_2K`"
                )
            ),
            read: { reader, key in
                let text = reader.node(key)?.node.scalar?.text ?? ""
                if MessagingTier.names.contains(text) { return MessagingTier.limit(text) }
                if let step = Int(text), MessagingTier.ladder.contains(step) {
                    return reader.integer(key, in: step...step)?.value
                }
                guard let tier = reader.integer(key, in: 1...4)?.value else { return nil }
                return .some([1: 1_000, 2: 10_000, 3: 100_000][tier])
            },
            json: { $0.map(JSONValue.integer) ?? "unlimited" }
        )
    }
}

extension FieldCodec<String> {
    fileprivate static var phoneNumberID: Self {
        let help = "it is the id of the number in WhatsApp Manager: digits only"
        return keyPart(upTo: 64, form: "a phone number id", help: help)
    }

    fileprivate static var quotaGroup: Self {
        keyPart(upTo: 100, form: "a quota group", help: "use letters, digits, `-`, `_` and `.`")
    }

    /// Reads a text that may be part of a Redis key; braces would move the key to another slot of a cluster.
    private static func keyPart(upTo limit: Int, form: String, help: String) -> Self {
        text(upTo: limit, pattern: "^[A-Za-z0-9._-]+$", form: form, help: help) { text in
            text.utf8.allSatisfy { byte in
                let isLetter = (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
                return isLetter || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || [UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: ".")].contains(byte)
            }
        }
    }
}

extension FieldCodec<SecretReference> {
    /// Makes a field for a reference to a secret.
    ///
    /// - Parameters:
    ///   - secret: What it refers to, for the message about a secret in a spec: `token`.
    ///   - example: A reference.
    /// - Returns: The codec.
    static func secretReference(of secret: String, example: String) -> Self {
        Self(
            schema: .text(pattern: "^(env:[A-Za-z_][A-Za-z0-9_]*|file:/.+)$", words: "`env:NAME` or `file:/path`"),
            read: { reader, key in
                reader.guardSecret(key)
                guard let read = reader.node(key) else { return nil }
                guard let scalar = read.node.scalar, !scalar.text.isEmpty else {
                    reader.sink.reportWrongType(
                        of: read.node,
                        field: read.field,
                        expected: "`env:NAME` or `file:/path`"
                    )
                    return nil
                }
                if let reference = SecretReference(scalar.text) { return reference }
                let help = "refer to it: `\(example)` or `file:/run/secrets/whatsapp`"
                let (code, problem): (DiagnosticCode, String) =
                    scalar.text.hasReferencePrefix
                    ? (.invalidValue, "refers to no variable or absolute path")
                    : (.literalSecret, "holds a \(secret) instead of a reference to one")
                reader.sink.report(code, at: read.range, field: read.field, "`\(key)` \(problem)", help: help)
                return nil
            },
            json: { .string($0.description) }
        )
    }
}

/// A reference to a secret, never the secret itself.
public enum SecretReference: Hashable, Sendable, CustomStringConvertible {
    /// An environment variable of the daemon.
    case environment(String)
    /// A file on the daemon's machine, by its absolute path.
    case file(String)

    /// Reads `env:NAME` or `file:/path`; anything else is `nil` and may be a secret, so it must not be shown.
    public init?(_ text: String) {
        if text.hasPrefix("env:") {
            let name = text.dropFirst(4)
            let isValid = name.utf8.allSatisfy { byte in
                byte == UInt8(ascii: "_") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte & 0xDF) && byte < 0x80
            }
            guard isValid, let first = name.first, !first.isNumber else { return nil }
            self = .environment(String(name))
        } else if text.hasPrefix("file:/"), text.utf8.count > 6 {
            self = .file(String(text.dropFirst(5)))
        } else {
            return nil
        }
    }

    /// The reference in the form of a spec.
    public var description: String {
        switch self {
        case .environment(let name): "env:\(name)"
        case .file(let path): "file:\(path)"
        }
    }
}
