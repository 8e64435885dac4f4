/// How a simulator starts: where it listens, what it enforces, and which faults it begins with.
///
/// ```swift
/// var configuration = SimulatorConfiguration()
/// configuration.webhooks.url = "http://127.0.0.1:8080/webhooks/whatsapp"
/// configuration.webhooks.appSecret = "secret"
/// configuration.ledgerPath = "/tmp/ledger.jsonl"
/// ```
public struct SimulatorConfiguration: Sendable {
    /// The address to listen on.
    public var host = "127.0.0.1"
    /// The port to listen on, 0...65535; 0 takes any free one.
    public var port = 0
    /// The bearer tokens that are let in; empty lets in any token that is not empty.
    public var acceptedTokens: Set<String> = []
    /// Whether a `to` without a leading `+` is an error, because the real service guesses its country.
    public var requiresPlus = true
    /// The id of the business account, as told in webhooks.
    public var accountID = "102290129340398"
    /// The number shown to recipients, as told in webhooks and by `GET /{phoneNumberId}`.
    public var displayPhoneNumber = "551130000000"
    /// The quality told by `GET /{phoneNumberId}`.
    public var qualityRating = "GREEN"
    /// The messaging limit told by `GET /{phoneNumberId}`; what is enforced is in ``limits``.
    public var messagingLimit = "TIER_UNLIMITED"
    /// The limits that are enforced; none at first.
    public var limits = SimulatorLimits()
    /// Where statuses go and what they tell.
    public var webhooks = WebhookConfiguration()
    /// The faults at start and after a reset.
    public var faults = SimulatorFaults()
    /// The file that gets one line per request; `nil` keeps no ledger.
    public var ledgerPath: String?
    /// The seed of every random decision; the same seed and recipients repeat the same run.
    public var seed: UInt64 = 1
    /// The longest time that a shutdown waits for requests and statuses under way.
    public var shutdownTimeout: Duration = .seconds(5)

    /// Makes the configuration with its defaults.
    public init() {}

    /// Checks every field.
    ///
    /// - Throws: ``SimulatorError/invalid(field:reason:)`` for the first field outside its range.
    public func validate() throws(SimulatorError) {
        try Check.that((0...65_535).contains(port), "port", "must be 0 to 65535, not \(port)")
        try Check.that(!host.isEmpty, "host", "is empty: give an address like 127.0.0.1")
        try Check.that(!acceptedTokens.contains(""), "acceptedTokens", "contains an empty token: remove it")
        try Check.that(shutdownTimeout > .zero, "shutdownTimeout", "must be more than 0 seconds")
        try limits.validate()
        try webhooks.validate()
        try faults.validate()
    }
}
