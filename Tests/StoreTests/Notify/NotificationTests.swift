import Foundation
import JSON
import Postgres
import TestSupport
import Testing

@testable import Store

/// The outbox of notifications: which changes are told, and how events become posts.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct NotificationTests {
    private static let minute = Duration.seconds(60)

    static func setNotify(
        _ fixture: Fixture,
        tenant: String = "acme",
        on reasons: [String] = ["paused", "failed", "completed", "quota", "template"]
    ) async throws {
        let notify: JSONValue = [
            "url": "env:HOOK", "secret": "env:KEY", "format": "json", "on": .array(reasons.map(JSONValue.string)),
        ]
        try await fixture.pool.execute(
            """
            INSERT INTO tenants ("tenantId", name, notify)
            VALUES (\(tenant), \(tenant), \(PostgresJSON(text: notify.canonicalText)))
            ON CONFLICT ("tenantId") WHERE "archivedAt" IS NULL DO UPDATE SET notify = excluded.notify
            """
        )
    }

    /// Reads the outbox: `reason what campaign who why`.
    private static func told(_ fixture: Fixture) async throws -> [String] {
        try await fixture.column(
            """
            SELECT concat_ws(' ', reason, event ->> 'what', event ->> 'campaign', event ->> 'who', event ->> 'why')
            FROM notifications ORDER BY id
            """
        )
    }

    /// Moves Postgres's clock, as far as posts are concerned.
    private static func pass(_ seconds: Double, _ fixture: Fixture) async throws {
        try await fixture.pool.execute(
            """
            UPDATE notification_posts SET "dueAt" = "dueAt" - \(seconds) * interval '1 second',
                "firstAt" = "firstAt" - \(seconds) * interval '1 second'
            """
        )
    }

    private static func finish(_ run: UUID, _ fixture: Fixture) async throws {
        try await fixture.pool.execute("UPDATE campaign_messages SET status = 'sent' WHERE \"runId\" = \(run)")
        try await fixture.pool.execute(
            "UPDATE campaign_runs SET sent = pending + queued, pending = 0, queued = 0 WHERE id = \(run)"
        )
        let done = try await RunRepository(pool: fixture.pool).completeFinished(unconfirmedTimeout: .seconds(1))
        #expect(done.map(\.isCompleted) == [true])
    }

    @Test func eachReasonIsToldWithItsRun() async throws {
        try await Fixture.with { fixture in
            try await Self.setNotify(fixture)
            let run = try await fixture.queuedRun(contacts: 3)
            let runs = RunRepository(pool: fixture.pool)
            try await runs.pause(run, reason: "wrong price", by: .command("jane"))
            try await runs.resume(run, by: .command("jane"))
            try await runs.pause(run, reason: "190: bad token", by: .answer)
            try await runs.resume(run, by: .command("jane"))
            try await runs.pause(run, reason: "132015: paused", by: .template)
            try await runs.resume(run, by: .command("jane"))
            // Resuming put them back to be fed; the quota takes them out of the lane.
            try await fixture.pool.execute("UPDATE campaign_messages SET status = 'queued'")
            try await fixture.pool.execute("UPDATE campaign_runs SET queued = queued + pending, pending = 0")
            let ids = try await fixture.ids(of: run)
            #expect(try await runs.waitForQuota([ids[0]], for: .seconds(60)) == [run])
            try await runs.resume(run, by: .quota)
            try await Self.finish(run, fixture)
            let told = try await Self.told(fixture)
            #expect(told.count == 5)
            #expect(told[0] == "paused paused promo command:jane wrong price")
            #expect(told[1] == "paused paused promo guard:answer 190: bad token")
            #expect(told[2] == "template paused promo guard:template 132015: paused")
            #expect(told[3].hasPrefix("quota paused promo guard:quota the 24 hour quota is used up"))
            #expect(told[4] == "completed completed promo")
            let event = try #require(
                try await fixture.pool.query("SELECT event FROM notifications ORDER BY id DESC LIMIT 1")[0].json(
                    "event"
                )
            )
            #expect(event["runId"] == .string(run.uuidString.lowercased()))
            #expect(event["numbers"]?["recipients"] == 3 && event["numbers"]?["sent"] == 3)
            #expect(event["numbers"]?["waiting"] == 0)
            let at = try #require(event["at"]?.stringValue)
            #expect(abs(try Date(at, strategy: .iso8601).timeIntervalSinceNow) < 120)
        }
    }

    @Test func startsThatFailAndLaunchesThatAGuardEndsAreTold() async throws {
        try await Fixture.with { fixture in
            try await Self.setNotify(fixture)
            let campaign = try await fixture.addCampaign(type: "scheduled", filter: "{}")
            try await fixture.addContacts(2, at: Date())
            try await fixture.pool.execute(
                """
                UPDATE campaigns SET status = 'scheduled', "scheduledAt" = now() - interval '1 minute', "audienceFilter" = NULL
                WHERE id = \(campaign)
                """
            )
            _ = try await ScheduleRepository(pool: fixture.pool).startNext()
            let told = try await Self.told(fixture)
            #expect(told.count == 1 && told[0].hasPrefix("failed startFailed promo schedule "), "\(told)")

            let schedule: UUID = try await fixture.value(
                """
                INSERT INTO campaign_schedules ("campaignId", "tenantId", "cronExpression") VALUES (\(campaign), 'acme', '@daily')
                RETURNING id
                """
            )
            for outcome in ["failed", "skipped"] {
                try await fixture.pool.execute(
                    """
                    INSERT INTO schedule_occurrences ("scheduleId", "scheduledFor", "tenantId", outcome, reason)
                    VALUES (\(schedule), now() + length(\(outcome)) * interval '1 day', 'acme', \(outcome), 'no sender')
                    """
                )
            }
            #expect(try await Self.told(fixture).dropFirst() == ["failed startFailed promo schedule no sender"])

            try await fixture.addCampaign("offer")
            let run = try await fixture.launch("offer", at: Date())
            try await fixture.pool.withConnection { connection in
                try await RunAction.record(.cancel, on: run, by: .policy, reason: "too many", connection)
                try await RunAction.record(.cancel, on: run, by: .command("jane"), reason: "no", connection)
            }
            #expect(try await Self.told(fixture).last == "failed cancelled offer guard:policy too many")
            #expect(try await Self.told(fixture).count == 3)
        }
    }

    @Test func aTenantIsToldOnlyWhatItAsksFor() async throws {
        try await Fixture.with { fixture in
            let run = try await fixture.queuedRun(contacts: 2)
            let runs = RunRepository(pool: fixture.pool)
            // Without a receiver nothing is written.
            try await runs.pause(run, reason: "a", by: .template)
            try await runs.resume(run)
            try await Self.setNotify(fixture, tenant: "other")
            try await runs.pause(run, reason: "b", by: .template)
            try await runs.resume(run)
            #expect(try await Self.told(fixture) == [])
            // A pause for a template is a pause.
            try await Self.setNotify(fixture, on: ["paused"])
            try await runs.pause(run, reason: "c", by: .template)
            try await runs.resume(run)
            #expect(try await Self.told(fixture) == ["paused paused promo guard:template c"])
            try await Self.setNotify(fixture, on: ["quota"])
            try await runs.pause(run, reason: "d", by: .template)
            #expect(try await Self.told(fixture).count == 1)
        }
    }

    /// A daemon of the version before pauses a run without knowing of the outbox, and writes the tenant without the column.
    @Test func whatOlderDaemonsDoIsToldAsWell() async throws {
        try await Fixture.with { fixture in
            try await Self.setNotify(fixture)
            let run = try await fixture.queuedRun(contacts: 2)
            try await fixture.pool.transaction { connection in
                try await connection.execute("UPDATE campaign_runs SET status = 'paused' WHERE id = \(run)")
                try await connection.execute(
                    """
                    INSERT INTO run_actions ("tenantId", "runId", action, who, reason)
                    VALUES ('acme', \(run), 'pause', 'guard:alike', 'old')
                    """
                )
            }
            #expect(try await Self.told(fixture) == ["paused paused promo guard:alike old"])
            try await fixture.pool.execute("UPDATE tenants SET name = 'acme', \"timeZone\" = 'UTC'")
            #expect(try await fixture.value("SELECT notify ->> 'url' FROM tenants") == "env:HOOK")
        }
    }

    @Test func aTemplateThatWhatsAppStopsIsToldToItsTenants() async throws {
        try await Fixture.with { fixture in
            for tenant in ["acme", "other", "third"] {
                try await Self.setNotify(fixture, tenant: tenant)
                try await fixture.addCampaign(
                    "promo-\(tenant)",
                    tenant: tenant,
                    message:
                        #"{"type":"template","template":{"name":"\#(tenant == "third" ? "x" : "hello")","language":{"code":"en"}}}"#
                )
            }
            try await fixture.pool.execute(
                "UPDATE senders SET \"businessAccountId\" = '77' WHERE \"tenantId\" <> 'other'"
            )
            let says = "template template guard:template WhatsApp says of template `hello` (en): "
            try await Self.report("PAUSED", at: Date(), in: fixture)
            // WhatsApp repeats its webhooks, and readings see the same.
            try await Self.report("PAUSED", at: Date(), in: fixture)
            try await Self.read("PAUSED", at: Date() + 120, in: fixture)
            #expect(try await Self.told(fixture) == [says + "PAUSED, LOW_QUALITY"])
            #expect(try await fixture.column("SELECT \"tenantId\" FROM notifications") == ["acme"])
            // It is approved again, and stopped once more: the reading comes first, the webhook after it.
            try await Self.read("APPROVED", at: Date() + 240, in: fixture)
            try await Self.read("DISABLED", at: Date() + 360, in: fixture)
            try await Self.report("DISABLED", at: Date() + 361, in: fixture)
            #expect(try await Self.told(fixture).suffix(1) == [says + "DISABLED, LOW_QUALITY"])
            #expect(try await Self.told(fixture).count == 2)
        }
    }

    /// The first reading of an account finds what was so before.
    @Test func whatTheFirstReadingFindsIsNotTold() async throws {
        try await Fixture.with { fixture in
            try await Self.setNotify(fixture)
            try await fixture.addCampaign(
                message: #"{"type":"template","template":{"name":"hello","language":{"code":"en"}}}"#
            )
            try await fixture.pool.execute("UPDATE senders SET \"businessAccountId\" = '77'")
            try await Self.read("REJECTED", at: Date(), in: fixture)
            #expect(try await Self.told(fixture).isEmpty)
            try await Self.read("DISABLED", at: Date() + 60, in: fixture)
            #expect(try await Self.told(fixture).count == 1)
        }
    }

    /// The states that are told are those in which WhatsApp refuses a template.
    @Test(arguments: TemplateState.stopped.sorted() + ["PENDING", "FLAGGED", "LOCKED"])
    func eachStateThatStopsATemplateIsTold(status: String) async throws {
        try await Fixture.with { fixture in
            try await Self.setNotify(fixture)
            try await fixture.addCampaign(
                message: #"{"type":"template","template":{"name":"hello","language":{"code":"en"}}}"#
            )
            try await fixture.pool.execute("UPDATE senders SET \"businessAccountId\" = '77'")
            try await Self.report("APPROVED", at: Date() - 60, in: fixture)
            try await Self.report(status, at: Date(), in: fixture)
            #expect(try await Self.told(fixture).count == (TemplateState.stopped.contains(status) ? 1 : 0))
        }
    }

    /// Takes a webhook about the template in.
    private static func report(_ status: String, at time: Date, in fixture: Fixture) async throws {
        var report = InboundReport()
        report.facts = [
            AccountFact(
                businessAccountID: "77",
                at: time,
                .templateStatus(name: "hello", language: "en", status: status, reason: "LOW_QUALITY")
            )
        ]
        try await InboundRepository(pool: fixture.pool).apply(report)
    }

    /// Keeps a page of a reading.
    private static func read(_ status: String, at time: Date, in fixture: Fixture) async throws {
        var template = SeenTemplate(name: "hello", language: "en")
        (template.status, template.reason) = (status, "LOW_QUALITY")
        let seen = template
        try await fixture.pool.withConnection { connection in
            try await AccountSweepRepository.keep([seen], of: "77", at: time, on: connection)
        }
    }
}

extension NotificationTests {
    private func tell(
        _ count: Int,
        _ fixture: Fixture,
        reason: String = "paused",
        tenant: String = "acme"
    ) async throws {
        try await fixture.pool.execute(
            """
            INSERT INTO notifications ("tenantId", reason, event)
            SELECT \(tenant), \(reason), jsonb_build_object('what', 'paused', 'number', n) FROM generate_series(1, \(count)) n
            """
        )
    }

    @Test func whatComesWithinAMinuteIsJoined() async throws {
        try await Fixture.with { fixture in
            try await Self.setNotify(fixture)
            let posts = NotificationRepository(pool: fixture.pool)
            #expect(try await posts.claim(limit: 10, spacing: Self.minute).isEmpty)
            try await tell(1, fixture)
            let first = try #require(try await posts.claim(limit: 10, spacing: Self.minute).first)
            #expect(first.events.count == 1 && first.attempt == 1 && first.target?.url == "env:HOOK")
            try await posts.deliver(first)
            try await tell(3, fixture)
            try await tell(1, fixture, reason: "quota")
            // Another reason does not wait; the same one does.
            let other = try await posts.claim(limit: 10, spacing: Self.minute)
            #expect(other.map(\.reason) == ["quota"])
            try await Self.pass(30, fixture)
            #expect(try await posts.claim(limit: 10, spacing: Self.minute).isEmpty)
            try await tell(2, fixture)
            try await Self.pass(31, fixture)
            let joined = try await posts.claim(limit: 10, spacing: Self.minute).filter { $0.reason == "paused" }
            #expect(joined.map(\.events.count) == [5])
            #expect(joined[0].id != first.id)
            let delivered: Int = try await fixture.value(
                "SELECT count(*) FROM notifications WHERE \"postedAt\" IS NOT NULL"
            )
            #expect(delivered == 1)
        }
    }

    @Test func aPostIsRepeatedWithItsIDAndItsEvents() async throws {
        try await Fixture.with { fixture in
            try await Self.setNotify(fixture)
            let posts = NotificationRepository(pool: fixture.pool)
            try await tell(2, fixture)
            let first = try #require(try await posts.claim(limit: 10, spacing: Self.minute).first)
            // The daemon dies here, and more happens meanwhile.
            try await tell(4, fixture)
            try await Self.pass(61, fixture)
            let second = try #require(try await posts.claim(limit: 10, spacing: Self.minute).first)
            #expect(second.id == first.id && second.events == first.events && second.attempt == 2)
            // The first one was only slow: both may say that it arrived.
            try await posts.deliver(second)
            try await posts.deliver(first)
            #expect(
                try await posts.fail(first, because: "x", after: .zero, upTo: .seconds(1)) == .repeated(isNews: false)
            )
            try await Self.pass(61, fixture)
            #expect(try await posts.claim(limit: 10, spacing: Self.minute).map(\.events.count) == [4])
        }
    }

    @Test func failuresDelayAndEndAPost() async throws {
        try await Fixture.with { fixture in
            try await Self.setNotify(fixture)
            let posts = NotificationRepository(pool: fixture.pool)
            try await tell(1, fixture)
            var post = try #require(try await posts.claim(limit: 10, spacing: Self.minute).first)
            func fail(_ why: String) async throws -> NotificationRepository.Retry {
                try await posts.fail(post, because: why, after: .seconds(300), upTo: .seconds(3600))
            }
            #expect(try await fail("HTTP 500") == .repeated(isNews: true))
            try await Self.pass(240, fixture)
            #expect(try await posts.claim(limit: 10, spacing: Self.minute).isEmpty)
            try await Self.pass(70, fixture)
            post = try #require(try await posts.claim(limit: 10, spacing: Self.minute).first)
            #expect(try await fail("HTTP 500") == .repeated(isNews: false))
            try await Self.pass(3300, fixture)
            post = try #require(try await posts.claim(limit: 10, spacing: Self.minute).first)
            #expect(post.attempt == 3)
            #expect(try await fail("HTTP 500") == .exhausted)
            #expect(try await posts.giveUp(post, because: "HTTP 500"))
            #expect(try await posts.giveUp(post, because: "HTTP 500") == false)
            let lost: Int = try await fixture.value(
                "SELECT count(*) FROM notifications WHERE \"givenUpAt\" IS NOT NULL"
            )
            #expect(lost == 1)
            // The next post begins anew.
            try await tell(1, fixture)
            try await Self.pass(600, fixture)
            #expect(try await posts.claim(limit: 10, spacing: Self.minute).map(\.attempt) == [1])
        }
    }

    @Test func aPostThatIsHeldCountsNoAttempt() async throws {
        try await Fixture.with { fixture in
            try await Self.setNotify(fixture)
            let posts = NotificationRepository(pool: fixture.pool)
            try await tell(1, fixture)
            for round in 1...3 {
                let post = try #require(try await posts.claim(limit: 10, spacing: Self.minute).first)
                #expect(post.attempt == 1 && post.events.count == 1)
                #expect(try await posts.hold(post, because: "HOOK is not set") == (round == 1))
                try await Self.pass(100_000, fixture)
            }
            let post = try #require(try await posts.claim(limit: 10, spacing: Self.minute).first)
            #expect(
                try await posts.fail(post, because: "no", after: .zero, upTo: .seconds(3600)) == .repeated(isNews: true)
            )
        }
    }

    @Test func daemonsShareThePosts() async throws {
        try await Fixture.with(connections: 8) { fixture in
            for number in 1...12 { try await tell(number, fixture, tenant: "t\(number)") }
            let posts = NotificationRepository(pool: fixture.pool)
            let claimed = try await withThrowingTaskGroup(of: [NotificationPost].self) { group in
                for _ in 1...6 { group.addTask { try await posts.claim(limit: 5, spacing: Self.minute) } }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            let rest = try await posts.claim(limit: 20, spacing: Self.minute)
            let all = claimed + rest
            #expect(Set(all.map(\.id)).count == 12 && all.count == 12)
            for post in all { #expect("t\(post.events.count)" == post.tenantID) }
        }
    }

    @Test func aPostHasAnEnd() async throws {
        try await Fixture.with { fixture in
            try await Self.setNotify(fixture)
            let posts = NotificationRepository(pool: fixture.pool)
            try await tell(120, fixture)
            var sizes: [Int] = []
            while let post = try await posts.claim(limit: 10, spacing: Self.minute).first {
                sizes.append(post.events.count)
                try await posts.deliver(post)
                try await Self.pass(60, fixture)
            }
            #expect(sizes == [50, 50, 20])
        }
    }
}
