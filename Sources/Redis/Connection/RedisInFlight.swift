/// The commands written to one connection, in the order in which their replies come.
struct RedisInFlight {
    struct Entry {
        let batch: RedisBatch
        let index: Int
        /// The position in the stream after the command: what the system has taken beyond it, Redis may have read.
        let end: Int
    }

    private var entries: [Entry] = []
    private var answered = 0
    /// The earliest deadline of any entry, or of one that was answered since.
    private(set) var deadline: ContinuousClock.Instant?

    var isEmpty: Bool { answered == entries.count }
    var count: Int { entries.count - answered }

    /// The entries without a reply.
    var unanswered: ArraySlice<Entry> { entries[answered...] }

    mutating func append(_ entry: Entry) {
        entries.append(entry)
        deadline = min(deadline ?? entry.batch.deadline, entry.batch.deadline)
    }

    /// Takes out the entry whose reply has come.
    mutating func popFirst() -> Entry? {
        guard answered < entries.count else { return nil }
        let entry = entries[answered]
        answered += 1
        if isEmpty { removeAll() }
        return entry
    }

    mutating func removeAll() {
        entries.removeAll(keepingCapacity: entries.count <= 4_096)
        answered = 0
        deadline = nil
    }

    /// Whether a deadline of an entry without a reply has passed.
    mutating func hasExpired(at now: ContinuousClock.Instant) -> Bool {
        guard let earliest = deadline, earliest <= now else { return false }
        deadline = unanswered.map(\.batch.deadline).min()
        return deadline.map { $0 <= now } ?? false
    }
}
