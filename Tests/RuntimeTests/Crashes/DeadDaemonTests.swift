import Foundation
import Postgres
import Redis
import Store
import TestSupport
import Testing
import WhatsAppSimulator

@testable import Runtime

/// The leases of daemons that die, and of a daemon that only looks dead.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct DeadDaemonTests {
    /// Leases of reserved messages that no test outlives: what returns to the lane was taken back.
    private static let leases = LaneLeases(reservation: .seconds(600), flight: .seconds(8))

    @Test(.timeLimit(.minutes(3)))
    func leasesNameTheirDaemonInBothStores() async throws {
        try await DeliveryFixture.with(contacts: 100, rate: 50) { fixture in
            let run = try await fixture.launch()
            let presence = DaemonPresence()
            try await fixture.withDelivery(leases: Self.leases, presence: presence, ending: .killed) {
                try await sent(10, of: fixture)
            }
            let holders = try await holders(in: fixture)
            #expect(!holders.isEmpty && holders.allSatisfy { $0.hasPrefix(presence.number.description) })
            let entries = try await entries(of: run, in: fixture)
            #expect(!entries.isEmpty)
            #expect(entries.allSatisfy { $0.dropFirst().hasPrefix(presence.number.description) })
            #expect(
                try await fixture.pool.query("SELECT number FROM daemon_heartbeats")[0].decode(0, as: Int.self)
                    == presence.number.value
            )
        }
    }

    /// A daemon dies with messages in each state; nothing but the taking back could bring those back that it had not fired.
    @Test(.timeLimit(.minutes(3)))
    func messagesOfADeadDaemonAreTakenBackUnlessTheyMayBeWritten() async throws {
        try await DeliveryFixture.with(contacts: 40, rate: 400) { fixture in
            let run = try await fixture.launch()
            let lane = try await fixture.lane(of: run, leases: Self.leases)
            _ = try await fixture.feed(run, into: lane)
            let (dead, daemons) = (DaemonNumber(), DaemonRepository(pool: fixture.pool))
            let (ids, lease) = try await fixture.reserveAll(40, from: lane, lease: dead.lease(1))
            let begun = try await fixture.messages.begin([SendClaim(Array(ids[..<30]), lease: lease)])
            #expect(begun.count == 30, "the others are reserved and not claimed")
            try await lane.mark(Array(ids[..<20]), isBeingPrepared: false, lease: lease)
            #expect(
                try await lane.fire(Array(ids[..<5]), epoch: 1, lease: lease)
                    == .answers(Array(repeating: true, count: 5))
            )
            try await fixture.withDelivery(
                leases: Self.leases,
                unconfirmedTimeout: .milliseconds(1),
                presence: DaemonPresence()
            ) {
                // It dies before the eyes of the others.
                let life = Task { for await _ in daemons.listen(to: ["none"], as: dead, opened: { _ in }) {} }
                try await daemons.beat(UUID(), version: "1", number: dead, lanes: [])
                life.cancel()
                await life.value
                try await sent(35, of: fixture)
                try await fixture.completes(run)
            }
            let statuses = try await fixture.statuses()
            #expect(statuses == [.sent: 35, .unconfirmed: 5], "\(statuses)")
            for id in ids[..<5] {
                let rows = try await fixture.pool.query("SELECT status FROM campaign_messages WHERE id = \(id)")
                #expect(try rows[0].decode(0, as: MessageStatus.self) == .unconfirmed)
            }
            let crashes = try await fixture.pool.query("SELECT count(*) FROM campaign_messages WHERE crashes = 1")
            #expect(try crashes[0].decode(0, as: Int.self) == 10, "those that were being prepared")
            #expect(fixture.simulator.summary().recipientsAcceptedMoreThanOnce == 0)
            try await fixture.expectCountersEqualRows(run)
            try await fixture.expectNoResidue()
        }
    }

    /// Three deaths in a row cannot park a message within seconds: before the last one it waits.
    @Test(.timeLimit(.minutes(3)))
    func aMessageWaitsBeforeItsLastCrash() async throws {
        try await DeliveryFixture.with(contacts: 2, rate: 400) { fixture in
            let run = try await fixture.launch()
            let lane = try await fixture.lane(of: run, leases: Self.leases)
            let ids = try await fixture.feed(run, into: lane)
            for death in 1...3 {
                let dead = DaemonNumber()
                if death == 3 {
                    #expect(try await lane.depth() == LaneDepth(epoch: 1, ready: 1, delayed: 1, held: 0))
                    // Ten seconds later.
                    _ = try await fixture.redis.send(
                        RedisCommand("ZADD", .text(lane.keys.delayed), "XX", "0", JobID.argument(ids[0]))
                    )
                    _ = try await fixture.redis.send(
                        RedisCommand("ZADD", .text(lane.keys.outsideDelayed), "XX", "0", JobID.argument(ids[0]))
                    )
                }
                let lease = dead.lease(1)
                _ = try await fixture.reserveAll(2, from: lane, lease: lease)
                _ = try await fixture.messages.begin([SendClaim(ids, lease: lease)])
                try await lane.mark([ids[1]], isBeingPrepared: false, lease: lease)
                #expect(try await lane.abandon([dead]) == 2)
                let verdicts = try await settle(lane, in: fixture)
                switch try #require(verdicts[ids[0]]) {
                case .requeue(let delay) where death < 3:
                    #expect(death == 1 ? delay == .zero : delay > .seconds(5) && delay <= .seconds(10))
                case .discard: #expect(death == 3)
                case let other: Issue.record("\(other)")
                }
                #expect(verdicts[ids[1]] == .requeue(after: .zero))
            }
            let rows = try await fixture.pool.query("SELECT \"errorCode\" FROM campaign_messages WHERE id = \(ids[0])")
            #expect(try rows[0].decode(0, as: String.self) == "poison")
            try await fixture.withDelivery { try await fixture.completes(run) }
            try await fixture.expectDelivered(run, contacts: 2, failed: 1)
        }
    }

    /// Settles what has expired, as the maintenance of the lane does.
    private func settle(_ lane: LaneQueue, in fixture: DeliveryFixture) async throws -> [UUID: LeaseVerdict] {
        let expired = try await lane.recover(limit: 10, epoch: 1, lease: 9)
        let verdicts = try await fixture.messages.settle(expired)
        try await lane.settle(
            verdicts.map { message, verdict in LeaseEnding(messageID: message, lease: 9, end: verdict.leaseEnd) }
        )
        return verdicts
    }

    /// The worst case of a connection that breaks again and again: each time all its reservations are taken over.
    @Test(.timeLimit(.minutes(3)))
    func aLivingDaemonThatLooksDeadLosesNothingAndRepeatsNothing() async throws {
        try await DeliveryFixture.with(contacts: 1_200, rate: 200) { fixture in
            let run = try await fixture.launch()
            let suspect = DaemonPresence(isAnnounced: true)
            let lane = try await fixture.lane(of: run, leases: LaneLeases())
            var taken = 0
            try await fixture.withDelivery {
                try await fixture.withDelivery(listens: false, presence: suspect) {
                    while try await fixture.run(run).status != .completed {
                        let count = fixture.simulator.summary().accepted
                        taken += try await lane.abandon([suspect.number])
                        _ = try await settle(lane, in: fixture)
                        try await eventually("some more are sent") {
                            fixture.simulator.summary().accepted > min(count + 5, 1_199)
                        }
                    }
                }
            }
            #expect(taken > 20, "\(taken)")
            try await fixture.expectDelivered(run, contacts: 1_200)
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func sessionsThatAreCutWhileMessagesAreSentCostNothing() async throws {
        try await DeliveryFixture.with(contacts: 600, rate: 200) { fixture in
            let run = try await fixture.launch()
            try await fixture.withDelivery(presence: DaemonPresence()) {
                try await fixture.withDelivery(presence: DaemonPresence()) {
                    var cuts = 0
                    while try await fixture.run(run).status != .completed {
                        let count = fixture.simulator.summary().accepted
                        cuts += try await fixture.pool.query(
                            """
                            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                            WHERE datname = current_database() AND query LIKE 'LISTEN%'
                            """
                        ).count
                        try await eventually("some more are sent") {
                            let now = fixture.simulator.summary().accepted
                            return now > min(count + 20, 599)
                        }
                        if count >= 580 { break }
                    }
                    #expect(cuts > 10)
                    try await fixture.completes(run)
                }
            }
            try await fixture.expectDelivered(run, contacts: 600)
        }
    }

    @Test func whatIsMissingTwiceIsDead() {
        let (first, second) = (DaemonNumber(), DaemonNumber())
        var judgement = DeathJudgement()
        func take(_ living: Set<DaemonNumber>, _ missing: Set<DaemonNumber>) -> [Set<DaemonNumber>] {
            [judgement.take(.init(living: living, missing: missing)) ? missing : [], judgement.dead]
        }
        let left = DaemonNumber()
        #expect(take([first, second], [left]) == [[], [left]], "the first look finds what others have left")
        #expect(take([second], [first]) == [[first], []], "the next look comes soon")
        #expect(take([], [first, second]) == [[first, second], [first]])
        #expect(take([first], [second]) == [[], [second]], "the first one lives after all")
        #expect(take([first], []) == [[], []], "the row of the second one is gone")
        #expect(take([], [first]) == [[first], []])
    }

    @Test func aDaemonWhoseSessionBrokeJudgesNobodyForAWhile() {
        let presence = DaemonPresence()
        let start = ContinuousClock.now
        #expect(!presence.canJudge(at: start) && presence.shownNumber == nil)
        presence.noteSession(isHeld: true, at: start)
        #expect(presence.canJudge(at: start) && presence.shownNumber == presence.number)
        presence.noteSession(isHeld: true, at: start + .seconds(20))
        #expect(!presence.canJudge(at: start + .seconds(25)) && presence.canJudge(at: start + .seconds(27)))
        presence.noteSession(isHeld: false, at: start + .seconds(40))
        #expect(!presence.canJudge(at: start + .seconds(60)) && presence.shownNumber == nil)
        #expect(presence.lease() != presence.lease())
    }

    private func sent(_ count: Int, of fixture: DeliveryFixture) async throws {
        try await eventually("\(count) are sent") { fixture.simulator.summary().accepted >= count }
    }

    private func holders(in fixture: DeliveryFixture) async throws -> [String] {
        try await fixture.pool.query(
            "SELECT holder::text FROM campaign_messages WHERE status = 'sending' AND holder IS NOT NULL"
        ).map { try $0.decode(0) }
    }

    /// The entries of the messages that are held in the lane: state, lease and more.
    private func entries(of run: UUID, in fixture: DeliveryFixture) async throws -> [String] {
        let keys = LaneKeys(prefix: "", quotaGroup: fixture.group, sender: try await fixture.run(run).senderID)
        return try await fixture.redis.send(RedisCommand("HVALS", .text(keys.held))).asArray().map { try $0.asText() }
    }
}
