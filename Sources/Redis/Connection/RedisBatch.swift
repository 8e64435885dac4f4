internal import Synchronization

/// Commands that go out together, and the task that waits for their replies.
///
/// Each command gets one result: a later one, such as a reply after a cancellation, is ignored.
final class RedisBatch: Sendable {
    private struct State {
        var results: [RedisResult?]
        var missing: Int
        var continuation: CheckedContinuation<[RedisResult], Never>?
    }

    let commands: [RedisCommand]
    let deadline: ContinuousClock.Instant
    private let state: Mutex<State>

    init(_ commands: [RedisCommand], deadline: ContinuousClock.Instant) {
        self.commands = commands
        self.deadline = deadline
        self.state = Mutex(State(results: Array(repeating: nil, count: commands.count), missing: commands.count))
    }

    /// True if the task stopped waiting.
    var isFinished: Bool {
        state.withLock { $0.missing == 0 }
    }

    /// Sets the continuation that the last result resumes; resumes it at once if all results are known.
    func resumeWhenFinished(_ continuation: CheckedContinuation<[RedisResult], Never>) {
        let results = state.withLock { state -> [RedisResult]? in
            if state.missing > 0 { state.continuation = continuation }
            return state.missing > 0 ? nil : state.results.compactMap(\.self)
        }
        if let results { continuation.resume(returning: results) }
    }

    /// Gives one command its result.
    func finish(_ index: Int, _ result: RedisResult) {
        finish(index..<index + 1, result)
    }

    /// Gives every command without a result the same failure, and returns whether there was one.
    @discardableResult
    func finishAll(_ error: RedisError) -> Bool {
        finish(0..<commands.count, .failure(error))
    }

    @discardableResult
    private func finish(_ indices: Range<Int>, _ result: RedisResult) -> Bool {
        let (isChanged, resumption) = state.withLock { state in
            var isChanged = false
            for index in indices where state.results[index] == nil {
                state.results[index] = result
                state.missing -= 1
                isChanged = true
            }
            guard state.missing == 0, let continuation = state.continuation else {
                return (isChanged, nil as (CheckedContinuation<[RedisResult], Never>, [RedisResult])?)
            }
            state.continuation = nil
            return (isChanged, (continuation, state.results.compactMap(\.self)))
        }
        if let (continuation, results) = resumption { continuation.resume(returning: results) }
        return isChanged
    }
}

/// The commands written to one connection, in the order in which their replies come.
struct RedisInFlight {
    struct Entry {
        let batch: RedisBatch
        let index: Int
        /// The position in the stream after the command: once the system has taken more than this, Redis may have read
        /// it.
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

    /// Removes and returns the first entry, whose reply has arrived.
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

    /// Returns true if a deadline of an entry without a reply has passed.
    mutating func hasExpired(at now: ContinuousClock.Instant) -> Bool {
        guard let earliest = deadline, earliest <= now else { return false }
        deadline = unanswered.map(\.batch.deadline).min()
        return deadline.map { $0 <= now } ?? false
    }
}
