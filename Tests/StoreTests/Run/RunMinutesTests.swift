import Foundation
import Postgres
import TestSupport
import Testing

@testable import Store

/// The minutes of a run say how its messages went, and add up to its counters.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct RunMinutesTests {
    private static let serverError = MessageOutcome.Failure(code: "131000", message: "try again", httpStatus: 500)
    private static let refusal = MessageOutcome.Failure(code: "131026", message: "undeliverable", httpStatus: 400)

    private static func report(_ id: UUID, _ rank: DeliveryStatus.Rank) -> DeliveryStatus {
        DeliveryStatus(
            waMessageID: "w\(id)",
            messageID: id,
            rank: rank,
            at: Date(),
            failure: rank == .failed ? refusal : nil
        )
    }

    @Test func aWholeLifeIsCounted() async throws {
        try await Fixture.with { fixture in
            let run = try await fixture.queuedRun(contacts: 8)
            let ids = try await fixture.ids(of: run)
            let messages = MessageRepository(pool: fixture.pool)
            #expect(try await fixture.minutes(of: run) == [0, 0, 0, 0, 0, 0])

            // Two are tried again, one fails, one is lost, the others are accepted.
            _ = try await messages.begin(ids, lease: 1)
            #expect(try await fixture.value("SELECT count(*) FROM run_minutes", as: Int.self) == 0)
            let results: [MessageOutcome.Result] =
                Array(repeating: .retry(after: .zero, Self.serverError), count: 2)
                + [.failed(Self.refusal), .unconfirmed(Self.serverError)]
                + (4..<8).map { .sent(waMessageID: "w\(ids[$0])") }
            let outcomes = zip(ids, results).map { MessageOutcome(messageID: $0, lease: 1, result: $1) }
            try await messages.record(outcomes)
            #expect(try await fixture.minutes(of: run) == [4, 0, 0, 0, 1, 2])
            try await messages.record(outcomes)
            #expect(try await fixture.minutes(of: run) == [4, 0, 0, 0, 1, 2], "a repetition counts nothing")

            // The second attempt: one is accepted, one comes back without an attempt, as its lane was paused.
            _ = try await messages.begin(Array(ids.prefix(2)), lease: 2)
            try await messages.record([
                MessageOutcome(messageID: ids[0], lease: 2, result: .sent(waMessageID: "w\(ids[0])")),
                MessageOutcome(messageID: ids[1], lease: 2, result: .released(after: .zero)),
            ])
            #expect(try await fixture.minutes(of: run) == [5, 0, 0, 0, 1, 2])

            // Reports: delivered, read at once, failed after it was accepted, and arrived after it had failed.
            _ = try await messages.report([
                Self.report(ids[4], .delivered), Self.report(ids[5], .read), Self.report(ids[6], .failed),
                Self.report(ids[2], .delivered),
            ])
            #expect(try await fixture.minutes(of: run) == [6, 1, 3, 1, 1, 2])
            _ = try await messages.report([Self.report(ids[4], .read), Self.report(ids[6], .failed)])
            #expect(try await fixture.minutes(of: run) == [6, 1, 3, 2, 1, 2])
            try await fixture.expectMinutesEqualCounters(run)

            // A person decides about the lost one, and cancels the rest.
            try await fixture.ageDoubts()
            _ = try await SettlementRepository(pool: fixture.pool).settle(
                Settlement(.failed, olderThan: .zero, actor: .command("ana"), reason: nil),
                of: try await fixture.campaignID(),
                tenant: "acme"
            )
            #expect(try await fixture.minutes(of: run) == [6, 1, 3, 2, 2, 2])
            #expect(try await RunRepository(pool: fixture.pool).cancel(run, reason: "over"))
            _ = try await RunRepository(pool: fixture.pool).cancelRest()
            #expect(try await fixture.minutes(of: run) == [6, 1, 3, 2, 2, 2])
            try await fixture.expectMinutesEqualCounters(run)
        }
    }

    @Test func lostAnswersThatAreRepeatedCountAsRetried() async throws {
        try await Fixture.with { fixture in
            let run = try await fixture.queuedRun(contacts: 2)
            let ids = try await fixture.ids(of: run)
            let messages = MessageRepository(pool: fixture.pool)
            try await fixture.pool.execute("UPDATE senders SET \"unconfirmedPolicy\" = 'retry'")
            _ = try await messages.begin(ids, lease: 1)
            _ = try await messages.settle([
                ExpiredLease(messageID: ids[0], lease: 1, mayBeWritten: true),
                ExpiredLease(messageID: ids[1], lease: 1, mayBeWritten: false),
            ])
            #expect(try await fixture.minutes(of: run) == [0, 0, 0, 0, 0, 0])
            #expect(try await messages.retryUnconfirmed(after: .zero) == [run: 1])
            #expect(try await fixture.minutes(of: run) == [0, 0, 0, 0, 0, 1])
            // The report about the request that was believed to be lost.
            _ = try await messages.report([Self.report(ids[0], .read)])
            #expect(try await fixture.minutes(of: run) == [1, 0, 1, 1, 0, 1])
            try await fixture.expectMinutesEqualCounters(run)
        }
    }

    @Test func correctedCountersCorrectTheMinutes() async throws {
        try await Fixture.with { fixture in
            let run = try await fixture.queuedRun(contacts: 3)
            let ids = try await fixture.ids(of: run)
            let messages = MessageRepository(pool: fixture.pool)
            _ = try await messages.begin(ids, lease: 1)
            try await messages.record(
                ids.map { MessageOutcome(messageID: $0, lease: 1, result: .sent(waMessageID: "w\($0)")) }
            )
            // By hand, and without the counters.
            try await fixture.pool.execute(
                "UPDATE campaign_messages SET status = 'failed', \"failedAt\" = now() WHERE id = \(ids[0])"
            )
            let completed = try await RunRepository(pool: fixture.pool).completeFinished(unconfirmedTimeout: .zero)
            #expect(completed.first?.corrected != nil)
            #expect(try await fixture.minutes(of: run) == [3, 1, 0, 0, 1, 0])
            try await fixture.expectMinutesEqualCounters(run)
        }
    }

    @Test func aTransactionThatEndsInAnErrorCountsNothing() async throws {
        struct Crash: Error {}
        try await Fixture.with { fixture in
            let run = try await fixture.queuedRun(contacts: 1)
            let counters = RunCounters([.sent: 1])
            await #expect(throws: Crash.self) {
                try await fixture.pool.transaction { connection in
                    try await RunMinutes.add(counters, insteadOf: RunCounters(), to: run, on: connection)
                    throw Crash()
                }
            }
            #expect(try await fixture.minutes(of: run) == [0, 0, 0, 0, 0, 0])
        }
    }

    @Test func daemonsThatAreGoneStayKnown() async throws {
        try await Fixture.with { fixture in
            let daemons = DaemonRepository(pool: fixture.pool)
            let (stopped, dead) = (UUID(), UUID())
            for daemon in [stopped, dead] { try await daemons.beat(daemon, version: "1.0", lanes: []) }
            try await daemons.end(stopped)
            try await fixture.pool.execute(
                "UPDATE daemon_heartbeats SET \"lastSeen\" = \"lastSeen\" - interval '11 minutes'"
            )
            try await daemons.beat(UUID(), version: "1.1", lanes: [])
            #expect(
                try await fixture.column("SELECT id FROM former_daemons WHERE \"stoppedAt\" IS NULL") == [dead]
            )
            #expect(
                try await fixture.column("SELECT id FROM former_daemons WHERE \"stoppedAt\" IS NOT NULL") == [stopped]
            )
            #expect(try await fixture.value("SELECT count(*) FROM daemon_heartbeats", as: Int.self) == 1)
        }
    }
}
