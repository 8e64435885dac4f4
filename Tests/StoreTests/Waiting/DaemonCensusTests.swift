import Foundation
import Logging
import Postgres
import TestSupport
import Testing

@testable import Store

/// Daemons as others see them: by the lock that a session of theirs holds.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct DaemonCensusTests {
    /// A daemon whose sessions hold the lock of its number.
    private struct Daemon {
        let number = DaemonNumber()
        private let task: Task<Void, Never>

        init(_ pool: PostgresPool) async throws {
            let (sessions, opened) = AsyncStream<Bool>.makeStream()
            task = Task { [number] in
                let daemons = DaemonRepository(pool: pool)
                for await _ in daemons.listen(to: ["census"], as: number, opened: { opened.yield($0) }) {}
            }
            for await isHeld in sessions {
                #expect(isHeld, "the session holds the lock itself")
                break
            }
        }

        /// Ends as a killed process does: its connection closes.
        func die() async {
            task.cancel()
            await task.value
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func aDaemonIsMissingOnceNoSessionHoldsItsLock() async throws {
        try await Fixture.with { fixture in
            let daemons = DaemonRepository(pool: fixture.pool)
            let (judge, other) = (try await Daemon(fixture.pool), try await Daemon(fixture.pool))
            #expect(try await daemons.census(by: judge.number) == nil, "none has a heartbeat")
            let ids = [UUID(), UUID(), UUID()]
            try await daemons.beat(ids[0], version: "1", number: judge.number, lanes: [])
            try await daemons.beat(ids[1], version: "1", number: other.number, lanes: [])
            // An older one, or one behind a pooler.
            try await daemons.beat(ids[2], version: "1", lanes: [])
            let both = DaemonRepository.Census(living: [judge.number, other.number], missing: [])
            // Nobody is judged in the first seconds of the server.
            try await eventually("both live") { try await daemons.census(by: judge.number) == both }
            await other.die()
            let one = DaemonRepository.Census(living: [judge.number], missing: [other.number])
            try await eventually("one is missing") { try await daemons.census(by: judge.number) == one }
            #expect(try await daemons.census(by: other.number) == nil, "a daemon without its lock cannot judge others")
            await judge.die()
            try await eventually("no daemon can judge") { try await daemons.census(by: judge.number) == nil }
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func rowsWithoutANumberAndOldOnesAreNotJudged() async throws {
        try await Fixture.with { fixture in
            let daemons = DaemonRepository(pool: fixture.pool)
            let judge = try await Daemon(fixture.pool)
            let (old, id) = (DaemonNumber(), UUID())
            try await daemons.beat(UUID(), version: "1", number: judge.number, lanes: [])
            try await daemons.beat(id, version: "1", number: old, lanes: [])
            try await eventually("it is missing") { try await daemons.census(by: judge.number)?.missing == [old] }
            try await daemons.beat(id, version: "1", lanes: [])
            #expect(try await daemons.census(by: judge.number)?.missing == [], "it cannot hold the lock any more")
            try await daemons.beat(id, version: "1", number: old, lanes: [])
            try await fixture.pool.execute(
                "UPDATE daemon_heartbeats SET \"lastSeen\" = now() - interval '11 minutes' WHERE id = \(id)"
            )
            #expect(try await daemons.census(by: judge.number)?.missing == [])
            await judge.die()
        }
    }

    /// The same number in another database, and locks of others, are no sign of life.
    @Test(.timeLimit(.minutes(2)))
    func onlyTheDaemonsOwnLockCounts() async throws {
        try await Fixture.with { fixture in
            try await Fixture.with { elsewhere in
                let daemons = DaemonRepository(pool: fixture.pool)
                let (judge, other) = (try await Daemon(fixture.pool), try await Daemon(elsewhere.pool))
                try await daemons.beat(UUID(), version: "1", number: judge.number, lanes: [])
                try await daemons.beat(UUID(), version: "1", number: other.number, lanes: [])
                try await fixture.pool.withConnection { connection in
                    // One key of 64 bits with the same halves.
                    try await connection.execute("SELECT pg_advisory_lock(\(0x646d_6f6e << 32 | other.number.value))")
                    try await eventually("it is missing") {
                        try await daemons.census(by: judge.number)?.missing == [other.number]
                    }
                }
                await judge.die()
                await other.die()
            }
        }
    }

    /// A session that is cut comes back with the lock, also while Postgres still believes in the former one.
    @Test(.timeLimit(.minutes(2)))
    func aDaemonWhoseSessionIsCutComesBack() async throws {
        try await Fixture.with { fixture in
            let daemons = DaemonRepository(pool: fixture.pool)
            let (judge, other) = (try await Daemon(fixture.pool), try await Daemon(fixture.pool))
            for number in [judge.number, other.number] {
                try await daemons.beat(UUID(), version: "1", number: number, lanes: [])
            }
            for _ in 1...3 {
                try await fixture.pool.execute(
                    """
                    SELECT pg_terminate_backend(pid) FROM pg_locks
                    WHERE locktype = 'advisory' AND objid = \(other.number.value)::int8::oid
                    """
                )
                try await eventually("it is back") {
                    try await daemons.census(by: judge.number)?.living == [judge.number, other.number]
                }
            }
            await judge.die()
            await other.die()
        }
    }

    /// A pooler tells a process of its own, and may run each transaction in another session.
    @Test(.timeLimit(.minutes(2)))
    func behindAPoolerNoSessionIsTheDaemonsOwn() async throws {
        try await TestDatabase.withConfiguration(template: .migrated) { postgres in
            var pooled = postgres
            pooled.preparesStatements = false
            let pool = PostgresPool(configuration: pooled, listening: postgres, logger: TestDatabase.logger)
            let (number, other) = (DaemonNumber(), DaemonNumber())
            let daemons = DaemonRepository(pool: pool)
            let lent = try await pool.withConnection { try await daemons.hold(other, on: $0) }
            let own = try await pool.withListeningSession { session in
                [
                    try await daemons.hold(number, on: session),
                    try await daemons.isHeld(number, by: session.processID),
                    try await daemons.isHeld(number, by: 1_234_567),
                    try await daemons.isHeld(other, by: session.processID),
                ]
            }
            #expect(!lent && own == [true, true, false, false])
            let locks = try await pool.query("SELECT count(*) FROM pg_locks WHERE objid = \(other.value)::int8::oid")
            #expect(try locks[0].decode(0, as: Int.self) == 0, "a pooler's session keeps no lock of a daemon")
            await pool.shutdown()
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func withoutASessionChangesAreLookedFor() async throws {
        try await TestDatabase.withConfiguration(template: .migrated) { postgres in
            var pooled = postgres
            pooled.preparesStatements = false
            // The listener warns.
            let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            let pool = PostgresPool(configuration: pooled, logger: silent)
            var events = DaemonRepository(pool: pool)
                .listen(to: ["census"], as: DaemonNumber()) { #expect(!$0) }
                .makeAsyncIterator()
            #expect(await events.next() == .connected)
            #expect(await events.next() == .unheard)
            await pool.shutdown()
        }
    }

    @Test func leasesBeginWithTheNumberAndAreDifferent() {
        let number = DaemonNumber()
        let leases = (0..<1_000).map { number.lease($0) }
        #expect(Set(leases).count == 1_000)
        #expect(leases.allSatisfy { $0 > 0 && "\($0)".count == 19 && "\($0)".hasPrefix("\(number)") })
        #expect(number.lease(1_000_000_001) == number.lease(1), "a billion later they repeat")
        for edge in [DaemonNumber.range.lowerBound, DaemonNumber.range.upperBound] {
            #expect(DaemonNumber(edge)?.lease(.max).description.hasPrefix("\(edge)") == true)
        }
        #expect(DaemonNumber(999_999_999) == nil && DaemonNumber(Int(Int32.max) + 1) == nil)
    }
}
