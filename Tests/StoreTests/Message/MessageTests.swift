import Foundation
import Postgres
import Spec
import TestSupport
import Testing

@testable import Store

@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct MessageTests {
    private static let failure = MessageOutcome.Failure(code: "131026", message: "undeliverable", httpStatus: 400)
    private static let lost = MessageOutcome.Failure(code: "answer_lost", message: "no answer")

    private static func report(
        _ id: UUID,
        _ rank: DeliveryStatus.Rank,
        wamid: String = "wamid.1",
        at: Double = 0
    ) -> DeliveryStatus {
        DeliveryStatus(
            waMessageID: wamid,
            messageID: id,
            rank: rank,
            at: Date(timeIntervalSince1970: 1_780_000_000 + at),
            failure: rank == .failed ? failure : nil
        )
    }

    private static func expectCountersEqualRows(
        _ run: UUID,
        _ fixture: Fixture,
        _ what: String = "",
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let counters = try await fixture.counters(of: run)
        #expect(counters.counted == counters.rows, "\(what)", sourceLocation: sourceLocation)
        try await fixture.expectMinutesEqualCounters(run, sourceLocation: sourceLocation)
    }

    @Test func beginTakesWhatIsQueuedAndTellsAllThatRenderingNeeds() async throws {
        try await Fixture.with { fixture in
            let run = try await fixture.queuedRun(contacts: 5, inWindow: 3)
            let messages = MessageRepository(pool: fixture.pool)
            let ids = try await fixture.ids(of: run)
            let begun = try await messages.begin(Array(ids.prefix(4)) + [UUID()], lease: 7)
            #expect(Set(begun.map(\.id)) == Set(ids.prefix(4)))
            #expect(begun.allSatisfy { $0.status == .sending && $0.runID == run && $0.attempts == 0 })
            #expect(begun.allSatisfy { .text($0.recipientPhone) == $0.contact[.contactId] && $0.contact[.name] != nil })
            #expect(begun.count { $0.isBusinessInitiated } == 1)
            #expect(try await messages.begin(ids, lease: 8).map(\.id) == [ids[4]])
            #expect(try await messages.begin([], lease: 8).isEmpty)
            try await Self.expectCountersEqualRows(run, fixture)
        }
    }

    @Test func onlyTheHolderMayReport() async throws {
        try await Fixture.with { fixture in
            let run = try await fixture.queuedRun(contacts: 3)
            let messages = MessageRepository(pool: fixture.pool)
            let ids = try await fixture.ids(of: run)
            _ = try await messages.begin(ids, lease: 2)
            let results: [MessageOutcome.Result] = [
                .failed(Self.failure), .retry(after: .seconds(30), Self.failure), .released(after: .zero), .withdrawn,
                .unconfirmed(Self.lost),
            ]
            for result in results {
                try await messages.record(ids.map { MessageOutcome(messageID: $0, lease: 1, result: result) })
            }
            for id in ids { #expect(try await fixture.status(of: id) == .sending) }
            // A daemon that lost its lease still records that WhatsApp accepted the message.
            try await messages.record([MessageOutcome(messageID: ids[0], lease: 1, result: .sent(waMessageID: "w"))])
            #expect(try await fixture.status(of: ids[0]) == .sent)
            try await Self.expectCountersEqualRows(run, fixture)
        }
    }

    @Test(arguments: [
        (MessageOutcome.Result.sent(waMessageID: "w1"), MessageStatus.sent, 1), (.failed(failure), .failed, 1),
        (.retry(after: .seconds(30), failure), .queued, 1), (.unconfirmed(lost), .unconfirmed, 0),
        (.released(after: .seconds(5)), .queued, 0), (.withdrawn, .pending, 0),
    ])
    func repeatingAReportChangesNothing(
        result: MessageOutcome.Result,
        status: MessageStatus,
        attempts: Int
    ) async throws {
        try await Fixture.with { fixture in
            let run = try await fixture.queuedRun(contacts: 1)
            let messages = MessageRepository(pool: fixture.pool)
            let id = try await fixture.ids(of: run)[0]
            _ = try await messages.begin([id], lease: 1)
            let row: PostgresQuery = "SELECT (to_jsonb(m) - 'nextAttemptAt')::text FROM campaign_messages m"
            try await messages.record([MessageOutcome(messageID: id, lease: 1, result: result)])
            let once = try await fixture.value(row, as: String.self)
            try await messages.record([MessageOutcome(messageID: id, lease: 1, result: result)])
            #expect(try await fixture.value(row, as: String.self) == once)
            #expect(try await fixture.status(of: id) == status)
            #expect(try await fixture.value("SELECT attempts FROM campaign_messages", as: Int.self) == attempts)
            let isFailure = status == .failed || (status == .queued && attempts == 1)
            let failures = try await fixture.value("SELECT count(*) FROM message_failures", as: Int.self)
            #expect(failures == (isFailure ? 1 : 0))
            try await Self.expectCountersEqualRows(run, fixture)
        }
    }

    @Test func statusesOnlyMoveForwardInEveryOrder() async throws {
        let ranks: [DeliveryStatus.Rank] = [.sent, .delivered, .read, .failed]
        try await Fixture.with { fixture in
            let orders = Self.permutations(ranks)
            let run = try await fixture.queuedRun(contacts: orders.count)
            let messages = MessageRepository(pool: fixture.pool)
            let ids = try await fixture.ids(of: run)
            _ = try await messages.begin(ids, lease: 1)
            try await messages.record(
                ids.enumerated().map { MessageOutcome(messageID: $1, lease: 1, result: .sent(waMessageID: "w\($0)")) }
            )
            for step in ranks.indices {
                let batch = orders.enumerated().map {
                    Self.report(ids[$0], $1[step], wamid: "w\($0)", at: Double(step))
                }
                #expect(try await messages.apply(batch).isEmpty)
                #expect(try await messages.apply(batch).isEmpty)
                try await Self.expectCountersEqualRows(run, fixture)
                for (index, order) in orders.enumerated() {
                    let seen = order.prefix(step + 1)
                    let best = [DeliveryStatus.Rank.read, .delivered, .failed].first { seen.contains($0) } ?? .sent
                    let expected = try #require(MessageStatus(rawValue: "\(best)"))
                    #expect(try await fixture.status(of: ids[index]) == expected, "\(seen)")
                }
            }
            let leftOver: PostgresQuery = """
                SELECT count(*) FROM campaign_messages
                WHERE "errorCode" IS NOT NULL OR "failedAt" IS NOT NULL OR "readAt" IS NULL OR "deliveredAt" IS NULL
                """
            #expect(try await fixture.value(leftOver, as: Int.self) == 0)
        }
    }

    @Test func aReportMayComeBeforeTheAnswer() async throws {
        try await Fixture.with { fixture in
            let run = try await fixture.queuedRun(contacts: 4)
            let messages = MessageRepository(pool: fixture.pool)
            let ids = try await fixture.ids(of: run)
            _ = try await messages.begin(ids, lease: 1)
            let reports = ids.enumerated().map { Self.report($1, .delivered, wamid: "w\($0)") }
            #expect(try await messages.apply(reports).isEmpty)
            try await messages.record([
                MessageOutcome(messageID: ids[0], lease: 1, result: .sent(waMessageID: "w0")),
                MessageOutcome(messageID: ids[1], lease: 1, result: .unconfirmed(Self.lost)),
                MessageOutcome(messageID: ids[2], lease: 1, result: .failed(Self.failure)),
                MessageOutcome(messageID: ids[3], lease: 1, result: .retry(after: .seconds(30), Self.failure)),
            ])
            let state: PostgresQuery = """
                SELECT count(*) FROM campaign_messages
                WHERE status = 'delivered' AND "waMessageId" = 'w' || position - 1 AND "errorCode" IS NULL
                    AND "errorMessage" IS NULL AND "failedAt" IS NULL AND "nextAttemptAt" IS NULL
                    AND attempts = CASE position WHEN 2 THEN 0 ELSE 1 END
                """
            #expect(try await fixture.value(state, as: Int.self) == 4)
            #expect(try await fixture.value("SELECT count(*) FROM message_failures", as: Int.self) == 0)
            try await Self.expectCountersEqualRows(run, fixture)
        }
    }

    @Test func twoReportsOfOneMessageInOneBatchCountOnce() async throws {
        try await Fixture.with { fixture in
            let run = try await fixture.queuedRun(contacts: 1)
            let messages = MessageRepository(pool: fixture.pool)
            let id = try await fixture.ids(of: run)[0]
            _ = try await messages.begin([id], lease: 1)
            try await messages.record([MessageOutcome(messageID: id, lease: 1, result: .sent(waMessageID: "w"))])
            let byID = Self.report(id, .delivered, wamid: "w")
            let byName = DeliveryStatus(waMessageID: "w", messageID: nil, rank: .read, at: Fixture.now)
            let rest = try await messages.apply([byName, byID])
            _ = try await messages.apply(rest)
            #expect(try await fixture.status(of: id) == .read)
            try await Self.expectCountersEqualRows(run, fixture)
            #expect([byID, byName].foldedByMessage().map(\.rank) == [.read])
        }
    }

    @Test func reportsOfUnknownMessagesAreParkedUntilTheyAreKnown() async throws {
        try await Fixture.with { fixture in
            let run = try await fixture.queuedRun(contacts: 1)
            let messages = MessageRepository(pool: fixture.pool)
            let id = try await fixture.ids(of: run)[0]
            let early = DeliveryStatus(waMessageID: "w9", messageID: nil, rank: .delivered, at: Fixture.now)
            let late = DeliveryStatus(waMessageID: "w9", messageID: nil, rank: .read, at: Fixture.now)
            for status in [early, late] {
                let unknown = try await messages.apply([status])
                #expect(unknown == [status])
                try await messages.park(unknown)
                try await messages.park(unknown)
            }
            #expect(try await messages.applyParked() == 0)
            _ = try await messages.begin([id], lease: 1)
            try await messages.record([MessageOutcome(messageID: id, lease: 1, result: .sent(waMessageID: "w9"))])
            #expect(try await messages.applyParked() == 2)
            #expect(try await messages.applyParked() == 0)
            #expect(try await fixture.status(of: id) == .read)
            try await Self.expectCountersEqualRows(run, fixture)
        }
    }

    @Test func whoMayNotGetAMessageDoesNot() async throws {
        try await Fixture.with { fixture in
            let run = try await fixture.queuedRun(contacts: 4, message: #"{"type":"text"}"#)
            let messages = MessageRepository(pool: fixture.pool)
            let ids = try await fixture.ids(of: run)
            for (index, change) in [
                "\"optedIn\" = false", "\"deactivatedAt\" = now()", "\"lastSeen\" = now() - interval '25 hours'",
            ].enumerated() {
                try await fixture.pool.execute(
                    """
                    UPDATE contacts SET \(fragment: PostgresQuery(sql: change))
                    WHERE id = (SELECT "contactId" FROM campaign_messages WHERE id = \(ids[index]))
                    """
                )
            }
            let begun = try await messages.begin(ids, lease: 1)
            let statuses = Dictionary(uniqueKeysWithValues: begun.map { ($0.id, $0.status) })
            #expect(ids.map { statuses[$0] } == [.cancelled, .cancelled, .failed, .sending])
            let codes = try await fixture.column(
                "SELECT coalesce(\"errorCode\", '') FROM campaign_messages ORDER BY position",
                as: String.self
            )
            #expect(codes == ["opted_out", "deactivated", "window_closed", ""])
            try await Self.expectCountersEqualRows(run, fixture)
        }
    }

    @Test func acceptedMessagesAreWrittenWhateverElseIsInTheirBatch() async throws {
        try await Fixture.with { fixture in
            let run = try await fixture.queuedRun(contacts: 6)
            let messages = MessageRepository(pool: fixture.pool)
            let ids = try await fixture.ids(of: run)
            _ = try await messages.begin(Array(ids.prefix(5)), lease: 7)
            let accepted = ids.enumerated().map { index, id in
                MessageOutcome(messageID: id, lease: 7, result: .sent(waMessageID: "wamid.\(index)"))
            }
            // The second message got a status before its answer; the third is leased to another daemon by now.
            _ = try await messages.apply([Self.report(ids[1], .delivered, wamid: "wamid.1")])
            try await fixture.pool.execute("UPDATE campaign_messages SET holder = 8 WHERE id = \(ids[2])")
            let failed = MessageOutcome(messageID: ids[3], lease: 7, result: .failed(Self.failure))
            // The last was never begun.
            let batch = [accepted[0], failed, accepted[2], accepted[1], accepted[4], accepted[5]]
            for _ in 1...2 {
                try await messages.record(batch)
                let statuses: [MessageStatus] = [.sent, .delivered, .sent, .failed, .sent, .queued]
                for (id, status) in zip(ids, statuses) { #expect(try await fixture.status(of: id) == status) }
                let attempts: [Int] = try await fixture.column(
                    "SELECT attempts::int FROM campaign_messages ORDER BY position"
                )
                #expect(attempts == [1, 1, 0, 1, 1, 0])
                let names: [String?] = try await fixture.pool.query(
                    "SELECT \"waMessageId\" FROM campaign_messages ORDER BY position"
                ).map { try $0.decode(0) }
                #expect(names == ["wamid.0", "wamid.1", "wamid.2", nil, "wamid.4", nil])
                try await Self.expectCountersEqualRows(run, fixture)
            }
        }
    }

    @Test(arguments: [("paused", MessageStatus.pending), ("cancelled", .cancelled), ("failed", .cancelled)])
    func aRunThatDoesNotRunSendsNothing(status: String, expected: MessageStatus) async throws {
        try await Fixture.with { fixture in
            let run = try await fixture.queuedRun(contacts: 3)
            try await fixture.pool.execute("UPDATE campaign_runs SET status = \(status)")
            let begun = try await MessageRepository(pool: fixture.pool).begin(try await fixture.ids(of: run), lease: 1)
            #expect(begun.map(\.status) == [expected, expected, expected])
            try await Self.expectCountersEqualRows(run, fixture)
        }
    }

    @Test func expiredLeasesAreSettledOnceAndFenced() async throws {
        try await Fixture.with { fixture in
            let run = try await fixture.queuedRun(contacts: 5)
            let messages = MessageRepository(pool: fixture.pool)
            let ids = try await fixture.ids(of: run)
            _ = try await messages.begin(Array(ids[0..<4]), lease: 1)
            try await messages.record([MessageOutcome(messageID: ids[3], lease: 1, result: .sent(waMessageID: "w"))])
            let leases = [
                ExpiredLease(messageID: ids[0], lease: 1, mayBeWritten: true),
                ExpiredLease(messageID: ids[1], lease: 1, mayBeWritten: false),
                ExpiredLease(messageID: ids[2], lease: 9, mayBeWritten: true),
                ExpiredLease(messageID: ids[3], lease: 1, mayBeWritten: true),
                ExpiredLease(messageID: ids[4], lease: nil, mayBeWritten: false),
            ]
            for _ in 1...2 {
                let verdicts = try await messages.settle(leases)
                let again = LeaseVerdict.requeue(after: .zero)
                #expect(ids.map { verdicts[$0] } == [.forget, again, .forget, .forget, again])
                var statuses: [MessageStatus] = []
                for id in ids { statuses.append(try await fixture.status(of: id)) }
                #expect(statuses == [.unconfirmed, .queued, .sending, .sent, .queued])
                try await Self.expectCountersEqualRows(run, fixture)
            }
            #expect(try await fixture.value("SELECT sum(attempts) FROM campaign_messages", as: Int.self) == 1)
            // A status settles a message that had no answer.
            #expect(try await messages.apply([Self.report(ids[0], .sent)]).isEmpty)
            #expect(try await fixture.status(of: ids[0]) == .sent)
            try await Self.expectCountersEqualRows(run, fixture)
        }
    }

    /// Deaths are noticed so soon that three could follow each other within seconds.
    @Test func aMessageWaitsBeforeItsLastCrash() async throws {
        try await Fixture.with { fixture in
            let run = try await fixture.queuedRun(contacts: 2)
            let messages = MessageRepository(pool: fixture.pool)
            let ids = try await fixture.ids(of: run)
            for death in 1...3 {
                #expect(try await messages.begin(ids, lease: Int64(death)).map(\.crashes).max() == death - 1)
                let verdicts = try await messages.settle(
                    ids.map { id in
                        ExpiredLease(
                            messageID: id,
                            lease: Int64(death),
                            mayBeWritten: false,
                            wasBeingPrepared: id == ids[0]
                        )
                    }
                )
                let seconds: Double = try await fixture.value(
                    """
                    SELECT coalesce(extract(epoch FROM "nextAttemptAt" - now()), 0)::float8 FROM campaign_messages
                    WHERE id = \(ids[0])
                    """
                )
                switch verdicts[ids[0]] {
                case .requeue(let delay):
                    #expect(death == 1 ? delay == .zero : death == 2 && delay > .seconds(8) && delay <= .seconds(10))
                    #expect(death == 1 ? seconds == 0 : seconds > 5, "it waits also if Redis is lost")
                case let other: #expect(death == 3 && other == .discard)
                }
                #expect(verdicts[ids[1]] == .requeue(after: .zero))
                try await Self.expectCountersEqualRows(run, fixture)
            }
        }
    }

    /// Messages that may have crashed a daemon are prepared one at a time.
    @Test func aSuspectAmongOthersHasNotCrashedItsDaemonAgain() async throws {
        try await Fixture.with { fixture in
            let run = try await fixture.queuedRun(contacts: 3)
            let messages = MessageRepository(pool: fixture.pool)
            let ids = try await fixture.ids(of: run)
            let deaths: [(Int64, ArraySlice<UUID>, [Int])] = [
                (1, ids[..<2], [1, 1, 0]), (2, ids[...], [1, 1, 1]), (3, ids[...], [1, 1, 1]),
                (4, ids[1..<2], [1, 2, 1]),
            ]
            for (lease, preparing, expected) in deaths {
                _ = try await messages.begin(ids, lease: lease)
                _ = try await messages.settle(
                    ids.map { id in
                        ExpiredLease(
                            messageID: id,
                            lease: lease,
                            mayBeWritten: false,
                            wasBeingPrepared: preparing.contains(id)
                        )
                    }
                )
                let crashes: [Int] = try await fixture.column("SELECT crashes FROM campaign_messages ORDER BY id")
                #expect(crashes == expected)
            }
        }
    }

    private static func permutations<Item>(_ items: [Item]) -> [[Item]] {
        guard items.count > 1 else { return [items] }
        return items.indices.flatMap { index in
            var rest = items
            let first = rest.remove(at: index)
            return permutations(rest).map { [first] + $0 }
        }
    }
}
