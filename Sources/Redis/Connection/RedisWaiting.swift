/// The commands that the connection's thread has collected and not written yet.
struct RedisWaiting {
    private var batches: [RedisBatch] = []
    private var taken = 0
    /// When ``removeExpired(at:)`` is due.
    private(set) var deadline: ContinuousClock.Instant?

    var isEmpty: Bool { taken == batches.count }
    var first: RedisBatch? { taken < batches.count ? batches[taken] : nil }

    mutating func append(contentsOf new: [RedisBatch]) {
        for batch in new {
            batches.append(batch)
            deadline = min(deadline ?? batch.deadline, batch.deadline)
        }
    }

    /// Puts batches back that were taken and could not be written.
    mutating func prepend(contentsOf returned: [RedisBatch]) {
        let rest = returned + batches[taken...]
        batches = []
        taken = 0
        append(contentsOf: rest)
    }

    mutating func removeFirst() {
        taken += 1
        guard taken == batches.count || taken >= 4_096 && taken * 2 >= batches.count else { return }
        batches.removeFirst(taken)
        taken = 0
        if batches.isEmpty { deadline = nil }
    }

    /// Takes out the batches whose deadline has passed or for which nobody waits.
    mutating func removeExpired(at now: ContinuousClock.Instant) -> [RedisBatch] {
        var (expired, rest): ([RedisBatch], [RedisBatch]) = ([], [])
        for batch in batches[taken...] {
            // Each is asked once: a task may give up between two questions.
            if batch.deadline <= now || batch.isFinished {
                expired.append(batch)
            } else {
                rest.append(batch)
            }
        }
        batches = []
        taken = 0
        deadline = nil
        append(contentsOf: rest)
        // A long queue is looked through less often, so that the looking never takes up the thread.
        let pause = Duration.milliseconds(batches.count / 2_000)
        deadline = deadline.map { max($0, now + pause) }
        return expired
    }

    mutating func removeAll() -> [RedisBatch] {
        defer { self = RedisWaiting() }
        return Array(batches[taken...])
    }
}
