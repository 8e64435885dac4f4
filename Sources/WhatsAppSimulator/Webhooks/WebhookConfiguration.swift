/// The webhook settings: address, signature, and the statuses of accepted messages.
public struct WebhookConfiguration: Sendable {
    /// The address that statuses are posted to; `nil` posts none.
    public var url: String?
    /// The key of the signature over each body.
    public var appSecret = ""
    /// The share of accepted messages that are delivered, 0 to 1.
    public var deliveredShare = 0.97
    /// The share of accepted messages that are read, 0 to ``deliveredShare``.
    public var readShare = 0.6
    /// The share of accepted messages that fail after `sent`; with ``deliveredShare`` at most 1.
    public var failedShare = 0.01
    /// The error code of failed messages.
    public var failedCode = 131_026
    /// The share of read messages that come as `read` without a `delivered` before, 0 to 1.
    public var omittedDeliveredShare = 0.0
    /// The time from acceptance to `sent`.
    public var sentDelay: ClosedRange<Duration> = .zero ... .milliseconds(50)
    /// The time from `sent` to `delivered` or `failed`.
    public var deliveredDelay: ClosedRange<Duration> = .milliseconds(50) ... .milliseconds(500)
    /// The time from `delivered` to `read`.
    public var readDelay: ClosedRange<Duration> = .milliseconds(500) ... .seconds(3)
    /// The pricing category in statuses of templates that the simulator does not know; others have their own, and messages
    /// without a template `service`.
    public var pricingCategory = "marketing"
    /// The most statuses in one request, 1 to 1000.
    public var batchSize = 100
    /// The longest time that statuses wait to share a request; at most 50 ms.
    public var flushInterval: Duration = .milliseconds(20)
    /// Maximum number of concurrent requests, 1 to 8.
    public var concurrentRequests = 4
    /// Time limit of one request.
    public var requestTimeout: Duration = .seconds(10)
    /// Time limit of retries after the first failure of a batch.
    public var retryTimeout: Duration = .seconds(60)
    /// Maximum number of attempts for a batch, 1 to 100.
    public var maximumAttempts = 12
    /// Number of messages that may wait for their next status; beyond it requests wait up to a second each.
    public var maximumPending = 100_000

    /// Makes the configuration with its defaults, which post nothing because the address is missing.
    public init() {}

    func validate() throws(SimulatorError) {
        if let url {
            try Check.url(url, "webhooks.url")
            try Check.that(!appSecret.isEmpty, "webhooks.appSecret", "is empty: give the key that signs webhooks")
        }
        try Check.share(deliveredShare, "webhooks.deliveredShare")
        try Check.share(readShare, "webhooks.readShare")
        try Check.share(failedShare, "webhooks.failedShare")
        try Check.share(omittedDeliveredShare, "webhooks.omittedDeliveredShare")
        try Check.that(readShare <= deliveredShare, "webhooks.readShare", "must not be more than deliveredShare")
        try Check.that(
            failedShare + deliveredShare <= 1.000_001,
            "webhooks.failedShare",
            "must leave room for deliveredShare: together at most 1"
        )
        try Check.delay(sentDelay, "webhooks.sentDelay")
        try Check.delay(deliveredDelay, "webhooks.deliveredDelay")
        try Check.delay(readDelay, "webhooks.readDelay")
        try validateTransport()
    }

    private func validateTransport() throws(SimulatorError) {
        try Check.that((1...1_000).contains(batchSize), "webhooks.batchSize", "must be 1 to 1000, not \(batchSize)")
        try Check.that(
            flushInterval > .zero && flushInterval <= .milliseconds(50),
            "webhooks.flushInterval",
            "must be more than 0 and at most 50 milliseconds"
        )
        try Check.that(
            (1...8).contains(concurrentRequests),
            "webhooks.concurrentRequests",
            "must be 1 to 8, not \(concurrentRequests)"
        )
        try Check.that(requestTimeout > .zero, "webhooks.requestTimeout", "must be more than 0 seconds")
        try Check.that(retryTimeout >= .zero, "webhooks.retryTimeout", "must not be less than 0 seconds")
        try Check.that(
            (1...100).contains(maximumAttempts),
            "webhooks.maximumAttempts",
            "must be 1 to 100, not \(maximumAttempts)"
        )
        try Check.that(maximumPending > 0, "webhooks.maximumPending", "must be at least 1, not \(maximumPending)")
    }
}
