import API
import Foundation
import Postgres
import Prometheus
import Redis
import Runtime
import Store
import Synchronization

/// The answer to a scrape of Prometheus: the counted metrics, and those that are read at the scrape.
///
/// Metrics that cannot be read in time are left out, and another metric shows that; there is always an answer.
final class MetricsScrape: Sendable {
    /// Prometheus itself waits for 10 s.
    private static let patience = Duration.seconds(2)
    /// Time for which an answer is cached, so that frequent scrapes do not load Postgres.
    private static let freshness = Duration.milliseconds(500)

    private let registry: PrometheusRegistry
    private let pool: PostgresPool
    private let lanes: LaneServices?
    private let watch: RedisWatch?
    private let specs: (@Sendable () -> SpecsState)?
    private let build: [String]
    private let backlog: BacklogRepository
    private let last = Mutex<(at: ContinuousClock.Instant, text: String)?>(nil)

    /// Makes a scrape.
    ///
    /// - Parameters:
    ///   - registry: The counted metrics.
    ///   - pool: The connections to Postgres.
    ///   - lanes: The lanes; `nil` for none.
    ///   - watch: Knows which servers of Redis may discard keys; `nil` leaves that out.
    ///   - specs: Returns the state of the loop that applies specs; `nil` without one.
    ///   - version: The version of the program.
    ///   - commit: The commit that it was built from.
    init(
        registry: PrometheusRegistry,
        pool: PostgresPool,
        lanes: LaneServices?,
        watch: RedisWatch?,
        specs: (@Sendable () -> SpecsState)?,
        version: String,
        commit: String
    ) {
        (self.registry, self.pool, self.lanes, self.specs) = (registry, pool, lanes, specs)
        (self.watch, build) = (watch, [version, commit])
        backlog = BacklogRepository(pool: pool)
    }

    /// Returns the answer in the text format of Prometheus.
    func text() async -> String {
        if let last = last.withLock({ $0 }), last.at + Self.freshness > .now { return last.text }
        let text = PrometheusText.render(await samples())
        last.withLock { $0 = (.now, text) }
        return text
    }

    private func samples() async -> [MetricSample] {
        // Read first, before the query below takes a connection.
        let connections = connectionSamples()
        async let tenants = tenantSamples()
        async let queues = laneSamples()
        async let quotas = quotaSamples()
        return await registry.samples + tenants + queues + quotas + connections + gateSamples() + ProcessSamples.read()
            + [MetricSample(.build, build, 1)] + (watch.map { [MetricSample(.redisEvicts, $0.evicting.count)] } ?? [])
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
        // Known without Redis, and most of all wanted when it is down.
        let waiting = lanes.workers.all.prefix(LaneSamples.largestCount).flatMap { worker in
            let (lane, reason) = (worker.lane, worker.condition.waiting.reason)
            return [
                MetricSample(.laneWaiting, [lane.tenantID, lane.name, reason.rawValue], 1),
                MetricSample(.lanePace, [lane.tenantID, lane.name], lane.ratePerSecond),
            ]
        }
        let queues = await LaneSamples(redis: lanes.redis, workers: lanes.workers.all)
            .read(deadline: .now + Self.patience) { ids in
                guard !ids.isEmpty else { return [:] }
                return await withTimeLimit { try await self.backlog.dueFor(ids, deadline: Self.patience) } ?? [:]
            }
        return waiting + queues
    }

    private func quotaSamples() async -> [MetricSample] {
        let lanes = (self.lanes?.workers.all ?? []).prefix(LaneSamples.largestCount).map(\.lane)
        guard !lanes.isEmpty else { return [] }
        let groups = Set(lanes.map(\.quotaGroup)).sorted()
        let used = await withTimeLimit {
            try await self.pool.withConnection { connection in
                try await QuotaRepository().used(by: groups, now: Date(), on: connection)
            }
        }
        return lanes.flatMap { lane in
            let labels = [lane.tenantID, lane.name]
            return (used.map { [MetricSample(.laneQuotaUsed, labels, $0[lane.quotaGroup] ?? 0)] } ?? [])
                + (lane.dailyLimit.map { [MetricSample(.laneQuotaLimit, labels, $0)] } ?? [])
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

    /// Includes the wait for a connection: an exhausted pool must not delay the answer.
    private func withTimeLimit<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) async -> Value? {
        await withTaskGroup { group in
            group.addTask { try? await body() }
            group.addTask {
                // Cancelled when the value is there.
                try? await Task.sleep(for: Self.patience)
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
    }
}

/// The metrics of the lanes in Redis.
struct LaneSamples: Sendable {
    /// Largest number of lanes shown; more would make the answer too large.
    static let largestCount = 500
    /// Number of lanes that are read at the same time.
    private static let width = 20

    /// The readings of one lane.
    private struct Look: Sendable {
        let tenant: String
        let sender: String
        let depth: LaneDepth
        let front: [UUID]
    }

    let redis: RedisClient
    let workers: [LaneWorker]

    /// Reads all lanes.
    ///
    /// - Parameters:
    ///   - deadline: When to give up; lanes that are not read by then are left out.
    ///   - ages: Returns for how long messages have been due.
    /// - Returns: The samples, always including `campaigns_redis_up`.
    func read(
        deadline: ContinuousClock.Instant,
        ages: ([UUID]) async -> [UUID: Duration]
    ) async -> [MetricSample] {
        do {
            _ = try await redis.send(RedisCommand("PING"), deadline: deadline)
        } catch {
            return [MetricSample(.redisUp, 0)]
        }
        let looks = await looks(deadline: deadline)
        let ages = await ages(looks.flatMap(\.front))
        return [MetricSample(.redisUp, 1)] + looks.flatMap { Self.samples(of: $0, ages: ages) }
    }

    private static func samples(of look: Look, ages: [UUID: Duration]) -> [MetricSample] {
        let lane = [look.tenant, look.sender]
        var samples = [
            MetricSample(.laneMessages, lane + ["ready"], look.depth.ready),
            MetricSample(.laneMessages, lane + ["delayed"], look.depth.delayed),
            MetricSample(.laneMessages, lane + ["held"], look.depth.held),
        ]
        // An empty queue has an age of 0; the age of a first message that was just sent is unknown.
        let oldest = look.depth.ready == 0 ? .zero : look.front.compactMap { ages[$0] }.max()
        if let oldest { samples.append(MetricSample(.laneOldestReady, lane, oldest / .seconds(1))) }
        return samples
    }

    private func looks(deadline: ContinuousClock.Instant) async -> [Look] {
        var rest = workers.prefix(Self.largestCount)
        var looks: [Look] = []
        while !rest.isEmpty {
            let some = rest.prefix(Self.width)
            rest = rest.dropFirst(some.count)
            looks += await withTaskGroup(of: Look?.self) { group in
                for worker in some { group.addTask { await Self.look(at: worker, deadline: deadline) } }
                return await group.reduce(into: []) { found, look in
                    if let look { found.append(look) }
                }
            }
        }
        return looks
    }

    private static func look(at worker: LaneWorker, deadline: ContinuousClock.Instant) async -> Look? {
        let lane = worker.lane
        guard let depth = try? await worker.queue.depth(deadline: deadline) else { return nil }
        let front = try? await worker.queue.front(deadline: deadline)
        return Look(tenant: lane.tenantID, sender: lane.name, depth: depth, front: front ?? [])
    }
}

extension WaitingLane {
    /// - Returns: `nil` for a lane that sends.
    init?(_ worker: LaneWorker) {
        let lane = worker.lane
        self.init(tenant: lane.tenantID, sender: lane.name, worker.condition.waiting)
    }
}
