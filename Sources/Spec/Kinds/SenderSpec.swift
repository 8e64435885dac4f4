public import JSON

/// A phone number that messages are sent from.
public struct SenderSpec: SpecContent {
    /// What happens when one recipient got too many messages in a short time (code 131056).
    public enum PairLimit: String, Hashable, Sendable, CaseIterable {
        /// The whole lane pauses.
        case pause
        /// Only that recipient waits.
        case `defer`
    }

    /// What happens when the 24 h quota is used up.
    public enum QuotaPolicy: String, Hashable, Sendable, CaseIterable {
        /// The campaign pauses until somebody resumes it.
        case pause
        /// The campaign goes on by itself when quota returns.
        case wait
    }

    /// What happens to a message whose answer was lost.
    public enum UnconfirmedPolicy: String, Hashable, Sendable, CaseIterable {
        /// It stays unconfirmed: never sent twice.
        case hold
        /// It is sent again: perhaps twice.
        case retry
    }

    public static let kind = SpecKind.sender

    public let header: SpecHeader
    public let phoneNumberId: String
    public let accessToken: SecretReference
    /// Business-initiated messages within 24 h; `nil` means unlimited.
    public let dailyLimit: Int?
    /// Messages per second, 1 to 1,000,000.
    public let ratePerSecond: Int
    /// Senders of one group share the daily limit; the phone number itself by default.
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

    /// All fields with their defaults; the tier appears as the limit that it stands for.
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
