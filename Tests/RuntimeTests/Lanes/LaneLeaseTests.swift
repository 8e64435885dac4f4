import Foundation
import Redis
import Store
import TestSupport
import Testing

@testable import Runtime

/// Leases of messages, and how they end.
@Suite(.enabled(if: TestRedis.isAvailable))
struct LaneLeaseTests {
    private static let brief = LaneLeases(reservation: .milliseconds(1), flight: .milliseconds(1))

    @Test func onlyTheHolderOfTheLeaseGetsClearance() async throws {
        try await LaneFixture.with { fixture in
            let ids = try await fixture.push(3)
            try await fixture.warmUp()
            _ = try await fixture.take(2, rate: 80)
            #expect(try await fixture.lane.fire(ids, epoch: 1, lease: 8) == .answers([false, false, false]))
            #expect(try await fixture.lane.fire(ids, epoch: 1, lease: 7) == .answers([true, true, false]))
            // Clearance is given once: after that the message may have been sent.
            #expect(try await fixture.lane.fire(ids, epoch: 1, lease: 7) == .answers([false, false, false]))
        }
    }

    @Test func clearanceIsRefusedDuringAPauseAndUnderAnotherEpoch() async throws {
        try await LaneFixture.with { fixture in
            let ids = try await fixture.push(1)
            try await fixture.warmUp()
            _ = try await fixture.take(1, rate: 80)
            #expect(try await fixture.lane.fire(ids, epoch: 2, lease: 7) == .stale)
            try await fixture.lane.pause(for: .seconds(30))
            guard case .paused = try await fixture.lane.fire(ids, epoch: 1, lease: 7) else {
                Issue.record("fired during a pause")
                return
            }
            _ = try await fixture.redis.send(RedisCommand("DEL", .text(fixture.lane.keys.epoch)))
            #expect(try await fixture.lane.fire(ids, epoch: 1, lease: 7) == .stale)
        }
    }

    @Test func doneRemovesReleasePutsBackAndDelayKeepsForLater() async throws {
        try await LaneFixture.with { fixture in
            let ids = try await fixture.push(4)
            try await fixture.warmUp()
            _ = try await fixture.take(3, rate: 80)
            try await fixture.settle([ids[0]], .done)
            try await fixture.settle([ids[1]], .release)
            try await fixture.settle([ids[2]], .delay(.seconds(60)))
            #expect(try await fixture.lane.depth() == LaneDepth(epoch: 1, ready: 2, delayed: 1, held: 0))
            // The message is back in its former place, before the next one.
            #expect(try await fixture.take(2, rate: 80) == [ids[1], ids[3]])
        }
    }

    @Test func anotherLeaseEndsNothing() async throws {
        try await LaneFixture.with { fixture in
            let ids = try await fixture.push(1)
            try await fixture.warmUp()
            _ = try await fixture.take(1, rate: 80)
            for end in [LeaseEnd.done, .release, .delay(.seconds(1))] { try await fixture.settle(ids, end, lease: 70) }
            #expect(try await fixture.lane.depth() == LaneDepth(epoch: 1, ready: 0, delayed: 0, held: 1))
            try await fixture.settle(ids, .done)
            // The lease has ended already, so this changes nothing.
            try await fixture.settle(ids, .release)
            #expect(try await fixture.lane.depth().total == 0)
        }
    }

    @Test func expiredLeasesAreTakenOverOnceWithTheirState() async throws {
        try await LaneFixture.with(leases: Self.brief) { fixture in
            let ids = try await fixture.push(3)
            try await fixture.warmUp()
            _ = try await fixture.take(3, rate: 80)
            _ = try await fixture.lane.fire([ids[1]], epoch: 1, lease: 7)
            _ = try await fixture.redis.send(
                RedisCommand("HDEL", .text(fixture.lane.keys.held), .text(JobID.text(ids[2])))
            )
            let heir = fixture.heir
            var expired: [ExpiredLease] = []
            try await eventually("three leases run out") {
                expired += try await heir.recover(limit: 10, epoch: 1, lease: 9)
                return expired.count == 3
            }
            let byID = Dictionary(uniqueKeysWithValues: expired.map { ($0.messageID, $0) })
            #expect(
                byID[ids[0]] == ExpiredLease(messageID: ids[0], lease: 7, mayBeWritten: false, wasBeingPrepared: true)
            )
            #expect(byID[ids[1]] == ExpiredLease(messageID: ids[1], lease: 7, mayBeWritten: true))
            #expect(byID[ids[2]] == ExpiredLease(messageID: ids[2], lease: nil, mayBeWritten: true))
            // The new leases are long, so no other daemon gets the messages. The first lease is void.
            #expect(try await heir.recover(limit: 10, epoch: 1, lease: 10).isEmpty)
            #expect(try await fixture.lane.fire([ids[0]], epoch: 1, lease: 7) == .answers([false]))
            try await fixture.settle(ids, .done)
            #expect(try await fixture.lane.depth().held == 3)
            try await fixture.settle(ids, .done, lease: 9)
            #expect(try await fixture.kinds() == ["epoch", "pace", "ring"])
        }
    }

    /// Postgres knows a message by the lease that claimed it, also when a reaper has died in between.
    @Test func leasesThatAreTakenOverTwiceStillNameTheClaim() async throws {
        try await LaneFixture.with(leases: Self.brief) { fixture in
            let ids = try await fixture.push(3, charged: [1])
            try await fixture.warmUp()
            _ = try await fixture.take(3, rate: 80)
            _ = try await fixture.lane.fire([ids[2]], epoch: 1, lease: 7)
            for reaper: Int64 in [8, 9] {
                var expired: [UUID: ExpiredLease] = [:]
                try await eventually("the leases run out") {
                    for lease in try await fixture.lane.recover(limit: 10, epoch: 1, lease: reaper) {
                        expired[lease.messageID] = lease
                    }
                    return expired.count == 3
                }
                #expect(expired.values.allSatisfy { $0.lease == 7 })
                #expect(ids.map { expired[$0]?.mayBeWritten } == [false, false, true])
            }
            // The quota and the line of each are still known, too.
            let heir = fixture.heir
            var count = 0
            try await eventually("the leases run out") {
                count += try await heir.recover(limit: 10, epoch: 1, lease: 10).count
                return count == 3
            }
            try await fixture.settle(ids, .release, lease: 10)
            #expect(try await fixture.lane.depth() == LaneDepth(epoch: 1, ready: 3, delayed: 0, held: 0))
            #expect(try await fixture.lane.waitingForQuota() == [ids[1]])
        }
    }

    @Test func deadDaemonsLoseWhatTheyHaveNotFired() async throws {
        try await LaneFixture.with { fixture in
            let (dead, living) = (DaemonNumber(), DaemonNumber())
            let ids = try await fixture.push(5)
            try await fixture.warmUp()
            #expect(try await fixture.take(3, rate: 80, lease: dead.lease(1)) == Array(ids[..<3]))
            try await fixture.lane.mark([ids[1]], isBeingPrepared: false, lease: dead.lease(1))
            _ = try await fixture.lane.fire([ids[2]], epoch: 1, lease: dead.lease(1))
            _ = try await fixture.take(1, rate: 80, lease: living.lease(1))
            // A lease that an older daemon drew: its digits mean nothing.
            _ = try await fixture.take(1, rate: 80, lease: Int64(dead.value))
            #expect(try await fixture.lane.abandon([]) == 0)
            #expect(try await fixture.lane.abandon([DaemonNumber()]) == 0)
            #expect(try await fixture.lane.recover(limit: 10, epoch: 1, lease: 9).isEmpty)

            #expect(try await fixture.lane.abandon([dead, DaemonNumber()]) == 2)
            // The daemon lives after all: it fires what is not taken over yet, and nothing else.
            #expect(try await fixture.lane.fire([ids[0]], epoch: 1, lease: dead.lease(1)) == .answers([true]))
            #expect(
                try await fixture.lane.recover(limit: 10, epoch: 1, lease: 9) == [
                    ExpiredLease(messageID: ids[1], lease: dead.lease(1), mayBeWritten: false)
                ]
            )
            #expect(try await fixture.lane.fire([ids[1]], epoch: 1, lease: dead.lease(1)) == .answers([false]))
            #expect(try await fixture.lane.abandon([dead]) == 0)
        }
    }

    /// A reaper that dies is a dead daemon like any other.
    @Test func whatADeadReaperHeldIsTakenBackAtOnce() async throws {
        try await LaneFixture.with { fixture in
            let (sender, reaper) = (DaemonNumber(), DaemonNumber())
            let ids = try await fixture.push(2)
            try await fixture.warmUp()
            _ = try await fixture.take(2, rate: 80, lease: sender.lease(1))
            #expect(try await fixture.lane.abandon([sender]) == 2)
            #expect(try await fixture.lane.recover(limit: 10, epoch: 1, lease: reaper.lease(1)).count == 2)
            #expect(try await fixture.lane.recover(limit: 10, epoch: 1, lease: 9).isEmpty)
            #expect(try await fixture.lane.abandon([sender, reaper]) == 2)
            let again = try await fixture.lane.recover(limit: 10, epoch: 1, lease: 9)
            #expect(Set(again.map(\.messageID)) == Set(ids) && again.allSatisfy { $0.lease == sender.lease(1) })
        }
    }

    @Test func moreLeasesThanOneCallTakesAreAbandoned() async throws {
        try await LaneFixture.with { fixture in
            let dead = DaemonNumber()
            for _ in 1...3 { try await fixture.push(400) }
            try await fixture.warmUp()
            _ = try await fixture.take(1_200, rate: 20_000, lease: dead.lease(1))
            #expect(try await fixture.lane.abandon([dead]) == 1_200)
        }
    }

    @Test func takesOverNoMoreThanAskedFor() async throws {
        try await LaneFixture.with(leases: Self.brief) { fixture in
            try await fixture.push(5)
            try await fixture.warmUp()
            _ = try await fixture.take(5, rate: 80)
            let heir = fixture.heir
            var portions: [Int] = []
            try await eventually("all leases run out") {
                let count = try await heir.recover(limit: 2, epoch: 1, lease: 9).count
                if count > 0 { portions.append(count) }
                return portions.reduce(0, +) == 5
            }
            #expect(portions.allSatisfy { $0 <= 2 })
        }
    }

    @Test func aRebuildEmptiesTheLaneAndLeasesMessagesBeingSent() async throws {
        try await LaneFixture.with { fixture in
            let ids = try await fixture.push(6)
            try await fixture.warmUp()
            _ = try await fixture.take(3, rate: 80)
            try await fixture.settle([ids[2]], .delay(.seconds(60)))
            let sending = [
                LaneRebuild.Held(messageID: ids[0], lease: 7), LaneRebuild.Held(messageID: ids[1], lease: nil),
            ]
            let lost = LaneRebuild(sender: UUID(), sending: sending, pause: .seconds(30))
            try await fixture.lane.rebuild(lost, epoch: 2)
            #expect(try await fixture.lane.depth() == LaneDepth(epoch: 2, ready: 0, delayed: 0, held: 2))
            guard case .paused(let rest) = try await fixture.reserve(1, epoch: 2) else {
                Issue.record("the pause is forgotten")
                return
            }
            #expect(rest > .seconds(25))
            // A message keeps its lease for its outcome, and gets no clearance again.
            #expect(try await fixture.lane.fire([ids[0]], epoch: 1, lease: 7) == .stale)
            try await fixture.settle([ids[0]], .done)
            try await fixture.settle([ids[1]], .done)
            #expect(try await fixture.lane.depth().held == 1)
            #expect(
                try await fixture.lane.push([FedMessage(id: ids[3], delay: .zero)], run: fixture.run, epoch: 1) == false
            )
            #expect(try await fixture.lane.push([FedMessage(id: ids[3], delay: .zero)], run: fixture.run, epoch: 2))
        }
    }
}
