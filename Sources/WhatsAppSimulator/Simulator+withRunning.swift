public import Logging
import ServiceLifecycle

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
