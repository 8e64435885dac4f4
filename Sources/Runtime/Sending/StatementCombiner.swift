import Postgres
import Synchronization

/// Carries out statements of many lanes, those that had to wait together.
///
/// At most `width` are under way at once. What comes in meanwhile forms the next one, so that statements grow with the
/// load, and a thousand lanes with a few messages each cost no more than one with many. A lane has at most one under
/// way: when rows of its runs are locked by somebody, it occupies one statement, and not all of them.
final class StatementCombiner<Part: Sendable, Answer: Sendable, Lane: Hashable & Sendable>: Sendable {
    private struct Entry: Sendable {
        let lane: Lane
        let part: Part
        let weight: Int
        let answered: CheckedContinuation<Result<Answer, PostgresError>, Never>
    }

    private struct State: Sendable {
        var waiting: [Entry] = []
        /// Lanes with a statement under way.
        var busy: Set<Lane> = []
        var underWay = 0
        var handedIn = 0
        var isOver = false
    }

    private let width: Int
    private let largest: Int
    private let statement: @Sendable ([Part]) async throws(PostgresError) -> [Answer]
    private let state = Mutex(State())
    private let wakeups: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation

    /// Makes a combiner; ``run()`` must be running for anything to happen.
    ///
    /// - Parameters:
    ///   - width: Most statements under way at once, at least 1.
    ///   - largest: Most weight in one statement, apart from a single part that is heavier.
    ///   - statement: Does it for some parts, all or nothing, and answers each.
    init(
        width: Int,
        largest: Int,
        statement: @escaping @Sendable ([Part]) async throws(PostgresError) -> [Answer]
    ) {
        self.width = width
        self.largest = largest
        self.statement = statement
        (wakeups, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Has one part carried out.
    ///
    /// - Parameters:
    ///   - part: What to do.
    ///   - weight: How much of a statement it takes up.
    ///   - lane: Whose it is; parts of one lane are carried out in their order.
    /// - Returns: What the statement says about it.
    /// - Throws: What the statement throws; `.cancelled` when ``run()`` has ended.
    func perform(_ part: Part, weight: Int, of lane: Lane) async throws(PostgresError) -> Answer {
        let result = await withCheckedContinuation { continuation in
            let entry = Entry(lane: lane, part: part, weight: weight, answered: continuation)
            let isOver = state.withLock { state in
                if !state.isOver { state.waiting.append(entry) }
                state.handedIn += 1
                return state.isOver
            }
            if isOver { continuation.resume(returning: .failure(.cancelled)) } else { wake.yield() }
        }
        return try result.get()
    }

    /// How many parts were handed in since it was made.
    var handedIn: Int { state.withLock { $0.handedIn } }

    /// Carries out statements until ``finish()`` was called and nothing waits, or until it is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            for await _ in wakeups {
                while let entries = next() { group.addTask { await self.carryOut(entries) } }
            }
            // Finished: what waits for a lane of its own is woken by nobody now.
            while let entries = next(isLast: true) { group.addTask { await self.carryOut(entries) } }
        }
        let rest = state.withLock { state in
            state.isOver = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for entry in rest { entry.answered.resume(returning: .failure(.cancelled)) }
    }

    /// Ends ``run()`` after everything handed in so far is carried out.
    func finish() {
        wake.finish()
    }

    /// The parts of the next statement; `nil` when there are none, or enough are under way.
    private func next(isLast: Bool = false) -> [Entry]? {
        state.withLock { state in
            guard isLast || state.underWay < width else { return nil }
            var (taken, left): ([Entry], [Entry]) = ([], [])
            var weight = 0
            var passedOver = isLast ? [] : state.busy
            for entry in state.waiting {
                if passedOver.contains(entry.lane) || (weight > 0 && weight + entry.weight > largest) {
                    // Its lane keeps its order.
                    passedOver.insert(entry.lane)
                    left.append(entry)
                } else {
                    taken.append(entry)
                    weight += entry.weight
                }
            }
            guard !taken.isEmpty else { return nil }
            state.waiting = left
            state.busy.formUnion(taken.map(\.lane))
            state.underWay += 1
            return taken
        }
    }

    private func carryOut(_ entries: [Entry]) async {
        let results = await results(of: entries)
        state.withLock { state in
            state.busy.subtract(entries.map(\.lane))
            state.underWay -= 1
        }
        wake.yield()
        for (entry, result) in zip(entries, results) { entry.answered.resume(returning: result) }
    }

    private func results(of entries: [Entry]) async -> [Result<Answer, PostgresError>] {
        do throws(PostgresError) {
            return try await statement(entries.map(\.part)).map { .success($0) }
        } catch {
            // What is refused of one lane must not stand in the way of others.
            guard entries.count > 1, error.isRefusal else { return entries.map { _ in .failure(error) } }
        }
        var results: [Result<Answer, PostgresError>] = []
        for entry in entries {
            do throws(PostgresError) {
                results.append(.success(try await statement([entry.part])[0]))
            } catch {
                results.append(.failure(error))
            }
        }
        return results
    }
}

extension PostgresError {
    /// Whether nothing has happened, because of what the statement says rather than of when it was said.
    fileprivate var isRefusal: Bool {
        switch self {
        case .server, .encoding, .decoding: !isTransient
        default: false
        }
    }
}
