public import JSON
import YAML

/// A phone number that messages are sent from.
public struct SenderSpec: SpecContent {
    /// The reaction when one recipient got too many messages in a short time (code 131056).
    public enum PairLimit: String, Hashable, Sendable, CaseIterable {
        /// All messages of the sender pause.
        case pause
        /// Only messages to that recipient wait.
        case `defer`
    }

    /// The reaction when the 24 h quota is used up.
    public enum QuotaPolicy: String, Hashable, Sendable, CaseIterable {
        /// The campaign pauses until an operator resumes it.
        case pause
        /// The campaign continues by itself when quota returns.
        case wait
    }

    /// The rule for a message whose answer from WhatsApp was lost.
    public enum UnconfirmedPolicy: String, Hashable, Sendable, CaseIterable {
        /// It stays unconfirmed, and is never sent twice.
        case hold
        /// It is sent again, and perhaps arrives twice.
        case retry
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

    public let header: SpecHeader
    public let phoneNumberId: String
    public let accessToken: SecretReference
    /// Business-initiated messages within 24 h; `nil` means unlimited.
    public let dailyLimit: Int?
    /// Messages per second, 1 to 1,000,000.
    public let ratePerSecond: Int
    /// Senders of one group share the daily limit; by default the group is the phone number.
    public let quotaGroup: String
    public let pairLimit: PairLimit
    public let onQuotaExhausted: QuotaPolicy
    public let unconfirmedPolicy: UnconfirmedPolicy

    /// Makes a sender of values that are valid already.
    public init(
        header: SpecHeader,
        phoneNumberId: String,
        accessToken: SecretReference,
        dailyLimit: Int? = 10_000,
        ratePerSecond: Int = 80,
        quotaGroup: String? = nil,
        pairLimit: PairLimit = .pause,
        onQuotaExhausted: QuotaPolicy = .pause,
        unconfirmedPolicy: UnconfirmedPolicy = .hold
    ) {
        self.header = header
        self.phoneNumberId = phoneNumberId
        self.accessToken = accessToken
        self.dailyLimit = dailyLimit
        self.ratePerSecond = ratePerSecond
        self.quotaGroup = quotaGroup ?? phoneNumberId
        self.pairLimit = pairLimit
        self.onQuotaExhausted = onQuotaExhausted
        self.unconfirmedPolicy = unconfirmedPolicy
    }

    /// All fields with their defaults; the tier appears as its limit.
    public var canonical: JSONValue {
        var fields = header.canonicalFields
        fields["phoneNumberId"] = .string(phoneNumberId)
        fields["accessToken"] = .string(accessToken.description)
        fields["dailyLimit"] = dailyLimit.map(JSONValue.integer) ?? "unlimited"
        fields["ratePerSecond"] = .integer(ratePerSecond)
        fields["quotaGroup"] = .string(quotaGroup)
        fields["pairLimit"] = .string(pairLimit.rawValue)
        fields["onQuotaExhausted"] = .string(onQuotaExhausted.rawValue)
        fields["unconfirmedPolicy"] = .string(unconfirmedPolicy.rawValue)
        return .object(fields)
    }
}

extension SenderSpec: SpecDefinition {
    init?(_ reader: inout FieldReader) {
        let header = SpecHeader(&reader)
        let phoneNumberId = Self.phoneNumberId(&reader)
        let accessToken = Self.accessToken(&reader)
        let dailyLimit = Self.dailyLimit(&reader)
        let rate = reader.integer("ratePerSecond", in: 1...1_000_000)
        let quotaGroup = reader.text("quotaGroup", required: false, upTo: 100)
        let pairLimit = reader.choice("pairLimit", of: PairLimit.self)
        let onQuotaExhausted = reader.choice("onQuotaExhausted", of: QuotaPolicy.self)
        let unconfirmedPolicy = reader.choice("unconfirmedPolicy", of: UnconfirmedPolicy.self)
        if let quotaGroup, !Self.isKeyPart(quotaGroup.value) {
            let help = "use letters, digits, `-`, `_` and `.`"
            let message = "`\(quotaGroup.value)` is not a quota group"
            reader.sink.report(.invalidValue, at: quotaGroup.range, field: quotaGroup.field, message, help: help)
        }
        guard let header, let phoneNumberId, let accessToken else { return nil }
        self.init(
            header: header,
            phoneNumberId: phoneNumberId,
            accessToken: accessToken,
            dailyLimit: dailyLimit,
            ratePerSecond: rate?.value ?? 80,
            quotaGroup: quotaGroup?.value,
            pairLimit: pairLimit ?? .pause,
            onQuotaExhausted: onQuotaExhausted ?? .pause,
            unconfirmedPolicy: unconfirmedPolicy ?? .hold
        )
    }

    private static func phoneNumberId(_ reader: inout FieldReader) -> String? {
        guard let read = reader.text("phoneNumberId", upTo: 64) else { return nil }
        guard isKeyPart(read.value) else {
            let help = "it is the id of the number in WhatsApp Manager: digits only"
            let message = "`\(read.value)` is not a phone number id"
            reader.sink.report(.invalidValue, at: read.range, field: read.field, message, help: help)
            return nil
        }
        return read.value
    }

    /// True if a text may be part of a Redis key; braces would move the key to another slot of a cluster.
    private static func isKeyPart(_ text: String) -> Bool {
        text.utf8.allSatisfy { byte in
            let isLetter = (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
            return isLetter || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || [UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: ".")].contains(byte)
        }
    }

    private static func accessToken(_ reader: inout FieldReader) -> SecretReference? {
        reader.require("accessToken")
        reader.guardSecret("accessToken")
        guard let read = reader.node("accessToken") else { return nil }
        guard let scalar = read.node.scalar, !scalar.text.isEmpty else {
            reader.sink.reportWrongType(of: read.node, field: read.field, expected: "`env:NAME` or `file:/path`")
            return nil
        }
        if let reference = SecretReference(scalar.text) { return reference }
        let help = "refer to it: `env:WHATSAPP_TOKEN` or `file:/run/secrets/whatsapp`"
        if scalar.text.hasReferencePrefix {
            let message = "`accessToken` refers to no variable or absolute path"
            reader.sink.report(.invalidValue, at: read.range, field: read.field, message, help: help)
        } else {
            let message = "`accessToken` holds a token instead of a reference to one"
            reader.sink.report(.literalSecret, at: read.range, field: read.field, message, help: help)
        }
        return nil
    }

    private static func dailyLimit(_ reader: inout FieldReader) -> Int? {
        let isUnlimited = reader.unlimited("dailyLimit")
        let limit = isUnlimited ? nil : reader.integer("dailyLimit", in: 1...1_000_000_000)
        let tier = reader.integer("tier", in: 1...4)
        if reader.exclude("tier", with: "dailyLimit", label: "the limit is given here") { return nil }
        if isUnlimited { return nil }
        if let limit { return limit.value }
        switch tier?.value {
        case 1: return 1_000
        case 3: return 100_000
        case 4: return nil
        default: return 10_000
        }
    }
}

extension FieldReader {
    /// True if a field says `unlimited` instead of a number.
    fileprivate mutating func unlimited(_ key: String) -> Bool {
        guard let read = node(key), let scalar = read.node.scalar else { return false }
        return scalar.text == "unlimited"
    }
}

extension SenderSpec {
    static var schema: SchemaObject {
        SchemaObject(identityFields + limitFields + policyFields, rules: .excludes("dailyLimit", ["tier"]))
    }

    private static var identityFields: [SchemaField] {
        [
            SchemaField(
                "phoneNumberId",
                .text(upTo: 64, pattern: "^[A-Za-z0-9._-]+$"),
                isRequired: true,
                "The id of the number in WhatsApp Manager, in quotes; not the number itself.",
                examples: "106540352242922"
            ),
            SchemaField(
                "accessToken",
                .text(pattern: "^(env:[A-Za-z_][A-Za-z0-9_]*|file:/.+)$", words: "`env:NAME` or `file:/path`"),
                isRequired: true,
                "The environment variable or the file that holds the access token; never the token itself.",
                examples: "env:WHATSAPP_TOKEN_ACME",
                "file:/run/secrets/whatsapp"
            ),
        ]
    }

    private static var limitFields: [SchemaField] {
        [
            SchemaField(
                "tier",
                .integer(1...4),
                default: 2,
                "The messaging tier: 1 is 1,000 business-initiated messages in 24 hours, 2 is 10,000, 3 is 100,000, 4 is "
                    + "unlimited. Excludes `dailyLimit`.",
                examples: 2
            ),
            SchemaField(
                "dailyLimit",
                .anyOf(.integer(1...1_000_000_000), .constant("unlimited")),
                "The number of business-initiated messages in 24 hours, or `unlimited`. Excludes `tier`.",
                examples: 250,
                "unlimited"
            ),
            SchemaField(
                "ratePerSecond",
                .integer(1...1_000_000),
                default: 80,
                "The maximum number of messages per second.",
                examples: 80
            ),
            SchemaField(
                "quotaGroup",
                .text(upTo: 100, pattern: "^[A-Za-z0-9._-]+$"),
                "Senders of one group share one 24 hour quota. By default each phone number has its own.",
                examples: "portfolio-1"
            ),
        ]
    }

    private static var policyFields: [SchemaField] {
        [
            SchemaField(
                "pairLimit",
                .choice(PairLimit.self) { limit in
                    switch limit {
                    case .pause: "All messages of the sender pause."
                    case .defer: "Only messages to that recipient wait."
                    }
                },
                default: "pause",
                "What happens when one recipient got too many messages in a short time (code 131056).",
                examples: "defer"
            ),
            SchemaField(
                "onQuotaExhausted",
                .choice(QuotaPolicy.self) { policy in
                    switch policy {
                    case .pause: "The campaign pauses until an operator resumes it."
                    case .wait: "The campaign continues by itself when quota returns."
                    }
                },
                default: "pause",
                "What happens when the 24 hour quota is used up.",
                examples: "wait"
            ),
            SchemaField(
                "unconfirmedPolicy",
                .choice(UnconfirmedPolicy.self) { policy in
                    switch policy {
                    case .hold: "It stays unconfirmed, and is never sent twice."
                    case .retry: "It is sent again, and perhaps arrives twice."
                    }
                },
                default: "hold",
                "What happens to a message when the answer of WhatsApp was lost.",
                examples: "hold"
            ),
        ]
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
