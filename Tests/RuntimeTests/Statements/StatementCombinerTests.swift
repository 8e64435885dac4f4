import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Runtime

/// Which parts are carried out together, with statements that end when the test says so.
struct StatementCombinerTests {
    /// Statements that wait to be told how they end.
    private final class Statements: Sendable {
        private struct Open {
            let parts: [Int]
            let continuation: CheckedContinuation<Result<[Int], PostgresError>, Never>
        }

        private let open = Mutex<[Open]>([])
        private let log = Mutex<[[Int]]>([])

        /// What was begun so far, each with its parts in order.
        var begun: [[Int]] { log.withLock { $0 } }

        func perform(_ parts: [Int]) async throws(PostgresError) -> [Int] {
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

    /// Runs a combiner; `body` gets a way to hand in a part of a lane, and the answers by part.
    private func with(
        width: Int,
        largest: Int = 100,
        _ body: (
            _ statements: Statements, _ handIn: @Sendable (Int, String) async throws -> Void,
            _ answers: @Sendable () -> [Int: Int?]
        ) async throws -> Void
    ) async throws {
        let statements = Statements()
        let combiner = StatementCombiner<Int, Int, String>(width: width, largest: largest) {
            parts throws(PostgresError) in try await statements.perform(parts)
        }
        let answers = Answers()
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { await combiner.run() }
            let (parts, source) = AsyncStream.makeStream(of: (Int, String).self)
            group.addTask {
                await withDiscardingTaskGroup { callers in
                    for await (part, lane) in parts {
                        // Handed in by the time the caller goes on, so that tests know the order.
                        callers.addTask {
                            let answer = try? await combiner.perform(part, weight: 1, of: lane)
                            answers.note(part, answer)
                        }
                        while combiner.handedIn <= answers.expected { await Task.yield() }
                        answers.expect()
                    }
                }
                combiner.finish()
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

    private final class Answers: Sendable {
        private let state = Mutex<(answers: [Int: Int?], expected: Int)>(([:], 0))
        var all: [Int: Int?] { state.withLock { $0.answers } }
        var expected: Int { state.withLock { $0.expected } }
        func note(_ part: Int, _ answer: Int?) { state.withLock { $0.answers[part] = .some(answer) } }
        func expect() { state.withLock { $0.expected += 1 } }
    }

    @Test func whatComesInMeanwhileGoesTogether() async throws {
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

    /// A lane whose rows are locked by somebody must not take all statements, one after the other.
    @Test func aLaneHasOneStatementAndOthersPassIt() async throws {
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

    @Test func noStatementIsTooLarge() async throws {
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

    @Test func whatIsRefusedStandsInNobodysWay() async throws {
        try await with(width: 1) { statements, handIn, answers in
            try await handIn(1, "a")
            try await eventually("the first is begun") { statements.begun == [[1]] }
            try await handIn(2, "b")
            try await handIn(3, "c")
            statements.end(with: 1)
            try await eventually("two are together") { statements.begun == [[1], [2, 3]] }
            statements.end(with: 2, .encoding("no such text"))
            try await eventually("they are tried alone") { statements.begun == [[1], [2, 3], [2]] }
            statements.end(with: 2, .encoding("no such text"))
            try await eventually("the other as well") { statements.begun.last == [3] }
            statements.end(with: 3)
            try await eventually("one is refused") { answers() == [1: 10, 2: nil, 3: 30] }
        }
    }

    /// Whether it took effect is not known, so nothing is repeated.
    @Test func whatIsUnknownIsUnknownForAll() async throws {
        try await with(width: 1) { statements, handIn, answers in
            try await handIn(1, "a")
            try await eventually("the first is begun") { statements.begun == [[1]] }
            try await handIn(2, "b")
            try await handIn(3, "c")
            statements.end(with: 1)
            try await eventually("two are together") { statements.begun == [[1], [2, 3]] }
            statements.end(with: 2, .connection("gone"))
            try await eventually("both know") { answers() == [1: 10, 2: nil, 3: nil] }
            #expect(statements.begun.count == 2)
        }
    }

    @Test func nobodyWaitsForEverWhenItIsCancelled() async throws {
        let combiner = StatementCombiner<Int, Int, String>(width: 1, largest: 1) { parts throws(PostgresError) in
            try? await Task.sleep(for: .seconds(60))  // Ends early by cancellation, as a statement does.
            throw .cancelled
        }
        await withTaskGroup { group in
            for part in 1...3 {
                group.addTask { _ = try? await combiner.perform(part, weight: 1, of: "\(part)") }
            }
            group.addTask {
                await withTaskGroup { inner in
                    inner.addTask { await combiner.run() }
                    while combiner.handedIn < 3 { await Task.yield() }
                    inner.cancelAll()
                }
            }
        }
        await #expect(throws: PostgresError.self) { try await combiner.perform(4, weight: 1, of: "4") }
    }
}
