import AsyncHTTPClient
import Hummingbird
public import Logging
import NIOCore
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
    let admission: AdmissionControl
    let management: Management

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
        admission = AdmissionControl(configuration: configuration, queue: queue, ledger: ledger)
        management = Management(configuration: configuration, queue: queue, ledger: ledger)
    }

    /// The port on which the server listens; `nil` before and after.
    public var boundPort: Int? { readiness.port }

    /// The address of the server, to which clients add a version; `nil` while nothing listens.
    public var baseURL: String? { boundPort.map { "http://\(configuration.host):\($0)" } }

    /// Waits until the server accepts requests, and returns the port.
    ///
    /// - Throws: ``SimulatorError/notListening(reason:)`` when ``run()`` ended, because the port is taken for example.
    public func waitUntilReady() async throws(SimulatorError) -> Int { try await readiness.wait() }

    /// The current faults.
    public var faults: SimulatorFaults { admission.faults }

    /// Replaces all faults for requests from now on; the time in which all requests are rejected begins now.
    ///
    /// - Throws: ``SimulatorError/invalid(field:reason:)`` for a value outside its range; the old faults then stay.
    public func setFaults(_ faults: SimulatorFaults) throws(SimulatorError) {
        try faults.validate()
        admission.faults = faults
    }

    /// The current settings of templates, numbers and account.
    public var managementSettings: ManagementSettings { management.settings }

    /// Replaces the settings of templates, numbers and account; templates stay.
    ///
    /// - Throws: ``SimulatorError/invalid(field:reason:)`` for a value outside its range; the old settings then stay.
    public func setManagement(_ settings: ManagementSettings) throws(SimulatorError) {
        try settings.validate()
        management.setSettings(settings)
    }

    /// The last calls of the management side, the oldest one first.
    public var managementCalls: [ManagementEntry] { management.entries }

    /// Moves the time of the management side forward; what is due then is done at once.
    public func advanceClock(by duration: Duration) { management.advance(by: duration) }

    /// The current rules.
    public var rules: SimulatorRules { admission.rules }

    /// Changes the address of statuses, also of waiting ones; `nil` drops these and posts no more.
    ///
    /// - Throws: ``SimulatorError/invalid(field:reason:)`` for an address that cannot be posted to.
    public func setWebhookURL(_ url: String?) throws(SimulatorError) { try Self.setURL(url, on: queue) }

    /// Returns the counts since the start or the last reset.
    public func summary() -> SimulatorSummary { admission.summary }

    /// Returns the number of accepted messages to `recipient`, a number with `+` or a user id.
    public func acceptedCount(of recipient: String) -> Int {
        guard let known = Recipient(to: recipient, requiresPlus: false) ?? Recipient(id: recipient, kind: .user) else {
            return 0
        }
        return admission.acceptedCount(of: known)
    }

    /// Clears counts, limits and waiting statuses, and restores the initial faults; the ledger keeps its lines.
    public func reset() {
        admission.reset()
        management.reset()
    }

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

extension Simulator {
    private enum Part: Sendable { case server, statuses, ledger, management, deadline }

    /// Serves until a graceful shutdown or cancellation; call it once.
    ///
    /// A graceful shutdown answers the requests in flight, then posts the waiting statuses at once, then writes the
    /// rest of the ledger. Requests and statuses each get the shutdown timeout; longer ones are given up. Cancellation
    /// gives up both, but the ledger is still written.
    ///
    /// - Throws: ``SimulatorError/ledger(path:reason:)`` when the ledger cannot be written, and errors of the server.
    public func run() async throws {
        do {
            try await withThrowingTaskGroup(of: Part.self) { try await run(in: &$0) }
        } catch {
            readiness.end(.notListening(reason: "\(error)"))
            try await ledger?.writeRest()
            throw error
        }
        readiness.end(.notListening(reason: "it was stopped"))
        try await ledger?.writeRest()
    }

    private func run(in group: inout ThrowingTaskGroup<Part, any Error>) async throws {
        group.addTask {
            try await self.serve()
            return .server
        }
        group.addTask {
            await WebhookDispatcher(queue: self.queue, client: .shared, logger: self.logger).run()
            return .statuses
        }
        group.addTask {
            try await self.ledger?.run()
            return .ledger
        }
        group.addTask {
            await self.management.run()
            return .management
        }
        while let part = try await group.next() {
            switch part {
            case .server:
                queue.finish(by: MonotonicTime.now() + configuration.shutdownTimeout.nanoseconds)
                group.addTask {
                    // Cancelled as soon as the statuses are through.
                    try? await Task.sleep(for: self.configuration.shutdownTimeout)
                    return .deadline
                }
            // In both cases nothing is left to wait for: running tasks are cancelled, and the ledger writes its rest.
            case .statuses, .deadline: group.cancelAll()
            case .ledger, .management: break
            }
        }
    }

    /// Serves until a graceful shutdown, during which requests in flight get the shutdown timeout.
    private func serve() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.application.run() }
            group.addTask {
                try await gracefulShutdown()
                try await Task.sleep(for: self.configuration.shutdownTimeout)
            }
            try await group.next()
            group.cancelAll()
            do {
                try await group.waitForAll()
            } catch is CancellationError {
                // One of the two tasks ended by itself, so the other was cancelled.
            }
        }
    }

    private var application: Application<SimulatorResponder> {
        var quiet = logger
        // One line per connection and request would drown those of the simulator.
        quiet.logLevel = max(logger.logLevel, .warning)
        return Application(
            responder: SimulatorResponder(
                configuration: configuration,
                admission: admission,
                queue: queue,
                ledger: ledger,
                management: management
            ),
            configuration: .init(address: .hostname(configuration.host, port: configuration.port)),
            onServerRunning: { channel in
                guard let port = channel.localAddress?.port else { return }
                self.logger.info("Simulator listening", metadata: ["port": "\(port)"])
                self.readiness.begin(port: port)
            },
            logger: quiet
        )
    }
}

extension Simulator {
    /// Runs a simulator as long as `body` takes, from its first possible request to its shutdown; meant for tests.
    ///
    /// - Throws: ``SimulatorError`` when it cannot start, errors of ``run()``, and what `body` throws.
    public static func withRunning<Result: Sendable>(
        configuration: SimulatorConfiguration = SimulatorConfiguration(),
        logger: Logger,
        _ body: (Simulator) async throws -> Result
    ) async throws -> Result {
        let simulator = try Simulator(configuration: configuration, logger: logger)
        let services = ServiceGroup(configuration: .init(services: [simulator], logger: logger))
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await services.run() }
            do {
                _ = try await simulator.waitUntilReady()
                let result = try await body(simulator)
                await services.triggerGracefulShutdown()
                try await group.waitForAll()
                return result
            } catch {
                await services.triggerGracefulShutdown()
                throw error
            }
        }
    }
}
