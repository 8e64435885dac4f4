import Synchronization

/// The settings of a simulator: its address, the limits it enforces, and its first faults.
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
    /// The accepted bearer tokens; an empty list accepts any token that is not empty.
    public var acceptedTokens: Set<String> = []
    /// The phone number ids that exist; an empty list accepts any.
    public var knownNumbers: Set<String> = []
    /// True if a `to` without a leading `+` is an error, because the real service guesses its country.
    public var requiresPlus = true
    /// The id of the business account in webhooks.
    public var accountID = "102290129340398"
    /// The number shown to recipients, in webhooks and in `GET /{phoneNumberId}`.
    public var displayPhoneNumber = "551130000000"
    /// The quality that `GET /{phoneNumberId}` returns.
    public var qualityRating = "GREEN"
    /// The messaging limit that `GET /{phoneNumberId}` returns; the enforced limits are in ``limits``.
    public var messagingLimit = "TIER_UNLIMITED"
    /// The limits that are enforced; none at first.
    public var limits = SimulatorLimits()
    /// The address and content of statuses.
    public var webhooks = WebhookConfiguration()
    /// The faults at start and after a reset.
    public var faults = SimulatorFaults()
    /// The rules of the real service at start and after a reset; all off at first.
    public var rules = SimulatorRules()
    /// Templates, numbers and account at start and after a reset.
    public var management = ManagementSettings()
    /// The time of the management side; moved forward on demand.
    public var clock = SimulatedClock()
    /// The file that gets one line per request; `nil` keeps no ledger.
    public var ledgerPath: String?
    /// The seed of every random decision; the same seed and recipients repeat the same run.
    public var seed: UInt64 = 1
    /// The longest time that a shutdown waits for requests and statuses in flight.
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
        try rules.validate()
        try management.validate()
    }
}

/// An error of a configuration, a setting, the ledger or the server.
public enum SimulatorError: Error, Hashable, Sendable {
    /// A setting is outside its range; `field` is its path, `reason` says what it may be.
    case invalid(field: String, reason: String)
    /// A JSON document could not be read as what it should be.
    case unreadable(what: String, reason: String)
    /// The ledger file cannot be opened, read or written.
    case ledger(path: String, reason: String)
    /// The server ended before it listened on its port.
    case notListening(reason: String)
}

extension SimulatorError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .invalid(let field, let reason): "'\(field)' \(reason)"
        case .unreadable(let what, let reason): "cannot read \(what): \(reason)"
        case .ledger(let path, let reason): "ledger '\(path)': \(reason)"
        case .notListening(let reason): "the simulator is not listening: \(reason)"
        }
    }
}

/// The port of a server; callers that ask before it listens wait for it.
final class Readiness: Sendable {
    private typealias Waiting = CheckedContinuation<Result<Int, SimulatorError>, Never>

    private enum State: Sendable {
        case starting([Waiting])
        case ready(port: Int)
        case ended(SimulatorError)
    }

    private let state = Mutex(State.starting([]))

    /// The port, once the server listens and until it ends.
    var port: Int? {
        state.withLock { state in
            guard case .ready(let port) = state else { return nil }
            return port
        }
    }

    /// Waits for the port; a server that ends without having one ends the wait.
    func wait() async throws(SimulatorError) -> Int {
        let result = await withCheckedContinuation { continuation in
            let known: Result<Int, SimulatorError>? = state.withLock { state in
                switch state {
                case .starting(let waiting):
                    state = .starting(waiting + [continuation])
                    return nil
                case .ready(let port): return .success(port)
                case .ended(let error): return .failure(error)
                }
            }
            if let known { continuation.resume(returning: known) }
        }
        return try result.get()
    }

    func begin(port: Int) { move(to: .ready(port: port), telling: .success(port)) }

    func end(_ error: SimulatorError) { move(to: .ended(error), telling: .failure(error)) }

    private func move(to next: State, telling result: Result<Int, SimulatorError>) {
        let waiting = state.withLock { state in
            defer { state = next }
            guard case .starting(let waiting) = state else { return [Waiting]() }
            return waiting
        }
        for continuation in waiting { continuation.resume(returning: result) }
    }
}

/// The checks that configurations and faults share.
enum Check {
    static func that(_ condition: Bool, _ field: String, _ reason: @autoclosure () -> String) throws(SimulatorError) {
        guard condition else { throw .invalid(field: field, reason: reason()) }
    }

    static func share(_ value: Double, _ field: String) throws(SimulatorError) {
        try that(value >= 0 && value <= 1, field, "must be a share from 0 to 1, not \(value)")
    }

    static func status(_ value: Int?, _ field: String) throws(SimulatorError) {
        guard let value else { return }
        try that((400...599).contains(value), field, "must be an HTTP status from 400 to 599, not \(value)")
    }

    static func seconds(_ value: Double, _ field: String) throws(SimulatorError) {
        try that(value >= 0 && value <= 86_400, field, "must be 0 to 86400 seconds, not \(value)")
    }

    static func delay(_ range: ClosedRange<Duration>, _ field: String) throws(SimulatorError) {
        try that(range.lowerBound >= .zero, field, "must not begin below 0 seconds")
        try that(range.upperBound <= .seconds(86_400), field, "must not be longer than a day")
    }

    /// Accepts only addresses that can be posted to; a misspelled scheme would otherwise cause endless retries.
    static func url(_ value: String, _ field: String) throws(SimulatorError) {
        let isHTTP = value.hasPrefix("http://") || value.hasPrefix("https://")
        try that(isHTTP && !value.contains(" "), field, "must be like http://127.0.0.1:8080/path, not '\(value)'")
    }
}
