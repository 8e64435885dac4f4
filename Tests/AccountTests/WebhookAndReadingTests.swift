import Foundation
import JSON
import Postgres
import Settings
import TestSupport
import Testing
import WhatsAppSimulator

@testable import Account
@testable import Store

/// What webhooks tell and what is read are one picture, and the later one counts.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct WebhookAndReadingTests {
    private static func tell(_ stage: AccountStage, _ status: String, at: Date = Date()) async throws {
        var report = InboundReport()
        report.facts = [
            AccountFact(
                businessAccountID: AccountStage.account,
                at: at,
                .templateStatus(name: "offer", language: "en-US", status: status, reason: nil)
            )
        ]
        try await InboundRepository(pool: stage.pool).apply(report)
    }

    private static func status(_ stage: AccountStage) async throws -> String? {
        let templates = try await stage.view().templates
        #expect(templates.count == 1, "en-US and en_US are one")
        return templates.first?.status
    }

    @Test func aPageDoesNotUndoAWebhookThatIsNewer() async throws {
        try await AccountStage.with { stage in
            try await stage.create(["offer"])
            try await stage.read()
            #expect(try await Self.status(stage) == "APPROVED")
            try await Self.tell(stage, "PAUSED")
            try await stage.makeDue()
            try await stage.read()
            #expect(try await Self.status(stage) == "PAUSED", "the page still says APPROVED")
            // Minutes later, the page is right.
            try await stage.pool.execute(
                "UPDATE whatsapp_templates SET \"toldAt\" = now() - interval '2 minutes', \"statusAt\" = now() - interval '2 minutes'"
            )
            try await stage.makeDue()
            try await stage.read()
            #expect(try await Self.status(stage) == "APPROVED")
        }
    }

    @Test func aWebhookThatIsOlderThanTheReadingTellsNothing() async throws {
        try await AccountStage.with { stage in
            try await stage.create(["offer"])
            try await stage.read()
            try await Self.tell(stage, "PAUSED", at: Date() - 600)
            #expect(try await Self.status(stage) == "APPROVED")
        }
    }

    @Test func webhooksBringTheReadingForwardOnceAMinute() async throws {
        try await AccountStage.with { stage in
            try await stage.read()
            func due() async throws -> Double {
                let rows = try await stage.pool.query(
                    "SELECT extract(epoch FROM \"dueAt\" - now())::float8 FROM account_sweeps"
                )
                return try rows[0].decode(0)
            }
            #expect(try await due() > 500)
            var report = InboundReport()
            report.changedAccounts = [AccountStage.account, "other"]
            for _ in 1...3 { try await InboundRepository(pool: stage.pool).apply(report) }
            #expect((50...60).contains(try await due()))
            // A reading that began before the request does not answer it.
            try await stage.makeDue()
            let sweeps = AccountSweepRepository(pool: stage.pool)
            let claim = try #require(try await sweeps.claim(limit: 1, lease: .seconds(60)).first)
            let start = try #require(try await sweeps.renew(claim, lease: .seconds(60)))
            _ = try await sweeps.begin(AccountProfile(), limit: nil, numbers: [], for: claim, at: start)
            try await InboundRepository(pool: stage.pool).apply(report)
            #expect(try await sweeps.keep([], cursor: nil, for: claim, at: start, interval: .seconds(600)))
            #expect((50...60).contains(try await due()))
        }
    }

    @Test func aRequestIsAnsweredByAReadingThatBeganAfterIt() async throws {
        try await AccountStage.with { stage in
            try await stage.read()
            let refresh = AccountRefresh(
                pool: stage.pool,
                client: stage.client,
                tokens: .init(environment: ["TOKEN": "good"]),
                logger: stage.log.logger
            )
            try await stage.create(["offer"])
            #expect(try await refresh.refresh(tenants: ["acme"]) == 1)
            #expect(try await Self.status(stage) == "APPROVED")
            #expect(try await refresh.refresh(tenants: ["nobody"]) == 0)
            try stage.set { $0.faults = [.init(mode: .drop)] }
            await #expect(throws: AccountRefresh.Failure.self) { try await refresh.refresh(tenants: nil) }
        }
    }

    @Test func oddTextsOfTheAPIAreKept() async throws {
        let json: JSONValue = [
            "id": "1", "name": "offer", "language": "en-US", "status": "approved", "category": "UTILITY",
            "correct_category": "MARKETING", "rejected_reason": "NONE",
            "components": [["type": "BODY", "text": "a\0b"]],
            "quality_score": ["score": "GREEN", "date": 1_790_000_000],
        ]
        let template = try #require(SeenTemplate(json: json))
        #expect(template.language == "en_US" && template.status == "APPROVED" && template.reason == nil)
        #expect(template.category == "utility" && template.nextCategory == "marketing")
        #expect(template.components?[0]?["text"] == "ab")
        #expect(SeenTemplate(json: ["name": "x"]) == nil)
        try await AccountStage.with { stage in
            let twin = template
            try await stage.pool.withConnection { connection in
                try await AccountSweepRepository.keep([template, twin], of: "9", at: Date(), on: connection)
                try await AccountSweepRepository.keep([], of: "9", at: Date(), on: connection)
            }
            #expect(try await stage.pool.query("SELECT FROM whatsapp_templates").count == 1)
        }
    }
}
