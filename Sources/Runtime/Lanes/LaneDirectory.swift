import Foundation
package import Redis
import Store
import Synchronization

/// The workers of this daemon, by sender.
package final class LaneDirectory: Sendable {
    private let workers = Mutex<[UUID: LaneWorker]>([:])
    private let problem = Mutex<String?>(nil)
    private let deadDaemons = Mutex<Set<DaemonNumber>>([])

    package init() {}

    /// The error of Postgres when the lanes were read last; `nil` after a success.
    var storeProblem: String? {
        get { problem.withLock { $0 } }
        set { problem.withLock { $0 = newValue } }
    }

    /// The daemons that have died lately, whose leases each lane takes back.
    var dead: Set<DaemonNumber> { deadDaemons.withLock { $0 } }

    /// Replaces the daemons that have died, and has the lanes look at once if there are more of them.
    func replaceDead(with dead: Set<DaemonNumber>) {
        let isMore = deadDaemons.withLock { former in
            defer { former = dead }
            return !dead.isSubset(of: former)
        }
        guard isMore else { return }
        for worker in all { worker.upkeep.notify() }
    }

    /// The lanes that cannot send, with the causes that only this daemon knows.
    var reports: [LaneReport] {
        workers.withLock { workers in
            workers.compactMap { sender, worker in
                let causes = worker.condition.causes
                return causes.isEmpty ? nil : LaneReport(sender: sender, causes: causes)
            }
        }
    }

    /// Replaces the workers.
    ///
    /// - Returns: True if one of them is new.
    func replace(with workers: [UUID: LaneWorker]) -> Bool {
        self.workers.withLock { former in
            defer { former = workers }
            let new = workers.filter { former[$0.key] !== $0.value }.values
            // They may have looked before the dead were known, and were not here to be told.
            for worker in new { worker.upkeep.notify() }
            return !new.isEmpty
        }
    }

    /// All workers.
    package var all: [LaneWorker] { workers.withLock { Array($0.values) } }

    /// Wakes the worker of a sender, if this daemon has one.
    func wake(_ sender: UUID?) {
        let worker = workers.withLock { workers in sender.flatMap { workers[$0] } }
        worker?.wake()
    }

    /// Returns how many lanes have another epoch in Redis than in Postgres: nothing is sent from them until they are rebuilt.
    ///
    /// One round trip, however many lanes there are.
    ///
    /// - Parameters:
    ///   - redis: The client of the lanes.
    ///   - deadline: When to give up.
    /// - Returns: The number of lanes, without new ones, which are filled for the first time.
    /// - Throws: `RedisError` when Redis does not answer.
    package func outdated(on redis: RedisClient, deadline: ContinuousClock.Instant) async throws(RedisError) -> Int {
        let workers = all
        let commands = workers.map { RedisCommand("GET", .text($0.queue.keys.epoch)) }
        guard !commands.isEmpty else { return 0 }
        var count = 0
        for (worker, reply) in zip(workers, await redis.send(pipeline: commands, deadline: deadline)) {
            let (found, lane) = (LaneEpoch.number(try reply.get().text, on: redis), worker.lane)
            // The worker of a new lane may learn its epoch later than this.
            if found != lane.epoch, !lane.isNew { count += 1 }
        }
        return count
    }

    /// Returns the worker of a sender, if this daemon has one.
    func worker(of sender: UUID) -> LaneWorker? {
        workers.withLock { $0[sender] }
    }
}
