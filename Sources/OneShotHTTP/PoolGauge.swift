import NIOCore
import Synchronization

/// What can be seen of a pool without being on its event loop; a moment old.
final class PoolGauge: Sendable {
    private let requests = Atomic(0)
    private let free = Atomic(0)
    private let opening = Mutex(OpeningTime())

    /// Requests that were handed in and have no outcome yet.
    var underWay: Int { requests.load(ordering: .relaxed) }

    /// Connections that nobody needs.
    var idle: Int { free.load(ordering: .relaxed) }

    /// How long a connection may take to open; zero when it hardly matters.
    var expectedOpening: TimeAmount { opening.withLock { $0.expected } }

    func began() { requests.add(1, ordering: .relaxed) }

    func ended() { requests.subtract(1, ordering: .relaxed) }

    func note(idle count: Int) { free.store(count, ordering: .relaxed) }

    func note(opening time: TimeAmount) { opening.withLock { $0.note(time) } }
}
