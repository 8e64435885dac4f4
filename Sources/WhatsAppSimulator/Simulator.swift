public import Logging
public import ServiceLifecycle

/// A server that behaves like the WhatsApp Cloud API, for tests, demonstrations and fault runs.
///
/// It checks and answers send requests, posts signed statuses, keeps a ledger of every request, and fails on demand.
///
/// ```swift
/// try await Simulator.withRunning(logger: logger) { simulator in
///     let url = "http://127.0.0.1:\(try await simulator.waitUntilReady())/v23.0"
/// }
/// ```
public final class Simulator: Service {
    let configuration: SimulatorConfiguration
    let logger: Logger
    let readiness = Readiness()
    let queue: WebhookQueue
    let ledger: Ledger?
    let desk: MessageDesk

    /// Checks the configuration and opens the ledger; nothing listens before ``run()``.
    ///
    /// - Throws: ``SimulatorError`` for a setting outside its range or a ledger that cannot be opened.
    public init(configuration: SimulatorConfiguration = SimulatorConfiguration(), logger: Logger) throws(SimulatorError)
    {
        try configuration.validate()
        self.configuration = configuration
        self.logger = logger
        let payload = StatusPayload(
            accountID: configuration.accountID,
            displayPhoneNumber: configuration.displayPhoneNumber,
            pricingCategory: configuration.webhooks.pricingCategory
        )
        queue = WebhookQueue(configuration: configuration.webhooks, payload: payload)
        if let path = configuration.ledgerPath {
            ledger = try Ledger(path: path)
        } else {
            ledger = nil
        }
        desk = MessageDesk(configuration: configuration, queue: queue, ledger: ledger)
    }

    /// The port that is listened on; `nil` before and after.
    public var boundPort: Int? { readiness.port }

    /// The address of the server, to which clients add a version; `nil` while nothing listens.
    public var baseURL: String? { boundPort.map { "http://\(configuration.host):\($0)" } }

    /// Waits until requests can come, and returns the port.
    ///
    /// - Throws: ``SimulatorError/notListening(reason:)`` when ``run()`` ended, because the port is taken for example.
    public func waitUntilReady() async throws(SimulatorError) -> Int { try await readiness.wait() }

    /// The faults in force.
    public var faults: SimulatorFaults { desk.faults }

    /// Replaces all faults for requests from now on; the time of rejecting everything begins now.
    ///
    /// - Throws: ``SimulatorError/invalid(field:reason:)`` for a value outside its range; the old faults then stay.
    public func setFaults(_ faults: SimulatorFaults) throws(SimulatorError) {
        try faults.validate()
        desk.faults = faults
    }

    /// Changes where statuses go, also those that wait; `nil` forgets them and posts no more.
    ///
    /// - Throws: ``SimulatorError/invalid(field:reason:)`` for an address that cannot be posted to.
    public func setWebhookURL(_ url: String?) throws(SimulatorError) { try Self.setURL(url, on: queue) }

    /// What was done since the start or the last reset.
    public func summary() -> SimulatorSummary { desk.summary }

    /// How many messages to `recipient`, a number with `+` or a user id, were accepted.
    public func acceptedCount(of recipient: String) -> Int {
        guard let known = Recipient(to: recipient, requiresPlus: false) ?? Recipient(id: recipient, kind: .user) else {
            return 0
        }
        return desk.acceptedCount(of: known)
    }

    /// Forgets counts, limits and statuses that wait, and takes the faults of the start; the ledger keeps its lines.
    public func reset() { desk.reset() }

    static func setURL(_ url: String?, on queue: WebhookQueue) throws(SimulatorError) {
        if let url {
            try Check.url(url, "webhooks.url")
            try Check.that(
                !queue.configuration.appSecret.isEmpty,
                "webhooks.appSecret",
                "is empty: give the key that signs webhooks at start"
            )
        }
        queue.setURL(url)
    }
}
