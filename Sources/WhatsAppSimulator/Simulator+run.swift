import AsyncHTTPClient
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle

extension Simulator {
    private enum Part: Sendable { case server, statuses, ledger, deadline }

    /// Serves until a graceful shutdown or cancellation; call it once.
    ///
    /// A graceful shutdown answers the requests under way, then posts the waiting statuses at once, then writes the rest
    /// of the ledger. Requests and statuses each get the shutdown timeout; what takes longer is given up. Cancellation
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
        while let part = try await group.next() {
            switch part {
            case .server:
                queue.finish(by: MonotonicTime.now() + configuration.shutdownTimeout.nanoseconds)
                group.addTask {
                    // Cancelled as soon as the statuses are through.
                    try? await Task.sleep(for: self.configuration.shutdownTimeout)
                    return .deadline
                }
            // Both leave nothing to wait for: what runs still is told to stop, and the ledger writes its rest.
            case .statuses, .deadline: group.cancelAll()
            case .ledger: break
            }
        }
    }

    /// Serves until a graceful shutdown, for which requests under way get the shutdown timeout.
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
                // One of the two ended by itself; the other was cancelled for it.
            }
        }
    }

    private var application: Application<SimulatorResponder> {
        var quiet = logger
        // One line per connection and request would drown those of the simulator.
        quiet.logLevel = max(logger.logLevel, .warning)
        return Application(
            responder: SimulatorResponder(configuration: configuration, desk: desk, queue: queue, ledger: ledger),
            configuration: .init(address: .hostname(configuration.host, port: configuration.port)),
            onServerRunning: { channel in
                guard let port = channel.localAddress?.port else { return }
                self.logger.info("Simulator is listening", metadata: ["port": "\(port)"])
                self.readiness.begin(port: port)
            },
            logger: quiet
        )
    }
}
