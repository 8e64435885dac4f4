import JSON
import Postgres
import Store
import TestSupport
import Testing

@testable import Account

/// What has begun to send a template since its deletion was planned.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct UsedTemplateTests {
    /// Opens a run of a campaign that no spec manages, after the apply.
    private static func open(_ stage: SubmissionStage) async throws {
        let statements: [PostgresQuery] = [
            """
            INSERT INTO senders ("tenantId", name, "phoneNumberId", "accessToken", "quotaGroup", "ratePerSecond", "accountId")
            SELECT "tenantId", 'main', '1', 'env:TOKEN', 'main', 80, id FROM accounts
            """,
            """
            INSERT INTO campaigns ("tenantId", name, type, "senderId", "messageTemplate", "audienceFilter")
            SELECT "tenantId", 'promo', 'manual', id, '{"type":"template","template":{"name":"hello"}}', '{}' FROM senders
            """,
            """
            INSERT INTO campaign_revisions (id, "campaignId", "tenantId", number, content, digest)
            SELECT gen_random_uuid(), id, "tenantId", 1, jsonb_build_object('message', "messageTemplate"), 'sha256:0' FROM campaigns
            """,
            """
            INSERT INTO campaign_runs (
                id, "tenantId", "campaignId", "senderId", "revisionId", status, "isFreeText", "windowCutoff"
            )
            SELECT gen_random_uuid(), c."tenantId", c.id, c."senderId", v.id, 'running', false, now()
            FROM campaigns c JOIN campaign_revisions v ON v."campaignId" = c.id
            """,
        ]
        for statement in statements { try await stage.pool.execute(statement) }
    }

    @Test func aDeletionWaitsForARunThatHasOpenedSince() async throws {
        try await SubmissionStage.with { stage in
            try await stage.create(SubmissionStage.request("hello"))
            try await stage.want(.delete, "hello", language: nil)
            try await Self.open(stage)
            try await stage.submit()
            let waiting = try await stage.record("hello")
            #expect(waiting.status == .wanted && waiting.attempts == 0)
            #expect(waiting.error?.contains("sends the template: it is deleted when that is over") == true)
            #expect(stage.tries("templates.delete") == 0)
            try await stage.pool.execute("UPDATE campaign_runs SET status = 'completed'")
            try await stage.pool.execute("UPDATE campaigns SET \"archivedAt\" = now()")
            try await stage.pass("10 minutes")
            try await stage.submit()
            #expect(try await stage.record("hello").status == .done)
            #expect(try await stage.template("hello") == nil)
        }
    }

    /// A campaign that nobody has sent yet may wait for months.
    @Test func aDeletionFailsIfAnythingElseUsesTheTemplate() async throws {
        try await SubmissionStage.with { stage in
            try await stage.create(SubmissionStage.request("hello"))
            try await stage.want(.delete, "hello", language: nil)
            try await Self.open(stage)
            try await stage.pool.execute("UPDATE campaign_runs SET status = 'completed'")
            try await stage.submit()
            let failed = try await stage.record("hello")
            #expect(failed.status == .failed)
            #expect(failed.error?.contains("a campaign of acme that no spec manages uses the template by now") == true)
            #expect(try await stage.template("hello") != nil)
        }
    }
}
