import Foundation
import Synchronization

/// The thread that makes all children.
///
/// The kernel kills a child when the thread that made it ends (`PR_SET_PDEATHSIG`), and threads of the pool end when
/// they have been idle, the main queue's too. This one ends with the process only.
final class SpawningThread: Sendable {
    static let shared = SpawningThread()

    private let jobs = Mutex<[@Sendable () -> Void]>([])
    private let available = DispatchSemaphore(value: 0)

    private init() {
        Thread.detachNewThread {
            while true {
                self.available.wait()
                let job = self.jobs.withLock { $0.isEmpty ? nil : $0.removeFirst() }
                job?()
            }
        }
    }

    /// Runs `body` on the thread.
    func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            jobs.withLock { jobs in
                jobs.append { continuation.resume(with: Result { try body() }) }
            }
            available.signal()
        }
    }
}
