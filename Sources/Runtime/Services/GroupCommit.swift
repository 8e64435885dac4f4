import Postgres
import ServiceLifecycle
import Synchronization

/// Commits items of many callers in batches: items that arrive while a batch is being committed form the next one, so
/// batches grow with the load.
///
/// At most `width` batches are committed at once. With more than one, a lane has at most one batch under way: a lane
/// whose rows are locked occupies one of them, never all. Items of a lane are committed in their order. A batch that
/// Postgres refuses is committed item by item, so that one bad item does not fail the others.
///
/// Shutdown and cancellation are the same for every user. After ``finish()`` the workers commit everything that waits,
/// then ``run()`` returns. After cancellation they try each waiting batch once more, without waiting for anything. Items
/// that are still left, and all that arrive later, fail with `CancellationError`.
final class GroupCommit<Item: Sendable, Answer: Sendable, Lane: Hashable & Sendable>: Sendable {
    /// Limits of the batches.
    struct Limits: Sendable {
        /// Batches that are committed at the same time.
        var width = 1
        /// Largest weight of a batch; only a single item may be heavier.
        var largest: Int
        /// True if items of several lanes share a batch.
        var mixesLanes = true
    }

    fileprivate struct Entry: Sendable {
        let item: Item
        let weight: Int
        let lane: Lane
        /// `nil` when the caller does not wait.
        let answered: CheckedContinuation<Result<Answer, any Error>, Never>?
    }

    fileprivate struct State {
        var waiting: [Entry] = []
        /// Lanes with a batch under way.
        var busy: Set<Lane> = []
        /// Workers without a batch.
        var sleepers: [(id: UInt64, continuation: CheckedContinuation<Void, Never>)] = []
        var nextSleeper: UInt64 = 0
        /// True if there are new entries that no worker has looked at yet.
        var isSignalled = false
        var isFinished = false
        var isClosed = false
    }

    private let limits: Limits
    private let commit: @Sendable ([Item]) async throws -> [Answer]
    private let failed: @Sendable ([Item], any Error) -> Void
    private let state = Mutex(State())

    /// Makes a group commit; ``run()`` must be running for anything to be committed.
    ///
    /// - Parameters:
    ///   - limits: The number of concurrent batches, and their size.
    ///   - failed: Called with items that were not committed, before their callers learn of it.
    ///   - commit: Commits a batch, all of it or nothing, and returns one answer per item, in their order.
    init(
        _ limits: Limits,
        failed: @escaping @Sendable ([Item], any Error) -> Void = { _, _ in },
        commit: @escaping @Sendable ([Item]) async throws -> [Answer]
    ) {
        precondition(limits.width >= 1 && limits.largest >= 1, "a group commit without a width would wait for ever")
        self.limits = limits
        self.failed = failed
        self.commit = commit
    }

    /// Hands in an item and waits until it is committed.
    ///
    /// - Parameters:
    ///   - item: The item to commit.
    ///   - weight: The share of a batch that the item takes up, in the unit of the limits.
    ///   - lane: The lane of the item.
    /// - Returns: The answer of the commit.
    /// - Throws: What the commit throws; `CancellationError` after ``run()`` has ended.
    func perform(_ item: Item, weight: Int = 1, of lane: Lane) async throws -> Answer {
        try await withCheckedContinuation { continuation in
            if !add(Entry(item: item, weight: weight, lane: lane, answered: continuation)) {
                continuation.resume(returning: .failure(CancellationError()))
            }
        }.get()
    }

    /// Hands in an item without waiting for it.
    ///
    /// - Returns: False after ``run()`` has ended: the item was not taken.
    func add(_ item: Item, weight: Int = 1, of lane: Lane) -> Bool {
        add(Entry(item: item, weight: weight, lane: lane, answered: nil))
    }

    private func add(_ entry: Entry) -> Bool {
        let (isTaken, sleeper) = state.withLock { state in
            guard !state.isClosed else { return (false, nil as CheckedContinuation<Void, Never>?) }
            state.waiting.append(entry)
            return (true, state.signal())
        }
        sleeper?.resume()
        return isTaken
    }

    /// Number of items that wait for a batch; those being committed are not among them.
    var backlog: Int { state.withLock { $0.waiting.count } }

    /// Commits until ``finish()`` was called and nothing waits, or until it is cancelled.
    ///
    /// - Returns: Items that were handed in without a caller waiting for them, and were not committed.
    @discardableResult
    func run() async -> [Item] {
        await withDiscardingTaskGroup { group in
            for _ in 1..<limits.width { group.addTask { await self.work() } }
            await work()
        }
        let rest = state.withLock { state in
            state.isClosed = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for entry in rest { entry.answered?.resume(returning: .failure(CancellationError())) }
        return rest.filter { $0.answered == nil }.map(\.item)
    }

    /// Runs like ``run()``, and finishes when a graceful shutdown begins.
    func runUntilShutdown() async {
        await withGracefulShutdownHandler {
            _ = await self.run()
        } onGracefulShutdown: {
            self.finish()
        }
    }

    /// Ends ``run()`` after everything handed in so far is committed.
    func finish() {
        let sleepers = state.withLock { state in
            state.isFinished = true
            defer { state.sleepers = [] }
            return state.sleepers
        }
        for sleeper in sleepers { sleeper.continuation.resume() }
    }

    private func work() async {
        while true {
            let (batch, other, isOver) = state.withLock { state in
                state.isSignalled = false
                let batch = state.take(limits)
                // There may be more than one batch: the next worker looks as well.
                let other = batch.isEmpty || state.waiting.isEmpty ? nil : state.signal()
                return (batch, other, batch.isEmpty && state.isFinished)
            }
            other?.resume()
            if !batch.isEmpty {
                await commitAndAnswer(batch)
            } else if isOver || Task.isCancelled {
                return
            } else {
                await sleep()
            }
        }
    }

    /// Returns when there is something new, or ``finish()`` was called, or the task was cancelled.
    private func sleep() async {
        let id = state.withLock { state in
            state.nextSleeper += 1
            return state.nextSleeper
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let sleeps = state.withLock { state in
                    guard !state.isSignalled, !state.isFinished, !Task.isCancelled else { return false }
                    state.sleepers.append((id, continuation))
                    return true
                }
                if !sleeps { continuation.resume() }
            }
        } onCancel: {
            let sleeper = state.withLock { state in
                state.sleepers.firstIndex { $0.id == id }.map { state.sleepers.remove(at: $0) }
            }
            sleeper?.continuation.resume()
        }
    }

    private func commitAndAnswer(_ entries: [Entry]) async {
        let results = await results(of: entries)
        if limits.width > 1 {
            // This worker looks for the next batch itself, so no other worker is woken for lanes that are free again.
            state.withLock { $0.busy.subtract(entries.lazy.map(\.lane)) }
        }
        for (entry, result) in zip(entries, results) { entry.answered?.resume(returning: result) }
    }

    private func results(of entries: [Entry]) async -> [Result<Answer, any Error>] {
        do {
            let answers = try await commit(entries.map(\.item))
            precondition(answers.count == entries.count, "a commit must answer each of its items")
            return answers.map { .success($0) }
        } catch  where entries.count > 1 && error.isRefusal {
            var results: [Result<Answer, any Error>] = []
            for entry in entries { results += await self.results(of: [entry]) }
            return results
        } catch {
            failed(entries.map(\.item), error)
            return entries.map { _ in .failure(error) }
        }
    }
}

extension GroupCommit.State {
    /// Records that there are new entries.
    ///
    /// - Returns: The worker to wake; `nil` when one is about to look anyway.
    fileprivate mutating func signal() -> CheckedContinuation<Void, Never>? {
        guard !isSignalled else { return nil }
        isSignalled = true
        return sleepers.popLast()?.continuation
    }

    /// Takes the entries of the next batch; empty when none may be committed now.
    fileprivate mutating func take(_ limits: GroupCommit.Limits) -> [GroupCommit.Entry] {
        var (taken, left): ([GroupCommit.Entry], [GroupCommit.Entry]) = ([], [])
        var weight = 0
        var passedOver = busy
        for (index, entry) in waiting.enumerated() {
            if weight >= limits.largest {
                left += waiting[index...]
                break
            }
            let fits = weight == 0 || weight + entry.weight <= limits.largest
            let belongs = limits.mixesLanes || taken.first.map { $0.lane == entry.lane } ?? true
            if fits, belongs, passedOver.isEmpty || !passedOver.contains(entry.lane) {
                taken.append(entry)
                weight += entry.weight
            } else {
                // Later items of its lane must not overtake it.
                passedOver.insert(entry.lane)
                left.append(entry)
            }
        }
        guard !taken.isEmpty else { return [] }
        waiting = left
        if limits.width > 1 { busy.formUnion(taken.lazy.map(\.lane)) }
        return taken
    }
}

/// The lane of a group commit in which all items share one lane.
struct OnlyLane: Hashable, Sendable {}

extension GroupCommit where Lane == OnlyLane {
    func perform(_ item: Item, weight: Int = 1) async throws -> Answer {
        try await perform(item, weight: weight, of: OnlyLane())
    }

    func add(_ item: Item, weight: Int = 1) -> Bool {
        add(item, weight: weight, of: OnlyLane())
    }
}

extension Error {
    /// True if nothing was committed because of the items, such as a value that cannot be read: repeating it later would
    /// not help.
    fileprivate var isRefusal: Bool {
        switch self as? PostgresError {
        case .server(let error): !PostgresError.server(error).isTransient
        case .encoding, .decoding: true
        case nil: !(self is CancellationError)
        default: false
        }
    }
}
