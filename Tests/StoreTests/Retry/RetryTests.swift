import Foundation
import Postgres
import TestSupport
import Testing

@testable import Store

/// A retry repeats exactly the messages that failed without ever being accepted, each once.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct RetryTests {
    @Test func repeatsWhatWasNeverAcceptedToContactsWhoMayStillGetIt() async throws {
        try await Fixture.with { fixture in
            let codes = [0: "131000", 1: "131000", 2: "131026", 5: "131000", 6: "131000"]
            let (run, ids) = try await fixture.sentCampaign(contacts: 10, failing: codes, losing: [3])
            // One that was accepted and failed later, one contact who opted out, and one who is deactivated.
            _ = try await MessageRepository(pool: fixture.pool).apply([fixture.report(ids[4], .failed)])
            try await fixture.pool.execute(
                """
                UPDATE contacts SET "optedIn" = false
                WHERE id = (SELECT "contactId" FROM campaign_messages WHERE id = \(ids[5]))
                """
            )
            try await fixture.pool.execute(
                """
                UPDATE contacts SET "deactivatedAt" = now()
                WHERE id = (SELECT "contactId" FROM campaign_messages WHERE id = \(ids[6]))
                """
            )
            let preview = try await fixture.retries.preview(.name("promo"), tenant: "acme")
            #expect(preview.codes.map(\.code) == ["131000", "131026"])
            #expect(preview.codes.map { [$0.messages, $0.unreachable] } == [[2, 2], [1, 0]])
            #expect(preview.inDoubt == 1 && preview.total == 3 && preview.run.id == run)

            let retry = try await fixture.retry()
            #expect(retry.previous?.id == run && retry.run.retryOf == run && retry.run.status == .running)
            #expect(retry.run.recipientCount == 3 && retry.run.expectedCount == 3 && retry.run.counters[.pending] == 3)
            let repeated = try await fixture.phones("m.\"runId\" = \(retry.run.id)")
            let never = try await fixture.phones("m.id = ANY(\(Array(ids[0...2]))::uuid[])")
            #expect(repeated == never)
            #expect(try await fixture.campaignStatus() == .running)
            for run in [run, retry.run.id] { try await fixture.expectCountersEqualRows(run) }
            let covered: Int = try await fixture.value(
                """
                SELECT count(*) FROM campaign_messages m JOIN campaign_chunks k ON k."runId" = m."runId"
                    AND m.position >= k."startPosition" AND m.position < k."endPosition"
                WHERE m."runId" = \(retry.run.id) AND m.id = message_id(m."runId", m.position)
                """
            )
            #expect(covered == 3)

            let open = LaunchError.runOpen(campaign: "promo", status: .running)
            await #expect(throws: open) { _ = try await fixture.retry() }
            await #expect(throws: open) { _ = try await fixture.retries.preview(.name("promo"), tenant: "acme") }
            try await fixture.send(retry.run.id)
            #expect(try await fixture.campaignStatus() == .completed)
            await #expect(throws: LaunchError.nothingToRetry(campaign: "promo")) { _ = try await fixture.retry() }
            #expect(try await fixture.phones("m.status = 'sent'").count == 6, "each got one")
        }
    }

    @Test func theRestFollowsAfterARetryOfOneCode() async throws {
        try await Fixture.with { fixture in
            let (_, ids) = try await fixture.sentCampaign(contacts: 6, failing: [0: "1", 1: "2", 2: "2", 3: "3"])
            let preview = try await fixture.retries.preview(.name("promo"), tenant: "acme", codes: ["2", "9"])
            #expect(preview.total == 2 && preview.others == 2 && preview.launch.id == preview.run.id)
            let first = try await fixture.retry(["2", "9"])
            #expect(first.run.recipientCount == 2)
            let actions = try await RunActionRepository(pool: fixture.pool).latest(of: [first.run.id])[first.run.id]
            #expect(actions?.map(\.words) == ["retried by ana (command): only 2, 9"])
            try await fixture.send(first.run.id, failing: [0: "2"])
            let second = try await fixture.retry()
            #expect(second.run.recipientCount == 3 && second.run.retryOf == first.run.id)
            let phones = try await fixture.phones("m.\"runId\" = \(second.run.id)")
            let failed = try await fixture.phones("m.\"runId\" = \(first.run.id) AND m.status = 'failed'")
            let others = try await fixture.phones("m.id = ANY(\([ids[0], ids[3]])::uuid[])")
            #expect(phones == failed.union(others))
            try await fixture.send(second.run.id)
            #expect(try await fixture.analytics()[.sent] == 6)
        }
    }

    @Test func analyticsCountARecipientOnceByItsLastRun() async throws {
        try await Fixture.with { fixture in
            let (run, ids) = try await fixture.sentCampaign(contacts: 10, failing: [0: "1", 1: "1", 2: "2", 3: "2"])
            #expect(try await fixture.analytics().total == 10)
            let retry = try await fixture.retry(["1"])
            #expect(try await fixture.analytics().total == 10)
            #expect(try await fixture.analytics()[.failed] == 2)
            #expect(try await fixture.analytics()[.pending] == 2)
            try await fixture.send(retry.run.id, failing: [1: "7"])
            #expect(try await fixture.analytics() == RunCounters.of([.sent: 7, .failed: 3]))
            let campaign = try await fixture.campaignID()
            let log = MessageLogRepository(pool: fixture.pool)
            let reasons = try await log.failures(of: campaign, tenant: "acme", run: nil)
            #expect(reasons.map { "\($0.count) \($0.code)" } == ["2 2", "1 7"])
            #expect(try await log.failures(of: campaign, tenant: "acme", run: run).map(\.count) == [2, 2])

            // WhatsApp accepted the first message after all, and says so only now.
            let messages = MessageRepository(pool: fixture.pool)
            for (rank, status) in [(DeliveryStatus.Rank.delivered, MessageStatus.delivered), (.read, .read)] {
                _ = try await messages.apply([fixture.report(ids[0], rank)])
                #expect(try await fixture.status(of: ids[0]) == status)
                #expect(try await fixture.analytics() == RunCounters.of([.sent: 7, .failed: 3]))
                try await fixture.expectCountersEqualRows(run)
            }
            let analytics = AnalyticsRepository(pool: fixture.pool)
            #expect(try await analytics.overview(tenant: "acme").counters.total == 10)
            let alone = try await analytics.totals(campaign: campaign, tenant: "acme", run: run)?.counters
            #expect(alone?[.failed] == 3 && alone?[.read] == 1 && alone?.total == 10, "a run counts all of its own")
        }
    }

    @Test func ofTwoAtOnceOneWins() async throws {
        try await Fixture.with(connections: 8) { fixture in
            let (_, ids) = try await fixture.sentCampaign(contacts: 20, failing: [0: "1", 1: "1", 2: "1"])
            let results = await withTaskGroup(of: Bool?.self) { group in
                for _ in 1...6 {
                    group.addTask {
                        do {
                            _ = try await fixture.retry()
                            return true
                        } catch LaunchError.runOpen {
                            return false
                        } catch {
                            Issue.record(error)
                            return nil
                        }
                    }
                }
                return await group.reduce(into: [Bool?]()) { $0.append($1) }
            }
            #expect(results.count { $0 == true } == 1 && results.count { $0 == false } == 5)
            let count: Int = try await fixture.value(
                """
                SELECT count(*) FROM campaign_messages WHERE "contactId" IN (
                    SELECT "contactId" FROM campaign_messages WHERE id = ANY(\(Array(ids[0...2]))::uuid[])
                )
                """
            )
            #expect(count == 6)
        }
    }

    @Test func holdsTokensOfItsOwnOrLeavesNothing() async throws {
        try await Fixture.with { fixture in
            try await fixture.fund(30, price: 3)
            let (run, _) = try await fixture.sentCampaign(contacts: 10, failing: [0: "1", 1: "1", 2: "1", 3: "1"])
            try await fixture.expectWallet(available: 12, held: 0)
            try await fixture.failing("false", on: "campaign_chunks") { _ = try await fixture.retry(["1"]) }
            try await fixture.pool.execute("UPDATE wallets SET \"pricePerMessage\" = 4")
            let refusal = LaunchError.insufficientBalance(campaign: "promo", needed: 16, available: 12)
            await #expect(throws: refusal) { _ = try await fixture.retry() }
            let marked: Int = try await fixture.value(
                "SELECT count(*) FROM campaign_messages WHERE \"retriedBy\" IS NOT NULL"
            )
            let counted: Int = try await fixture.value("SELECT \"retriedFailed\" FROM campaign_runs WHERE id = \(run)")
            #expect(marked == 0 && counted == 0)
            #expect(try await fixture.value("SELECT count(*) FROM campaign_runs", as: Int.self) == 1)
            #expect(try await fixture.campaignStatus() == .completed)
            try await fixture.expectWallet(available: 12, held: 0)

            try await fixture.fund(4, price: 4)
            let retry = try await fixture.retry()
            try await fixture.expectWallet(available: 0, held: 16)
            try await fixture.send(retry.run.id, failing: [0: "1"])
            try await fixture.expectWallet(available: 4, held: 0)
        }
    }

    @Test func isCheckedAgainstTheQuota() async throws {
        try await Fixture.with { fixture in
            _ = try await fixture.sentCampaign(contacts: 4, failing: [3: "1"])
            try await fixture.pool.execute("UPDATE senders SET \"dailyLimit\" = 1")
            try await fixture.pool.execute("UPDATE contacts SET \"lastSeen\" = NULL")
            await #expect {
                _ = try await fixture.retry()
            } throws: { error in
                guard case LaunchError.quotaExhausted = error else { return false }
                return true
            }
            try await fixture.pool.execute("UPDATE senders SET \"dailyLimit\" = 1000")
            let retry = try await fixture.retry()
            #expect(retry.quota?.quotaStatus.remaining.map { $0 < 1000 } == true && retry.run.outOfWindowCount == 1)
        }
    }

    @Test func sendsThePresentContent() async throws {
        try await Fixture.with { fixture in
            let (run, _) = try await fixture.sentCampaign(contacts: 2, failing: [0: "132000"])
            try await fixture.pool.execute(
                "UPDATE campaigns SET \"messageTemplate\" = '{\"type\": \"template\", \"mended\": true}'"
            )
            let retry = try await fixture.retry()
            let numbers: [Int] = try await fixture.column(
                """
                SELECT v.number FROM campaign_runs r JOIN campaign_revisions v ON v.id = r."revisionId"
                WHERE r.id = ANY(\([run, retry.run.id])::uuid[]) ORDER BY r.id
                """
            )
            #expect(numbers == [1, 2])
        }
    }

    @Test func freeTextReachesOnlyWhoWroteWithinADay() async throws {
        try await Fixture.with { fixture in
            _ = try await fixture.sentCampaign(contacts: 4, failing: [0: "1", 1: "1", 3: "window_closed"])
            try await fixture.pool.execute("UPDATE campaigns SET \"messageTemplate\" = '{\"type\": \"text\"}'")
            let preview = try await fixture.retries.preview(.name("promo"), tenant: "acme")
            #expect(preview.codes.map { [$0.messages, $0.unreachable] } == [[2, 0], [0, 1]])
            #expect(try await fixture.retry().run.inWindowCount == 2)
        }
    }

    @Test func neverRepeatsARequestThatMayHaveArrived() async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign()
            try await fixture.pool.execute("UPDATE senders SET \"unconfirmedPolicy\" = 'retry'")
            try await fixture.addContacts(3, inWindow: 3, at: Date())
            let run = try await fixture.launch(at: Date())
            try await fixture.send(run, failing: [0: "1"], losing: [1], isCompleted: false)
            try await fixture.ageDoubts()
            let messages = MessageRepository(pool: fixture.pool)
            #expect(try await messages.retryUnconfirmed(after: .seconds(900)) == [run: 1])
            try await fixture.send(run, failing: [1: "1"])
            let preview = try await fixture.retries.preview(.name("promo"), tenant: "acme")
            #expect(preview.total == 1 && preview.inDoubt == 1, "the second failed, but its first request may be there")
            #expect(try await fixture.retry().run.recipientCount == 1)
        }
    }

    /// An answer that was lost before this version counts too: it was only logged.
    @Test func whatIsLoggedAsLostIsNeverRepeated() async throws {
        try await Fixture.with { fixture in
            let (_, ids) = try await fixture.sentCampaign(
                contacts: 5,
                failing: [0: "1", 1: "connection", 2: "1", 3: "1"]
            )
            for (id, code, status) in [(ids[0], "answer_lost", nil), (ids[1], "connection", nil), (ids[2], "500", 500)]
            {
                try await fixture.pool.execute(
                    """
                    INSERT INTO message_failures ("tenantId", "messageId", attempt, "httpStatus", "errorCode", "errorMessage")
                    VALUES ('acme', \(id), 1, \(status as Int?), \(code), '')
                    """
                )
            }
            let preview = try await fixture.retries.preview(.name("promo"), tenant: "acme")
            #expect(preview.total == 3 && preview.inDoubt == 1)
            let retry = try await fixture.retry()
            let repeated = try await fixture.phones("m.\"runId\" = \(retry.run.id)")
            let never = try await fixture.phones("m.id = ANY(\(Array(ids[1...3]))::uuid[])")
            #expect(repeated == never)
        }
    }

    @Test func whatIsHeldOrCancelledOrBeyondItsWindowStaysAsItIs() async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign(message: #"{"type":"text","text":{"body":"Hi"}}"#)
            try await fixture.addContacts(6, inWindow: 6, at: Date())
            let run = try await fixture.launch(at: Date())
            try await fixture.pool.execute(
                "UPDATE contacts SET \"optedIn\" = false WHERE \"contactId\" = '254700000006'"
            )
            let ids = try await fixture.send(run, failing: [0: "1", 1: "1"], isCompleted: false)
            // Held back when it was accepted, and refused later.
            try await fixture.pool.execute(
                "UPDATE campaign_messages SET \"messageStatus\" = 'held_for_quality_assessment' WHERE id = \(ids[2])"
            )
            _ = try await MessageRepository(pool: fixture.pool).apply([fixture.report(ids[2], .failed)])
            #expect(try await fixture.status(of: ids[5]) == .cancelled)
            #expect(try await fixture.runs.completeFinished(unconfirmedTimeout: .zero).map(\.run) == [run])
            try await fixture.pool.execute("UPDATE contacts SET \"optedIn\" = true")
            // Free text reaches only contacts in their window.
            try await fixture.pool.execute(
                "UPDATE contacts SET \"lastSeen\" = now() - interval '2 days' WHERE \"contactId\" = '254700000002'"
            )
            let preview = try await fixture.retries.preview(.name("promo"), tenant: "acme")
            #expect(preview.codes.map { [$0.messages, $0.unreachable] } == [[1, 1]])
            let retry = try await fixture.retry()
            #expect(retry.run.recipientCount == 1 && retry.run.inWindowCount == 1)
            #expect(try await fixture.phones("m.\"runId\" = \(retry.run.id)") == ["254700000001"])
        }
    }

    @Test func isHeldToThePolicyOfTheTenant() async throws {
        try await Fixture.with { fixture in
            _ = try await fixture.sentCampaign(contacts: 5, failing: [0: "1", 1: "1", 2: "2"])
            try await fixture.setPolicy(#"{"maxRecipients":2}"#)
            await #expect(throws: LaunchError.tooManyRecipients(campaign: "promo", recipients: 3, allowed: 2)) {
                _ = try await fixture.retry()
            }
            try await fixture.setPolicy(#"{"maxRecipients":2,"allowedCategories":["utility"]}"#)
            await #expect {
                _ = try await fixture.retry(["1"])
            } throws: { error in
                if case LaunchError.policy = error { true } else { false }
            }
            try await fixture.setPolicy(#"{"maxRecipients":2,"maxCampaigns":1}"#)
            #expect(try await fixture.retry(["1"]).run.recipientCount == 2)
        }
    }

    /// The connection dies when everything but the hold is written.
    @Test func aProcessThatDiesBetweenItsWritesLeavesNothing() async throws {
        try await Fixture.with(connections: 8) { fixture in
            try await fixture.fund(30, price: 3)
            let (run, _) = try await fixture.sentCampaign(contacts: 6, failing: [0: "1", 1: "1"], losing: [2])
            try await fixture.expectWallet(available: 21, held: 0)
            let retry = try await fixture.pool.transaction { connection in
                try await connection.execute("SELECT 1 FROM wallets FOR UPDATE")
                let retry = Task { try await fixture.retry() }
                try await fixture.waitsForALock()
                try await fixture.pool.execute(
                    """
                    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE datname = current_database() AND wait_event_type = 'Lock'
                    """
                )
                return retry
            }
            await #expect(throws: PostgresError.self) { _ = try await retry.value }
            let marked: Int = try await fixture.value(
                "SELECT count(*) FROM campaign_messages WHERE \"retriedBy\" IS NOT NULL"
            )
            #expect(marked == 0)
            #expect(try await fixture.value("SELECT count(*) FROM campaign_runs", as: Int.self) == 1)
            #expect(try await fixture.campaignStatus() == .completed)
            try await fixture.expectWallet(available: 21, held: 0)
            let again = try await fixture.retry()
            #expect(again.run.recipientCount == 2 && again.previous?.id == run)
            try await fixture.expectWallet(available: 15, held: 6)
        }
    }

    @Test func ofRunsInARowEachRecipientCountsOnce() async throws {
        try await Fixture.with { fixture in
            let (run, ids) = try await fixture.sentCampaign(
                contacts: 8,
                failing: [0: "1", 1: "1", 2: "1", 3: "1"],
                losing: [4]
            )
            var last = run
            for left in [3, 2, 1] {
                let retry = try await fixture.retry()
                #expect(retry.run.recipientCount == left + 1 && retry.run.retryOf == last)
                last = retry.run.id
                let codes = Dictionary(uniqueKeysWithValues: (0..<left).map { ($0, "1") })
                try await fixture.send(last, failing: codes)
                let sent = 3 + (4 - left)
                let once = RunCounters.of([.sent: sent, .failed: left, .unconfirmed: 1])
                #expect(try await fixture.analytics() == once)
                let analytics = AnalyticsRepository(pool: fixture.pool)
                #expect(try await analytics.counters(withRepeated: last) == once)
                #expect(try await fixture.runs.launch(of: last)?.id == run)
            }
            #expect(try await fixture.runs.launch(of: run)?.id == run)
            // Late reports about what was accepted, and about a message that was repeated three times.
            let messages = MessageRepository(pool: fixture.pool)
            _ = try await messages.apply([fixture.report(ids[0], .delivered), fixture.report(ids[5], .delivered)])
            let once = RunCounters.of([.sent: 5, .delivered: 1, .failed: 1, .unconfirmed: 1])
            #expect(try await fixture.analytics() == once)
        }
    }

    @Test func theStateOfTheCampaignDecides() async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign()
            await #expect(throws: LaunchError.neverSent(campaign: "promo")) { _ = try await fixture.retry() }
            try await fixture.addContacts(2, inWindow: 2, at: Date())
            let run = try await fixture.launch(at: Date())
            try await fixture.send(run, failing: [0: "1"])
            // A schedule will send it again: the retry goes first, and the campaign waits for its time afterwards.
            let campaign = try await fixture.campaignID()
            try await fixture.pool.execute(
                """
                INSERT INTO campaign_schedules ("campaignId", "tenantId", "cronExpression", "nextRunAt")
                VALUES (\(campaign), 'acme', '0 9 1 1 *', now() + interval '30 days')
                """
            )
            #expect(try await fixture.campaignStatus() == .scheduled)
            let retry = try await fixture.retry()
            #expect(try await fixture.campaignStatus() == .running)
            try await fixture.send(retry.run.id, failing: [0: "1"])
            #expect(try await fixture.campaignStatus() == .scheduled)
            try await fixture.pool.execute("UPDATE campaigns SET status = 'cancelled'")
            await #expect(throws: LaunchError.notLaunchable(campaign: "promo", status: .cancelled)) {
                _ = try await fixture.retry()
            }
        }
    }
}

extension RunCounters {
    /// Counters with all statuses, as they are read from a run.
    static func of(_ counts: [MessageStatus: Int]) -> RunCounters {
        RunCounters(
            Dictionary(uniqueKeysWithValues: MessageStatus.allCases.map { ($0, counts[$0, default: 0]) })
        )
    }
}
