internal import Dispatch

/// A thread's worth of serial execution for one connection, where libpq may block.
///
/// A queue made like this takes a thread of its own from Dispatch's overcommitting pool, so that many waiting
/// connections never starve each other nor Swift's cooperative threads.
final class QueueExecutor: SerialExecutor {
    private let queue: DispatchQueue

    init(label: String) {
        queue = DispatchQueue(label: label)
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async {
            unsafe job.runSynchronously(on: self.asUnownedSerialExecutor())
        }
    }
}
