import Foundation
import Postgres
import Redis
import Store
import TestSupport
import Testing
import WhatsAppSimulator

@testable import Runtime

/// Runs during which daemons or Redis die.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct DeliveryCrashTests {
    private static let leases = LaneLeases(reservation: .seconds(2), flight: .seconds(4))

    @Test(.timeLimit(.minutes(3)))
    func aLaneThatRedisLostIsRebuilt() async throws {
        try await DeliveryFixture.with(contacts: 500, rate: 100) { fixture in
            let run = try await fixture.launch()
            try await fixture.withDelivery(leases: Self.leases) {
                try await sent(100, of: fixture)
                try await TestRedis.deleteKeys(of: fixture.group, on: fixture.redis)
                try await fixture.completes(run, within: .seconds(60))
            }
            try await fixture.expectDelivered(run, contacts: 500)
            let epochs = try await fixture.pool.query("SELECT epoch FROM queue_epochs")
            #expect(try epochs[0].decode(0, as: Int.self) == 3)
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func aGracefulShutdownGivesBackAndTheNextDaemonGoesOn() async throws {
        try await DeliveryFixture.with(contacts: 400, rate: 200) { fixture in
            let run = try await fixture.launch()
            try await fixture.withDaemon { _ in try await sent(100, of: fixture) }
            // Each message that the daemon held has its outcome or is queued again.
            let counters = try await fixture.run(run).counters
            #expect(counters[.sending] == 0 && counters[.unconfirmed] == 0)
            #expect(counters[.queued] > 0)
            let lane = LaneQueue(
                redis: fixture.redis,
                quotaGroup: fixture.group,
                sender: try await fixture.run(run).senderID
            )
            #expect(try await lane.depth().held == 0)
            let before = fixture.simulator.summary().accepted
            #expect(counters.accepted == before)
            try await fixture.withDaemon { _ in try await fixture.completes(run) }
            try await fixture.expectDelivered(run, contacts: 400)
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func afterACrashNothingIsLostAndNothingComesTwice() async throws {
        // Slow answers, so that many are under way when the daemon dies.
        let faults = try SimulatorFaults(
            json: Data(#"{"latency":{"minimumMilliseconds":50,"maximumMilliseconds":300}}"#.utf8)
        )
        try await DeliveryFixture.with(contacts: 400, rate: 200, faults: faults) { fixture in
            let run = try await fixture.launch()
            try await fixture.withDelivery(leases: Self.leases, ending: .killed) { try await sent(100, of: fixture) }
            try await fixture.withDelivery(leases: Self.leases, unconfirmedTimeout: .milliseconds(1)) {
                try await fixture.completes(run, within: .seconds(70))
            }
            let summary = fixture.simulator.summary()
            #expect(summary.recipientsAcceptedMoreThanOnce == 0)
            let statuses = try await fixture.statuses()
            let unconfirmed = statuses[.unconfirmed] ?? 0
            #expect(statuses == [.sent: 400 - unconfirmed, .unconfirmed: unconfirmed].filter { $0.value > 0 })
            #expect(summary.accepted >= 400 - unconfirmed)
            try await fixture.expectCountersEqualRows(run)
            try await fixture.expectNoResidue()
        }
    }

    @Test(.timing, .timeLimit(.minutes(3)))
    func twoDaemonsShareALane() async throws {
        try await DeliveryFixture.with(contacts: 400, rate: 150) { fixture in
            let run = try await fixture.launch()
            try await fixture.withDelivery {
                try await fixture.withDelivery { try await fixture.completes(run) }
            }
            try await fixture.expectDelivered(run, contacts: 400)
            #expect(fixture.simulator.summary().mostAcceptedInOneSecond["1001", default: 0] <= 150)
        }
    }

    /// No run keeps the lane open, but the leases of the dead daemon must still be taken over.
    @Test(.timeLimit(.minutes(3)), arguments: ["cancel", "pause", "cancel and lose Redis"])
    func messagesBeingSentAreSettledAlthoughTheirRunWasStopped(stop: String) async throws {
        let faults = try SimulatorFaults(
            json: Data(#"{"latency":{"minimumMilliseconds":500,"maximumMilliseconds":900}}"#.utf8)
        )
        try await DeliveryFixture.with(contacts: 400, rate: 200, faults: faults) { fixture in
            let run = try await fixture.launch()
            try await fixture.withDelivery(leases: Self.leases, ending: .killed) { try await sent(100, of: fixture) }
            #expect(try await fixture.statuses()[.sending] ?? 0 > 0)
            if stop == "pause" {
                try await fixture.runs.pause(run, reason: "a test")
            } else {
                try await fixture.runs.cancel(run, reason: "a test")
            }
            if stop == "cancel and lose Redis" {
                try await TestRedis.deleteKeys(of: fixture.group, on: fixture.redis)
            }
            try await fixture.withDelivery(leases: Self.leases) {
                try await eventually(within: .seconds(40), "nothing is being sent any more") {
                    try await fixture.statuses()[.sending] == nil
                }
                if stop != "pause" { try await fixture.expectNoResidue() }
            }
            try await fixture.expectCountersEqualRows(run)
            #expect(fixture.simulator.summary().recipientsAcceptedMoreThanOnce == 0)
        }
    }

    /// No message was being sent, so nothing in Postgres points to the lane.
    @Test(.timeLimit(.minutes(3)))
    func theNextDaemonEmptiesStaleLanes() async throws {
        try await DeliveryFixture.with(contacts: 300, rate: 100) { fixture in
            let run = try await fixture.launch()
            try await fixture.withDelivery { try await sent(20, of: fixture) }
            let lane = LaneQueue(
                redis: fixture.redis,
                quotaGroup: fixture.group,
                sender: try await fixture.run(run).senderID
            )
            let accepted = fixture.simulator.summary().accepted
            try await fixture.runs.cancel(run, reason: "a test")
            let left = try await lane.depth()
            #expect(left.total > 0 && left.held == 0)
            try await fixture.withDelivery { try await fixture.expectNoResidue() }
            #expect(fixture.simulator.summary().accepted == accepted)
            try await fixture.expectCountersEqualRows(run)
        }
    }

    /// The next daemon removes the messages from the lane; they are fed again when the run resumes.
    @Test(.timeLimit(.minutes(3)))
    func aRunThatWasPausedMeanwhileGoesOnWhole() async throws {
        try await DeliveryFixture.with(contacts: 300, rate: 200) { fixture in
            let run = try await fixture.launch()
            try await fixture.withDelivery { try await sent(20, of: fixture) }
            try await fixture.runs.pause(run, reason: "a test")
            try await fixture.withDelivery {
                try await fixture.expectNoResidue()
                try await fixture.runs.resume(run)
                try await fixture.completes(run)
            }
            try await fixture.expectDelivered(run, contacts: 300)
        }
    }

    private func sent(_ count: Int, of fixture: DeliveryFixture) async throws {
        try await eventually(within: .seconds(30), "\(count) are sent") {
            fixture.simulator.summary().accepted >= count
        }
    }
}
