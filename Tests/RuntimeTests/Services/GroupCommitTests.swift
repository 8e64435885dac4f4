import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Runtime

/// Batches of a group commit, with statements that end when the test tells them.
struct GroupCommitTests {
    /// Statements that wait until the test tells them how to end.
    private final class Statements: Sendable {
        private struct Open {
            let parts: [Int]
            let continuation: CheckedContinuation<Result<[Int], PostgresError>, Never>
        }

        private let open = Mutex<[Open]>([])
        private let log = Mutex<[[Int]]>([])

        /// The statements begun so far, each with its parts in order.
        var begun: [[Int]] { log.withLock { $0 } }

        func perform(_ parts: [Int]) async throws -> [Int] {
            let result = await withCheckedContinuation { continuation in
                open.withLock { $0.append(Open(parts: parts, continuation: continuation)) }
                log.withLock { $0.append(parts) }
            }
            return try result.get()
        }

        /// Ends the statement that has this part; its parts are answered with ten times themselves.
        func end(with part: Int, _ error: PostgresError? = nil) {
            let statement = open.withLock { open in
                open.firstIndex { $0.parts.contains(part) }.map { open.remove(at: $0) }
            }
            statement?.continuation.resume(
                returning: error.map { .failure($0) } ?? .success(statement?.parts.map { $0 * 10 } ?? [])
            )
        }
    }

    /// Runs a group commit; `body` gets a way to hand in a part of a lane, and the answers by part.
    private func with(
        width: Int,
        largest: Int = 100,
        mixesLanes: Bool = true,
        _ body: (
            _ statements: Statements, _ handIn: @Sendable (Int, String) async throws -> Void,
            _ answers: @escaping @Sendable () -> [Int: Int?]
        ) async throws -> Void
    ) async throws {
        let statements = Statements()
        let commit = GroupCommit<Int, Int, String>(.init(width: width, largest: largest, mixesLanes: mixesLanes)) {
            parts in try await statements.perform(parts)
        }
        let answers = Answers()
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { await commit.run() }
            let (parts, source) = AsyncStream.makeStream(of: (Int, String).self)
            group.addTask {
                await withDiscardingTaskGroup { callers in
                    for await (part, lane) in parts {
                        // Handed in by the time the caller goes on, so that tests know the order.
                        callers.addTask {
                            let answer = try? await commit.perform(part, of: lane)
                            answers.note(part, answer)
                        }
                        while commit.backlog + statements.begun.joined().count <= answers.expected {
                            await Task.yield()
                        }
                        answers.expect()
                    }
                }
                commit.finish()
            }
            try await body(
                statements,
                { part, lane in
                    let before = answers.expected
                    source.yield((part, lane))
                    try await eventually("\(part) is handed in") { answers.expected > before }
                },
                { answers.all }
            )
            source.finish()
        }
    }

    /// Runs `body` when the item 1 is committed, and the items 2 and 3 are in the next batch.
    private func withTwoTogether(
        _ body: (_ statements: Statements, _ answers: @escaping @Sendable () -> [Int: Int?]) async throws -> Void
    ) async throws {
        try await with(width: 1) { statements, handIn, answers in
            try await handIn(1, "a")
            try await eventually("the first is begun") { statements.begun == [[1]] }
            try await handIn(2, "b")
            try await handIn(3, "c")
            statements.end(with: 1)
            try await eventually("two are together") { statements.begun == [[1], [2, 3]] }
            try await body(statements, answers)
        }
    }

    private final class Answers: Sendable {
        private let state = Mutex<(answers: [Int: Int?], expected: Int)>(([:], 0))
        var all: [Int: Int?] { state.withLock { $0.answers } }
        var expected: Int { state.withLock { $0.expected } }
        func note(_ part: Int, _ answer: Int?) { state.withLock { $0.answers[part] = .some(answer) } }
        func expect() { state.withLock { $0.expected += 1 } }
    }

    @Test func itemsThatArriveDuringACommitFormTheNextBatch() async throws {
        try await with(width: 1) { statements, handIn, answers in
            try await handIn(1, "a")
            try await eventually("the first is begun") { statements.begun == [[1]] }
            for (part, lane) in [(2, "b"), (3, "c"), (4, "b")] { try await handIn(part, lane) }
            #expect(statements.begun == [[1]])
            statements.end(with: 1)
            try await eventually("the others are begun") { statements.begun == [[1], [2, 3, 4]] }
            statements.end(with: 2)
            try await eventually("all are answered") { answers() == [1: 10, 2: 20, 3: 30, 4: 40] }
        }
    }

    /// A lane with locked rows must not occupy all statements.
    @Test func aLaneHasOneBatchAtATimeAndOthersPassIt() async throws {
        try await with(width: 3) { statements, handIn, answers in
            try await handIn(1, "stuck")
            try await eventually("it is begun") { statements.begun == [[1]] }
            for part in 2...5 { try await handIn(part, "stuck") }
            try await handIn(6, "free")
            try await eventually("the other lane is served") { statements.begun == [[1], [6]] }
            statements.end(with: 6)
            try await eventually("and answered") { answers() == [6: 60] }
            statements.end(with: 1)
            try await eventually("the rest follows in its order") { statements.begun == [[1], [6], [2, 3, 4, 5]] }
            statements.end(with: 2)
        }
    }

    @Test func noBatchIsTooLarge() async throws {
        try await with(width: 1, largest: 2) { statements, handIn, answers in
            try await handIn(0, "z")
            try await eventually("the first is begun") { statements.begun == [[0]] }
            for part in 1...5 { try await handIn(part, part == 3 ? "b" : "a") }
            for (next, begun) in [(0, [1, 2]), (1, [3, 4]), (3, [5])] {
                statements.end(with: next)
                try await eventually("\(begun)") { statements.begun.last == begun }
            }
            statements.end(with: 5)
            try await eventually("all are answered") { answers().count == 6 }
        }
    }

    @Test func aRefusedItemFailsAlone() async throws {
        try await withTwoTogether { statements, answers in
            statements.end(with: 2, .encoding("no such text"))
            try await eventually("they are tried alone") { statements.begun == [[1], [2, 3], [2]] }
            statements.end(with: 2, .encoding("no such text"))
            try await eventually("the other as well") { statements.begun.last == [3] }
            statements.end(with: 3)
            try await eventually("one is refused") { answers() == [1: 10, 2: nil, 3: 30] }
        }
    }

    /// It is unknown whether the statement took effect, so it is not repeated.
    @Test func anUnknownResultIsUnknownForTheWholeBatch() async throws {
        try await withTwoTogether { statements, answers in
            statements.end(with: 2, .connection("gone"))
            try await eventually("both know") { answers() == [1: 10, 2: nil, 3: nil] }
            #expect(statements.begun.count == 2)
        }
    }

    /// Two kinds of events take a statement each, and a kind has one at a time.
    @Test func lanesThatDoNotMixHaveStatementsOfTheirOwn() async throws {
        try await with(width: 2, mixesLanes: false) { statements, handIn, answers in
            try await handIn(1, "a")
            try await eventually("the first is begun") { statements.begun == [[1]] }
            for (part, lane) in [(2, "a"), (3, "b"), (4, "c"), (5, "b")] { try await handIn(part, lane) }
            try await eventually("another lane is begun") { statements.begun == [[1], [3]] }
            statements.end(with: 3)
            try await eventually("the next lane follows") { statements.begun == [[1], [3], [4]] }
            statements.end(with: 1)
            try await eventually("and the rest of the first") { statements.begun == [[1], [3], [4], [2]] }
            statements.end(with: 4)
            try await eventually("and of the second") { statements.begun.last == [5] }
            statements.end(with: 2)
            statements.end(with: 5)
            try await eventually("all are answered") { answers().count == 5 }
        }
    }

    @Test func finishCommitsWhatWaitsAndTakesNothingLater() async throws {
        let committed = Mutex<[Int]>([])
        let commit = GroupCommit<Int, Void, OnlyLane>(.init(largest: 2)) { items in
            committed.withLock { $0 += items }
            return items.map { _ in }
        }
        for item in 1...5 { #expect(commit.add(item)) }
        commit.finish()
        #expect(await commit.run() == [])
        #expect(committed.withLock { $0 } == [1, 2, 3, 4, 5])
        #expect(!commit.add(6))
        await #expect(throws: CancellationError.self) { try await commit.perform(7) }
    }

    @Test func cancellationEndsACommitThatWaitsForItems() async {
        let commit = GroupCommit<Int, Void, OnlyLane>(.init(width: 3, largest: 2)) { $0.map { _ in } }
        await withTaskGroup { group in
            group.addTask { _ = await commit.run() }
            // All workers sleep, or are about to.
            for _ in 0..<100 { await Task.yield() }
            group.cancelAll()
        }
        #expect(!commit.add(1))
    }

    /// Each caller gets its own answer under load, with any number of workers.
    @Test(arguments: [1, 3]) func manyCallersAreAllAnswered(width: Int) async throws {
        let sizes = Mutex<[Int]>([])
        let commit = GroupCommit<Int, Int, Int>(.init(width: width, largest: 50)) { items in
            sizes.withLock { $0.append(items.count) }
            await Task.yield()
            return items.map { -$0 }
        }
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { await commit.run() }
            try await withThrowingDiscardingTaskGroup { callers in
                for caller in 0..<100 {
                    callers.addTask {
                        for step in 0..<50 {
                            let item = caller * 50 + step
                            let answer = try await commit.perform(item, of: caller)
                            #expect(answer == -item)
                        }
                    }
                }
            }
            commit.finish()
        }
        let all = sizes.withLock { $0 }
        #expect(all.reduce(0, +) == 5_000 && all.allSatisfy { $0 <= 50 })
    }

    @Test func cancellationAnswersAllCallers() async throws {
        let begun = SharedCount()
        let commit = GroupCommit<Int, Int, String>(.init(largest: 1)) { parts in
            begun.increment(by: parts.count)
            try? await Task.sleep(for: .seconds(60))  // Ends early by cancellation, as a statement does.
            throw PostgresError.cancelled
        }
        await withTaskGroup { group in
            for part in 1...3 {
                group.addTask { _ = try? await commit.perform(part, of: "\(part)") }
            }
            group.addTask {
                await withTaskGroup { inner in
                    inner.addTask { _ = await commit.run() }
                    while commit.backlog + begun.value < 3 { await Task.yield() }
                    inner.cancelAll()
                }
            }
        }
        await #expect(throws: CancellationError.self) { try await commit.perform(4, of: "4") }
    }
}
