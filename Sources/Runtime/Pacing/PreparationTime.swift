import Synchronization

/// What a daemon has learned about its preparation of messages, over all lanes: they share Postgres and the machine.
final class PreparationTime: Sendable {
    private let lead = Mutex(LeadTime())

    /// How long before its slot a message is to be reserved now.
    var current: LeadTime { lead.withLock { $0 } }

    /// Takes note of how long after its reservation a batch was ready.
    func note(_ duration: Duration) {
        lead.withLock { $0.note(duration) }
    }
}
