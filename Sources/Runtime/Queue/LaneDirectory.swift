import Foundation
import Store
import Synchronization

/// The workers of this daemon by sender, for whoever has to wake one.
final class LaneDirectory: Sendable {
    private let workers = Mutex<[UUID: LaneWorker]>([:])

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
    var all: [LaneWorker] { workers.withLock { Array($0.values) } }

    /// Wakes the worker of a sender, if this daemon has one.
    func wake(_ sender: UUID?) {
        let worker = workers.withLock { workers in sender.flatMap { workers[$0] } }
        worker?.wake()
    }

    /// How many lanes have another epoch in Redis than in Postgres: until they are rebuilt, nothing is sent from them.
    ///
    /// - Throws: `RedisError` when Redis cannot be asked.
    func outdated() async throws -> Int {
        var count = 0
        for worker in all {
            let (found, lane) = (try await worker.queue.depth().epoch, worker.lane)
            if found != lane.epoch, !(found == nil && lane.isNew) { count += 1 }
        }
        return count
    }

    /// The worker of a sender, if this daemon has one.
    func worker(of sender: UUID) -> LaneWorker? {
        workers.withLock { $0[sender] }
    }
}
