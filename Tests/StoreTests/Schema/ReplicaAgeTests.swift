import Foundation
import Testing

@testable import Store

/// How old a replica is, from positions in the log of the primary and the times at which they were seen.
struct ReplicaAgeTests {
    private let start = ContinuousClock.now
    private let primary = ReplicaRepository.Identity(system: "1", database: "shop", schema: "public")

    /// Measures at a second after the start; the answer takes 100 ms.
    private func age(
        _ ages: inout ReplicaAge,
        at second: Double,
        end: Int,
        replayed: Int?,
        lastCommit: Double? = nil,
        identity: ReplicaRepository.Identity? = nil
    ) throws(ReplicaAge.Refusal) -> Duration? {
        let asked = start + .seconds(second)
        return try ages.age(
            of: .init(
                identity: identity ?? primary,
                position: replayed,
                lastCommit: lastCommit.map { Date(timeIntervalSince1970: $0) }
            ),
            end: .init(identity: primary, position: end, time: Date(timeIntervalSince1970: second)),
            asked: asked,
            now: asked + .milliseconds(100)
        )
    }

    @Test func whatHasReplayedTheEndIsAsOldAsTheQuestion() throws {
        var ages = ReplicaAge(upTo: .seconds(10))
        #expect(try age(&ages, at: 0, end: 100, replayed: 100) == .milliseconds(100))
        #expect(try age(&ages, at: 1, end: 200, replayed: 250) == .milliseconds(100))
    }

    @Test func anIdlePrimaryDoesNotMakeItOld() throws {
        var ages = ReplicaAge(upTo: .seconds(10))
        for second in 0...100 {
            #expect(
                try age(&ages, at: Double(second), end: 100, replayed: 100, lastCommit: -3_600) == .milliseconds(100)
            )
        }
    }

    @Test func aPausedReplicaAgesUntilItIsRefused() throws {
        var ages = ReplicaAge(upTo: .seconds(10))
        for second in 0...9 {
            let found = try age(&ages, at: Double(second), end: 100 + second, replayed: 100)
            #expect(found == .milliseconds(second * 1_000 + 100))
        }
        #expect(throws: ReplicaAge.Refusal.behind(atLeast: .seconds(10))) {
            try age(&ages, at: 10, end: 110, replayed: 100)
        }
        #expect(try age(&ages, at: 11, end: 111, replayed: 109) == .milliseconds(2_100), "it catches up")
    }

    @Test func atFirstTheLastTransactionTells() throws {
        var ages = ReplicaAge(upTo: .seconds(10))
        #expect(try age(&ages, at: 0, end: 200, replayed: 100, lastCommit: -3) == .milliseconds(3_100))
        var others = ReplicaAge(upTo: .seconds(10))
        #expect(try age(&others, at: 0, end: 200, replayed: 100, lastCommit: -11) == nil, "perhaps nothing was written")
        #expect(throws: ReplicaAge.Refusal.behind(atLeast: .seconds(10))) {
            try age(&others, at: 10, end: 200, replayed: 100, lastCommit: -11)
        }
    }

    @Test func otherServersAreRefused() throws {
        var ages = ReplicaAge(upTo: .seconds(10))
        #expect(throws: ReplicaAge.Refusal.notAReplica) { try age(&ages, at: 0, end: 100, replayed: nil) }
        for other in [("2", "shop", "public"), ("1", "other", "public"), ("1", "shop", "acme")] {
            #expect(throws: ReplicaAge.Refusal.anotherServer) {
                try age(
                    &ages,
                    at: 1,
                    end: 100,
                    replayed: 500,
                    identity: .init(system: other.0, database: other.1, schema: other.2)
                )
            }
        }
    }

    @Test func aRestoredPrimaryIsMeasuredAnew() throws {
        var ages = ReplicaAge(upTo: .seconds(10))
        _ = try age(&ages, at: 0, end: 1_000, replayed: 1_000)
        #expect(try age(&ages, at: 1, end: 500, replayed: 400) == nil)
        #expect(try age(&ages, at: 2, end: 500, replayed: 500) == .milliseconds(100))
    }
}
