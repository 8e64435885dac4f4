import Foundation
import Store
import Synchronization

/// The workers of this daemon by sender, for whoever has to wake one.
final class LaneDirectory: Sendable {
    private let workers = Mutex<[UUID: LaneWorker]>([:])

    func replace(with workers: [UUID: LaneWorker]) {
        self.workers.withLock { $0 = workers }
    }

    /// All of them.
    var all: [LaneWorker] { workers.withLock { Array($0.values) } }

    /// Wakes the worker of a sender, if this daemon has one.
    func wake(_ sender: UUID?) {
        let worker = workers.withLock { workers in sender.flatMap { workers[$0] } }
        worker?.wake()
    }

    /// The epoch of a sender's lane as this daemon knows it.
    func worker(of sender: UUID) -> LaneWorker? {
        workers.withLock { $0[sender] }
    }
}
