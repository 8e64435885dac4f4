import Foundation
import Postgres
import Redis
import Store
import TestSupport
import Testing

@testable import Runtime

/// Messages that crash daemons.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct PoisonTests {
    private static let leases = LaneLeases(reservation: .milliseconds(300), flight: .seconds(4))

    @Test(.timeLimit(.minutes(3)))
    func theMessageOfWhichThreeDaemonsDiedIsParkedAndAllOthersAreSent() async throws {
        try await DeliveryFixture.with(contacts: 20, rate: 400) { fixture in
            let run = try await fixture.launch()
            let lane = try await fixture.lane(of: run, leases: Self.leases)
            let poison = try await fixture.feed(run, into: lane)[7]
            // A daemon dies while it renders one message. From the second time on the other messages of its reservation
            // are safe, because they are suspects too and are rendered one at a time.
            for death in 1...3 {
                let (ids, token) = try await fixture.reserveAll(20, from: lane)
                let begun = try await fixture.messages.begin([SendClaim(ids, lease: token)])
                #expect(begun.allSatisfy { $0.crashes == ($0.id == poison ? death - 1 : min(death - 1, 1)) })
                if death > 1 {
                    try await lane.mark(ids, isBeingPrepared: false, lease: token)
                    try await lane.mark([poison], isBeingPrepared: true, lease: token)
                }
                try await settleWhenExpired(20, of: lane, in: fixture)
            }
            let rows = try await fixture.pool.query(
                """
                SELECT status, "errorCode", "errorMessage" <> '', attempts, "failedAt" IS NOT NULL
                FROM campaign_messages WHERE id = \(poison)
                """
            )
            #expect(try rows[0].decode(0, as: MessageStatus.self) == .failed)
            #expect(try rows[0].decode(1, as: String.self) == "poison")
            #expect(try rows[0].decode(2, as: Bool.self) && rows[0].decode(4, as: Bool.self))
            // A crash is never an attempt.
            #expect(try rows[0].decode(3, as: Int.self) == 0)

            try await fixture.withDelivery { try await fixture.completes(run) }
            try await fixture.expectDelivered(run, contacts: 20, failed: 1)
            #expect(try await fixture.runs.failures(of: run).map(\.code) == ["poison"])
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func aCrashWhileMessagesWaitForTheirSlotsIsNotCountedAgainstThem() async throws {
        try await DeliveryFixture.with(contacts: 5, rate: 400) { fixture in
            let run = try await fixture.launch()
            let lane = try await fixture.lane(of: run, leases: Self.leases)
            _ = try await fixture.feed(run, into: lane)
            for _ in 1...4 {
                let (ids, token) = try await fixture.reserveAll(5, from: lane)
                let begun = try await fixture.messages.begin([SendClaim(ids, lease: token)])
                #expect(begun.count == 5 && begun.allSatisfy { $0.crashes == 0 })
                try await lane.mark(ids, isBeingPrepared: false, lease: token)
                try await settleWhenExpired(5, of: lane, in: fixture)
            }
            // The crash of a daemon that had not begun a message counts against no message either.
            for _ in 1...4 {
                _ = try await fixture.reserveAll(5, from: lane)
                try await settleWhenExpired(5, of: lane, in: fixture)
            }
            try await fixture.withDelivery { try await fixture.completes(run) }
            try await fixture.expectDelivered(run, contacts: 5)
        }
    }

    @Test func aMarkTouchesOnlyItsOwnMessagesAndNoneThatMayBeWritten() async throws {
        try await LaneFixture.with(leases: LaneLeases(reservation: .milliseconds(1), flight: .milliseconds(1))) {
            fixture in
            try await fixture.warmUp()
            let ids = try await fixture.push(3)
            let taken = try await fixture.take(3, rate: 1_000)
            #expect(taken == ids)
            try await fixture.lane.mark([ids[0]], isBeingPrepared: false, lease: 8)
            try await fixture.lane.mark([ids[1], ids[2]], isBeingPrepared: false, lease: LaneFixture.lease)
            #expect(
                try await fixture.lane.fire([ids[2]], epoch: 1, lease: LaneFixture.lease) == .answers([true])
            )
            try await fixture.lane.mark([ids[2]], isBeingPrepared: true, lease: LaneFixture.lease)
            var expired: [UUID: ExpiredLease] = [:]
            try await eventually("the leases run out") {
                for lease in try await fixture.heir.recover(limit: 10, epoch: 1, lease: 9) {
                    expired[lease.messageID] = lease
                }
                return expired.count == 3
            }
            #expect(expired[ids[0]]?.wasBeingPrepared == true && expired[ids[0]]?.mayBeWritten == false)
            #expect(expired[ids[1]]?.wasBeingPrepared == false && expired[ids[1]]?.mayBeWritten == false)
            #expect(expired[ids[2]]?.wasBeingPrepared == false && expired[ids[2]]?.mayBeWritten == true)
        }
    }

    /// Settles expired leases as the lane's maintenance does.
    private func settleWhenExpired(_ count: Int, of lane: LaneQueue, in fixture: DeliveryFixture) async throws {
        var settled = 0
        try await eventually("all leases ran out") {
            let expired = try await lane.recover(limit: 100, epoch: 1, lease: 9)
            let verdicts = try await fixture.messages.settle(expired)
            try await lane.settle(
                expired.map { lease in
                    let end: LeaseEnd = if case .requeue = verdicts[lease.messageID] { .release } else { .void }
                    return LeaseEnding(messageID: lease.messageID, lease: 9, end: end)
                }
            )
            settled += expired.count
            return settled >= count
        }
    }
}
