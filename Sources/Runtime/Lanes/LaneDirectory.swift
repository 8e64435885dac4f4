import Foundation
package import Redis
import Store
import Synchronization

/// The workers of this daemon by sender, for whoever has to wake one.
package final class LaneDirectory: Sendable {
    private let workers = Mutex<[UUID: LaneWorker]>([:])

    package init() {}

    /// Takes over the workers there are now.
    ///
    /// - Returns: Whether one is among them that was not there before.
    func replace(with workers: [UUID: LaneWorker]) -> Bool {
        self.workers.withLock { former in
            defer { former = workers }
            return workers.contains { former[$0.key] !== $0.value }
        }
    }

    /// All of them.
    package var all: [LaneWorker] { workers.withLock { Array($0.values) } }

    /// Wakes the worker of a sender, if this daemon has one.
    func wake(_ sender: UUID?) {
        let worker = workers.withLock { workers in sender.flatMap { workers[$0] } }
        worker?.wake()
    }

    /// How many lanes have another epoch in Redis than in Postgres: until they are rebuilt, nothing is sent from them.
    ///
    /// One round trip, however many lanes there are.
    ///
    /// - Parameters:
    ///   - redis: Where the lanes are.
    ///   - deadline: When to give up.
    /// - Returns: None of them new: those are filled for the first time.
    /// - Throws: `RedisError` when Redis cannot be asked.
    package func outdated(on redis: RedisClient, deadline: ContinuousClock.Instant) async throws(RedisError) -> Int {
        let workers = all
        let commands = workers.map { RedisCommand("GET", .text($0.queue.keys.epoch)) }
        guard !commands.isEmpty else { return 0 }
        var count = 0
        for (worker, reply) in zip(workers, await redis.send(pipeline: commands, deadline: deadline)) {
            let (found, lane) = (try reply.get().asOptionalInt(), worker.lane)
            // A new lane is filled for the first time, and its worker may hear of its epoch later than we do.
            if found != lane.epoch, !lane.isNew { count += 1 }
        }
        return count
    }

    /// The worker of a sender, if this daemon has one.
    func worker(of sender: UUID) -> LaneWorker? {
        workers.withLock { $0[sender] }
    }
}
