import Foundation
import Prometheus
import Redis
import Runtime
import Store

/// The lanes as Redis has them at one moment.
struct LaneSamples: Sendable {
    /// Lanes that are shown; more would make an answer that nobody can use.
    static let largestCount = 500
    /// Lanes that are asked at once.
    private static let width = 20

    /// What one lane holds.
    private struct Look: Sendable {
        let tenant: String
        let sender: String
        let depth: LaneDepth
        let front: [UUID]
    }

    let redis: RedisClient
    let workers: [LaneWorker]

    /// Asks Redis about all lanes.
    ///
    /// - Parameters:
    ///   - deadline: When to give up; what is not known by then is left out.
    ///   - ages: Looks up for how long messages have been due.
    /// - Returns: The samples, `campaigns_redis_up` always among them.
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
        // An empty line is no wait at all; a front that has just gone is not known.
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
