import Dispatch

/// Runs what blocks, or keeps all cores busy, on a thread that is none of the cooperative pool.
package enum BlockingWork {
    /// Runs `body` to its end, also when the caller is cancelled meanwhile.
    package static func run<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            // A queue of its own gets a thread of its own; those of the global queues would be taken from the pool.
            DispatchQueue(label: "campaigns.off-pool").async { continuation.resume(returning: body()) }
        }
    }
}
