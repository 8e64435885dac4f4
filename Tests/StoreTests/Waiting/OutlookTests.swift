import Foundation
import Postgres
import Spec
import TestSupport
import Testing

@testable import Store

/// The outlook of runs from their rows: why they wait, who did it, and when they are done.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct OutlookTests {
    private static func outlook(_ run: UUID, _ fixture: Fixture) async throws -> RunOutlook {
        let record = try #require(try await RunRepository(pool: fixture.pool).find(run))
        return try #require(try await OutlookRepository(pool: fixture.pool).outlook(of: record))
    }

    /// A run with a daemon that has nothing to report.
    private static func withRun(
        contacts: Int = 100,
        rate: Int = 80,
        _ body: (Fixture, UUID) async throws -> Void
    ) async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign(rate: rate)
            try await fixture.addContacts(contacts, at: Date())
            let run = try await fixture.launch(at: Date())
            try await DaemonRepository(pool: fixture.pool).beat(UUID(), version: "1", lanes: [])
            try await body(fixture, run)
        }
    }

    private static func sender(_ fixture: Fixture) async throws -> UUID {
        try await fixture.value("SELECT id FROM senders")
    }

    @Test func aRunThatIsSentMovesAndEndsAtItsPace() async throws {
        try await Self.withRun(contacts: 192) { fixture, run in
            let outlook = try await Self.outlook(run, fixture)
            #expect(outlook.waiting.isMoving)
            let end = try #require(outlook.estimatedCompletionAt)
            #expect(abs(end.timeIntervalSinceNow - 2.5) < 2)
        }
    }

    @Test func pausesNameWhoAndWhy() async throws {
        try await Self.withRun { fixture, run in
            let runs = RunRepository(pool: fixture.pool)
            #expect(try await runs.pause(run, reason: "wrong price", by: .command("jane")))
            let paused = try await Self.outlook(run, fixture)
            #expect(paused.waiting.reason == .paused)
            #expect(paused.waiting.detail == "wrong price" && paused.waiting.actor == .command("jane"))
            #expect(paused.estimatedCompletionAt == nil, "nobody knows when it is resumed")
            #expect(try await runs.resume(run, by: .api("joe")))
            #expect(try await Self.outlook(run, fixture).waiting.isMoving)
            #expect(try await runs.cancel(run, reason: "enough", by: .command("jane")))
            let actions = try await RunActionRepository(pool: fixture.pool).latest(of: [run])[run] ?? []
            #expect(actions.map(\.kind) == [.cancel, .resume, .pause, .send])
            #expect(actions.map(\.actor.description) == ["command:jane", "api:joe", "command:jane", "daemon"])
            #expect(actions.map(\.reason) == ["enough", nil, "wrong price", nil])
            let failures = try await runs.failures(of: run)
            _ = try await runs.cancelRest()
            #expect(try await runs.failures(of: run) == failures, "cancelled messages are no failures without a code")
        }
    }

    @Test func quotaIsToldWithItsReturn() async throws {
        try await Self.withRun { fixture, run in
            try await fixture.pool.execute("UPDATE senders SET \"dailyLimit\" = 1000, \"onQuotaExhausted\" = 'wait'")
            try await fixture.pool.execute("UPDATE campaign_messages SET status = 'queued'")
            try await fixture.pool.execute("UPDATE campaign_runs SET pending = 0, queued = 100")
            let ids = try await fixture.ids(of: run)
            #expect(try await RunRepository(pool: fixture.pool).waitForQuota(ids, for: .seconds(600)) == [run])
            let outlook = try await Self.outlook(run, fixture)
            #expect(outlook.waiting.reason == .quota)
            #expect(abs((outlook.waiting.until ?? .distantPast).timeIntervalSinceNow - 600) < 10)
            #expect(outlook.estimatedCompletionAt != nil)
            try await fixture.pool.execute("UPDATE senders SET \"onQuotaExhausted\" = 'pause'")
            try await fixture.pool.execute("UPDATE campaign_runs SET \"quotaUntil\" = now() - interval '1 second'")
            let returned = try await Self.outlook(run, fixture)
            #expect(returned.waiting.reason == .paused && returned.waiting.actor == .quota)
            #expect(returned.estimatedCompletionAt == nil, "a person must resume it")
        }
    }

    @Test func aLaunchUnderWayIsTold() async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign()
            try await fixture.addContacts(100)
            let launches = LaunchRepository(pool: fixture.pool)
            guard case .opened(let run) = try await launches.open(campaign: "promo", tenant: "acme") else {
                throw NotInTime(description: "the campaign was launched before")
            }
            let outlook = try await Self.outlook(run.id, fixture)
            #expect(outlook.waiting.reason == .launching && outlook.waiting.detail?.contains("no daemon") == true)
            #expect(outlook.estimatedCompletionAt != nil, "its recipients were counted")
        }
    }

    @Test func aWalletWithTooFewTokensIsTold() async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign()
            try await fixture.addContacts(10)
            try await fixture.fund(10)
            let launches = LaunchRepository(pool: fixture.pool)
            guard case .opened(var run) = try await launches.open(campaign: "promo", tenant: "acme") else {
                throw NotInTime(description: "the campaign was launched before")
            }
            // The audience grows while the messages are written.
            try await fixture.pool.execute(
                "INSERT INTO contacts (\"tenantId\", \"contactId\", name) VALUES ('acme', '254800000001', 'Late')"
            )
            while run.status == .launching { run = try await launches.writeBatch(of: run.id, size: 100).run }
            try await DaemonRepository(pool: fixture.pool).beat(UUID(), version: "1", lanes: [])
            let outlook = try await Self.outlook(run.id, fixture)
            #expect(outlook.waiting.reason == .insufficientBalance && outlook.waiting.actor == .balance)
            #expect(outlook.waiting.detail?.contains("1 more") == true, "\(outlook.waiting)")
            #expect(outlook.estimatedCompletionAt == nil)
        }
    }

    /// WhatsApp stops the template by a webhook; other stops are pauses.
    @Test(arguments: [true, false])
    func aTemplateThatWhatsAppStoppedIsTold(isTemplate: Bool) async throws {
        try await Fixture.with { fixture in
            let template = #"{"type":"template","template":{"name":"hello","language":{"code":"en"}}}"#
            try await fixture.addCampaign(message: template)
            try await fixture.addContacts(5)
            let run = try await fixture.launch(at: Date())
            try await fixture.pool.execute("UPDATE senders SET \"businessAccountId\" = 'WABA-1'")
            try await DaemonRepository(pool: fixture.pool).beat(UUID(), version: "1", lanes: [])
            var report = InboundReport()
            report.stops = [
                InboundReport.Stop(
                    businessAccountID: "WABA-1",
                    subject: isTemplate ? .template(name: "hello", language: "en") : .account,
                    reason: "the template was paused"
                )
            ]
            _ = try await InboundRepository(pool: fixture.pool).apply(report)
            let waiting = try await Self.outlook(run, fixture).waiting
            #expect(waiting.reason == (isTemplate ? .templateNotApproved : .paused))
            #expect(waiting.actor == (isTemplate ? .template : .webhook))
            let next =
                "; it does not go on by itself; when WhatsApp has approved the template, go on with `campaignd resume`"
            #expect(waiting.detail == "the template was paused" + (isTemplate ? next : ""))
        }
    }

    @Test func quietHoursAreToldWithTheirEnd() async throws {
        try await Self.withRun(contacts: 77) { fixture, run in
            try await fixture.pool.execute(
                """
                INSERT INTO tenants ("tenantId", name, "timeZone", "quietHours") VALUES ('acme', 'acme', 'UTC',
                    jsonb_build_object('action', 'wait',
                        'from', to_char(now() AT TIME ZONE 'UTC' - interval '1 hour', 'HH24:MI'),
                        'to', to_char(now() AT TIME ZONE 'UTC' + interval '1 hour', 'HH24:MI')))
                """
            )
            let outlook = try await Self.outlook(run, fixture)
            #expect(outlook.waiting.reason == .quietHours)
            let until = try #require(outlook.waiting.until)
            #expect((3_500...3_600).contains(until.timeIntervalSinceNow))
            #expect(abs((outlook.estimatedCompletionAt ?? .distantPast).timeIntervalSince(until) - 1) < 2)
        }
    }

    /// Beside the standing run of a trigger there may be a former one, which is paused with it.
    @Test func whatIsDoneToRunsTogetherIsRecordedForEach() async throws {
        try await Self.withRun { fixture, run in
            let other = UUID()
            try await fixture.pool.execute(
                """
                INSERT INTO campaign_runs (id, "campaignId", "tenantId", "revisionId", "senderId", status, "isFreeText",
                    "windowCutoff", "launchPhase", "supersededAt")
                SELECT \(other), "campaignId", "tenantId", "revisionId", "senderId", 'running', false, now(), 'done', now()
                FROM campaign_runs WHERE id = \(run)
                """
            )
            let runs = RunRepository(pool: fixture.pool)
            #expect(try await runs.pause(run, reason: "wrong", by: .command("jane")))
            #expect(try await runs.resume(run, reason: "mended", by: .command("joe")))
            let actions = try await RunActionRepository(pool: fixture.pool).latest(of: [other])[other] ?? []
            #expect(actions.map(\.words) == ["resumed by joe (command): mended", "paused by jane (command): wrong"])
        }
    }

    @Test func aPauseOfWhatsAppIsToldWithItsEnd() async throws {
        try await Self.withRun(contacts: 77) { fixture, run in
            let sender = try await Self.sender(fixture)
            try await LaneRepository(pool: fixture.pool).pause(sender, for: .seconds(60))
            let outlook = try await Self.outlook(run, fixture)
            #expect(outlook.waiting.reason == .rateLimited)
            #expect(abs((outlook.waiting.until ?? .distantPast).timeIntervalSinceNow - 60) < 5)
            #expect(abs((outlook.estimatedCompletionAt ?? .distantPast).timeIntervalSinceNow - 61) < 5)
        }
    }

    @Test func whatADaemonReportsIsTold() async throws {
        try await Self.withRun { fixture, run in
            let daemons = DaemonRepository(pool: fixture.pool)
            let token = Waiting(.noToken, since: Date(), detail: "TOKEN is not set")
            let report = LaneReport(sender: try await Self.sender(fixture), causes: [token])
            let second = UUID()
            try await daemons.beat(second, version: "1", lanes: [report])
            #expect(try await Self.outlook(run, fixture).waiting.isMoving, "the first daemon can send")
            try await fixture.pool.execute(
                "UPDATE daemon_heartbeats SET \"lastSeen\" = now() - interval '20 s' WHERE id <> \(second)"
            )
            let outlook = try await Self.outlook(run, fixture)
            #expect(outlook.waiting.reason == .noToken && outlook.waiting.detail == "TOKEN is not set")
            #expect(outlook.estimatedCompletionAt != nil)
        }
    }

    @Test func oldHeartbeatsAreRemovedAndUpdatesStayOnTheirPage() async throws {
        try await Fixture.with(connections: 1) { fixture in
            let daemons = DaemonRepository(pool: fixture.pool)
            let (old, new) = (UUID(), UUID())
            #expect(try await !daemons.presence().isAnyRunning)
            try await daemons.beat(old, version: "1", lanes: [])
            #expect(try await daemons.presence().isAnyRunning)
            try await fixture.pool.execute("UPDATE daemon_heartbeats SET \"lastSeen\" = now() - interval '11 minutes'")
            let gone = try await daemons.presence()
            #expect(!gone.isAnyRunning && gone.lastSeen != nil, "the last one shows since when")
            for _ in 1...20 { try await daemons.beat(new, version: "1", lanes: []) }
            let left: [UUID] = try await fixture.column("SELECT id FROM daemon_heartbeats")
            #expect(left == [new])
            _ = try await fixture.pool.query("SELECT pg_stat_force_next_flush()")
            let cold: Int = try await fixture.value(
                """
                SELECT (n_tup_upd - n_tup_hot_upd)::bigint FROM pg_stat_user_tables WHERE relname = 'daemon_heartbeats'
                """
            )
            #expect(cold <= 1)
        }
    }

    @Test func aRunBehindAnotherWaitsForItsTurn() async throws {
        try await Self.withRun(contacts: 985, rate: 20) { fixture, first in
            let sender = try await Self.sender(fixture)
            try await fixture.addCampaign("second", rate: 20)
            try await fixture.pool.execute("UPDATE campaigns SET \"senderId\" = \(sender)")
            let second = try await fixture.launch("second", at: Date())
            let stored = try #require(try await RunRepository(pool: fixture.pool).find(second)?.estimatedCompletionAt)
            #expect(abs(stored.timeIntervalSinceNow - 1_970 / 19.2) < 5, "the launch says the same")
            try await fixture.pool.execute(
                "UPDATE campaign_runs SET pending = 0, queued = 985 WHERE id = \(first)"
            )
            let outlook = try await Self.outlook(second, fixture)
            #expect(outlook.waiting.reason == .behindOthers)
            #expect(abs((outlook.waiting.until ?? .distantPast).timeIntervalSinceNow - 485 / 19.2) < 5)
            #expect(abs((outlook.estimatedCompletionAt ?? .distantPast).timeIntervalSinceNow - 1_970 / 19.2) < 5)
            #expect(try await Self.outlook(first, fixture).waiting.isMoving)
            // What stands before it goes away.
            try await RunRepository(pool: fixture.pool).pause(first, reason: "wrong")
            let alone = try #require(try await Self.outlook(second, fixture).estimatedCompletionAt)
            #expect(abs(alone.timeIntervalSinceNow - 985 / 19.2) < 5)
        }
    }

    /// A run whose file has no id waits for the upload, until there is one or a person stops it.
    @Test func aRunWaitsForTheUploadOfItsFile() async throws {
        let digest = String(repeating: "ab", count: 32)
        try await Fixture.with { fixture in
            try await fixture.addCampaign(rate: 80)
            try await fixture.pool.execute(
                """
                UPDATE campaigns SET "messageTemplate" = jsonb_set(
                    "messageTemplate", '{image}', jsonb_build_object('id', '{{media.' || \(digest)::text || '}}')
                )
                """
            )
            try await fixture.addContacts(10, at: Date())
            let run = try await fixture.launch(at: Date())
            try await DaemonRepository(pool: fixture.pool).beat(UUID(), version: "1", lanes: [])
            #expect(try await Self.outlook(run, fixture).waiting.isMoving)
            let rows = try await fixture.pool.query(#"SELECT "tenantId", "phoneNumberId" FROM senders"#)
            let key = MediaUploadRepository.Key(
                file: MediaRepository.Key(tenant: try rows[0].decode(0), digest: digest),
                number: try rows[0].decode(1)
            )
            try await fixture.pool.execute(
                """
                INSERT INTO media ("tenantId", digest, type, bytes)
                VALUES (\(key.file.tenant), \(digest), 'image/png', \(Array("an image".utf8)))
                """
            )
            let uploads = MediaUploadRepository(pool: fixture.pool)
            #expect(try await uploads.begin(key, leaseFor: 60) == .leased)
            let waiting = try await Self.outlook(run, fixture)
            #expect(waiting.waiting.reason == .upload && waiting.waiting.until == nil)
            try await uploads.postpone(key, seconds: 5)
            #expect(try await Self.outlook(run, fixture).waiting.reason == .upload)
            // A refusal is no wait. A person who resumes has it forgotten, and the upload is tried again at once.
            try await uploads.fail(key, error: "no image")
            #expect(try await Self.outlook(run, fixture).waiting.isMoving)
            #expect(try await uploads.isRefused(key))
            #expect(try await uploads.begin(key, leaseFor: 60) == .refused("no image"))
            let runs = RunRepository(pool: fixture.pool)
            #expect(try await runs.pause(run, reason: "no image", by: .answer))
            #expect(try await runs.resume(run, by: .command("jane")))
            #expect(try await !uploads.isRefused(key))
            #expect(try await uploads.begin(key, leaseFor: 60) == .leased)
            try await uploads.finish(key, id: "4711")
            #expect(try await Self.outlook(run, fixture).waiting.isMoving)
            try await fixture.pool.execute("DELETE FROM media")
            #expect(try await uploads.isRefused(key), "a file that is not stored cannot be sent")
        }
    }

    @Test func campaignsHaveTheOutlookOfTheirOpenRun() async throws {
        try await Self.withRun { fixture, run in
            let record = try #require(try await RunRepository(pool: fixture.pool).find(run))
            let campaigns = CampaignRepository(pool: fixture.pool)
            let campaign = try #require(try await campaigns.find(record.campaignID, tenant: "acme"))
            let outlooks = OutlookRepository(pool: fixture.pool)
            #expect(try await outlooks.outlooks(of: [campaign])[campaign.id]?.waiting.isMoving == true)
            try await RunRepository(pool: fixture.pool).cancel(run, reason: "a test")
            #expect(try await outlooks.outlooks(of: [campaign]) == [:])
        }
    }
}
