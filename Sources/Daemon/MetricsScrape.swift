import API
import Foundation
import Postgres
import Prometheus
import Runtime
import Store
import Synchronization

/// Everything that Prometheus gets in one answer: what was counted, and what is read at this moment.
///
/// What cannot be read in time is left out, and a metric says so; an answer always comes.
final class MetricsScrape: Sendable {
    /// Prometheus itself waits for 10 s.
    private static let patience = Duration.seconds(2)
    /// Whoever asks more often than this gets the same answer, so that nobody keeps Postgres busy by asking.
    private static let freshness = Duration.milliseconds(500)

    private let registry: PrometheusRegistry
    private let pool: PostgresPool
    private let lanes: LaneServices?
    private let specs: (@Sendable () -> SpecsState)?
    private let backlog: BacklogRepository
    private let last = Mutex<(at: ContinuousClock.Instant, text: String)?>(nil)

    /// Makes a scrape.
    ///
    /// - Parameters:
    ///   - registry: Where the daemon counts.
    ///   - pool: Its connections.
    ///   - lanes: What it sends with; `nil` shows no lanes.
    ///   - specs: How applying the specs fares; `nil` when something else does it.
    init(
        registry: PrometheusRegistry,
        pool: PostgresPool,
        lanes: LaneServices?,
        specs: (@Sendable () -> SpecsState)?
    ) {
        (self.registry, self.pool, self.lanes, self.specs) = (registry, pool, lanes, specs)
        backlog = BacklogRepository(pool: pool)
    }

    /// The answer, in the text format of Prometheus.
    func text() async -> String {
        if let last = last.withLock({ $0 }), last.at + Self.freshness > .now { return last.text }
        let text = PrometheusText.render(await samples())
        last.withLock { $0 = (.now, text) }
        return text
    }

    private func samples() async -> [MetricSample] {
        // Before our own query takes a connection.
        let connections = connectionSamples()
        async let tenants = tenantSamples()
        async let queues = laneSamples()
        return await registry.samples + tenants + queues + connections + gateSamples() + ProcessSamples.read()
            + (specs.map { Self.samples(of: $0()) } ?? [])
    }

    private func tenantSamples() async -> [MetricSample] {
        guard let tenants = await withTimeLimit({ try await self.backlog.tenants(deadline: Self.patience) }) else {
            return [MetricSample(.postgresUp, 0)]
        }
        return [MetricSample(.postgresUp, 1)]
            + tenants.flatMap { tenant in
                [
                    MetricSample(.openRuns, [tenant.tenantID], tenant.openRuns),
                    MetricSample(.openMessages, [tenant.tenantID], tenant.openMessages),
                    MetricSample(.unconfirmed, [tenant.tenantID], tenant.unconfirmed),
                ]
            }
    }

    private func laneSamples() async -> [MetricSample] {
        guard let lanes else { return [] }
        return await LaneSamples(redis: lanes.redis, workers: lanes.workers.all)
            .read(deadline: .now + Self.patience) { ids in
                guard !ids.isEmpty else { return [:] }
                return await withTimeLimit { try await self.backlog.dueFor(ids, deadline: Self.patience) } ?? [:]
            }
    }

    private func gateSamples() -> [MetricSample] {
        guard let gate = lanes?.gate else { return [] }
        return [
            MetricSample(.requestsInFlight, gate.inFlight),
            MetricSample(.breakerOpen, gate.isShut ? 1 : 0),
        ]
    }

    private func connectionSamples() -> [MetricSample] {
        let statistics = pool.statistics
        return [
            MetricSample(.connections, ["idle"], statistics.idle),
            MetricSample(.connections, ["busy"], statistics.open - statistics.idle),
            MetricSample(.connectionLimit, statistics.maxConnections),
            MetricSample(.connectionWaiters, statistics.waiting),
        ]
    }

    private static func samples(of state: SpecsState) -> [MetricSample] {
        func seconds(_ date: Date?) -> Int { Int(date?.timeIntervalSince1970 ?? 0) }
        return [
            MetricSample(.specsApplied, seconds(state.lastAppliedAt)),
            MetricSample(.specsAttempted, seconds(state.lastAttemptedAt)),
            MetricSample(.specsSucceeded, state.reason == nil ? 1 : 0),
            MetricSample(.specsCommits, [state.lastAppliedCommit ?? "", state.lastAttemptedCommit ?? ""], 1),
        ]
    }

    /// The wait for a connection counts too: a pool that is used up must not hold the answer up.
    private func withTimeLimit<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) async -> Value? {
        await withTaskGroup { group in
            group.addTask { try? await body() }
            group.addTask {
                // Ends early by cancellation, when the value is there.
                try? await Task.sleep(for: Self.patience)
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
    }
}
