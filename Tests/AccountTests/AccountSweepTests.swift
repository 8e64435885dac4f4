import Foundation
import JSON
import Postgres
import Store
import TestSupport
import Testing
import WhatsAppSimulator

@testable import Account

/// Accounts are read by any number of daemons, and never more than once at a time.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct AccountSweepTests {
    @Test func readsAnAccountWithSeveralPagesOfTemplates() async throws {
        try await AccountStage.with { stage in
            try await stage.addSender("main", number: "1001")
            try await stage.create((1...449).map { "offer_\($0)" } + ["reject_me"])
            try await stage.read()
            let view = try await stage.view()
            #expect(view.sweptAt != nil && view.error == nil)
            #expect(view.profile?.name == "Simulated business" && view.profile?.currency == "USD")
            #expect(view.profile?.businessID == "506914307656634" && view.profile?.verification == "verified")
            #expect(view.profile?.templateCount == 450 && view.profile?.templateLimit == 6_000)
            #expect(view.profile?.messagingLimit == 2_000)
            #expect(view.numbers.map(\.phoneNumberID) == ["1001"] && view.numbers.allSatisfy(\.isHealthy))
            #expect(view.templates.count == 450 && view.templates.allSatisfy { $0.goneAt == nil })
            let one = try #require(view.template("offer_7", "en-US"))
            #expect(one.status == "APPROVED" && one.category == "marketing" && one.parameterFormat == "POSITIONAL")
            #expect(one.components?[0]?["text"] == "Hi, the shop is open." && one.whatsappID?.count == 16)
            #expect(view.template("reject_me", "en_US")?.reason == "INVALID_FORMAT")
            #expect(stage.calls("templates.list").count == 3)
            #expect(stage.calls("templates.list").allSatisfy { !$0.contains("good") })
            // The sender is known to belong to the account, and its limit is the account's.
            let sender = try await stage.pool.query(
                "SELECT \"businessAccountId\", \"messagingLimit\" FROM senders WHERE name = 'main'"
            )
            #expect(try sender[0].decode(0) == AccountStage.account && sender[0].decode(1) == 2_000)
        }
    }

    @Test func twoDaemonsReadAnAccountOnce() async throws {
        try await AccountStage.with { stage in
            try await stage.create((1...250).map { "offer_\($0)" })
            let counts = try await withThrowingTaskGroup { group in
                for _ in 0..<4 { group.addTask { try await stage.sweep().readDue() } }
                return try await group.reduce(0, +)
            }
            #expect(counts == 1)
            #expect(stage.calls("templates.list").count == 2 && stage.calls("numbers.list").count == 1)
        }
    }

    @Test func anotherDaemonGoesOnWhereADeadOneStopped() async throws {
        try await AccountStage.with { stage in
            try await stage.create((1...450).map { "offer_\($0)" })
            var hang = ManagementFault(operation: "templates.list", mode: .delay, times: 1)
            hang.contains = "after="
            hang.seconds = 3
            try stage.set { $0.faults = [hang] }
            let dying = Task { try await stage.sweep(lease: .milliseconds(500)).readDue() }
            try await eventually("the first page is kept") {
                try await !stage.pool.query("SELECT FROM account_sweeps WHERE cursor IS NOT NULL").isEmpty
            }
            dying.cancel()
            _ = try? await dying.value
            // A sweep that is not whole shows nothing.
            #expect(try await stage.view().templates.isEmpty)
            try await eventually("another daemon has taken over") {
                try await stage.sweep().readDue() > 0
            }
            #expect(try await stage.view().templates.count { $0.goneAt == nil } == 450)
            #expect(stage.calls("templates.list").count { !$0.contains("after=") } == 1, "the first page is read once")
            #expect(stage.calls("numbers.list").count == 1)
        }
    }

    @Test func aDaemonThatLostItsClaimWritesNothing() async throws {
        try await AccountStage.with { stage in
            let sweeps = AccountSweepRepository(pool: stage.pool)
            let lost = try #require(try await sweeps.claim(limit: 1, lease: .zero).first)
            let claim = try #require(try await sweeps.claim(limit: 1, lease: .seconds(60)).first)
            #expect(try await sweeps.renew(lost, lease: .seconds(60)) == nil)
            let start = try #require(try await sweeps.renew(claim, lease: .seconds(60)))
            #expect(try await sweeps.begin(AccountProfile(), limit: nil, numbers: [], for: lost, at: start) == nil)
            #expect(try await sweeps.begin(AccountProfile(), limit: nil, numbers: [], for: claim, at: start) == [])
            let page = [SeenTemplate(name: "hello", language: "en")]
            #expect(
                try await !sweeps.keep(page, cursor: nil, for: lost, at: start, interval: .seconds(600))
            )
            #expect(try await stage.pool.query("SELECT FROM whatsapp_templates").isEmpty)
        }
    }

    @Test func templatesAreGoneOnlyAfterAWholeSweep() async throws {
        try await AccountStage.with { stage in
            try await stage.create((1...250).map { "offer_\($0)" })
            try await stage.read()
            try await stage.delete("offer_250")
            var refusal = ManagementFault(operation: "templates.list", mode: .refuse, times: 1)
            refusal.contains = "after="
            refusal.code = 2
            try stage.set { $0.faults = [refusal] }
            try await stage.makeDue()
            try await stage.read()
            let partial = try await stage.view()
            #expect(partial.error?.contains("refused") == true && partial.template("offer_250", "en_US") != nil)
            try await stage.makeDue()
            try await stage.read()
            let whole = try await stage.view()
            #expect(whole.error == nil && whole.template("offer_250", "en_US") == nil)
            #expect(whole.templates.count { $0.goneAt == nil } == 249)
            // An account that cannot be reached keeps what is known.
            try stage.set { $0.faults = [ManagementFault(mode: .drop)] }
            try await stage.makeDue()
            try await stage.read()
            let unreachable = try await stage.view()
            #expect(unreachable.error != nil && unreachable.templates.count { $0.goneAt == nil } == 249)
            #expect(unreachable.numbers.map(\.goneAt) == [nil])
        }
    }

    @Test func theCallsOfAnHourAreNotUsedUp() async throws {
        var settings = AccountStage.quick
        settings.callsPerHour = 1_000
        try await AccountStage.with(settings) { stage in
            try await stage.create((1...650).map { "offer_\($0)" })
            // 653 of 816 calls are used after the first page.
            try stage.set { $0.callsPerHour = 816 }
            try await stage.read()
            #expect(stage.calls("templates.list").count == 1 && stage.log.count("nearly used up") == 1)
            #expect(try await stage.view().sweptAt == nil)
            // Neither a webhook nor a person brings the next call forward.
            _ = try await AccountSweepRepository(pool: stage.pool).request(tenant: "acme")
            try await stage.read()
            #expect(stage.calls("templates.list").count == 1)
            stage.simulator.advanceClock(by: .seconds(3_600))
            try await stage.makeDue()
            try await stage.read()
            #expect(try await stage.view().templates.count == 650)
            #expect(stage.calls("templates.list").count == 4, "the first page is not read again")
        }
    }

    @Test func tooManyCallsAreAFailureThatWaits() async throws {
        try await AccountStage.with { stage in
            var fault = ManagementFault(mode: .refuse)
            (fault.code, fault.status) = (80_007, 429)
            try stage.set { $0.faults = [fault] }
            for _ in 1...3 {
                try await stage.makeDue()
                try await stage.read()
            }
            let view = try await stage.view()
            #expect(view.error?.contains("too many calls") == true)
            let due = try #require(view.dueAt)
            #expect(due > Date() + 200)
            #expect(stage.log.count("Could not read an account") == 1, "a failure is logged once")
            try stage.set { $0.faults = [] }
            try await stage.makeDue()
            try await stage.read()
            #expect(try await stage.view().error == nil && stage.log.count("read again") == 1)
        }
    }

    @Test func aTenantSeesOnlyWhatItsOwnTokenHasRead() async throws {
        try await AccountStage.with { stage in
            try await stage.create(["offer"])
            try await stage.addAccount("copy", tenant: "other", token: "env:OTHER")
            let tokens = ["TOKEN": "good", "OTHER": "stolen"]
            try await stage.read(tokens: tokens)
            #expect(try await stage.view().templates.count == 1)
            let other = try await stage.view(tenant: "other")
            #expect(other.templates.isEmpty && other.numbers.isEmpty && other.profile == nil && other.sweptAt == nil)
            #expect(other.error?.contains("env:OTHER") == true && other.error?.contains("stolen") == false)
            // A spec that takes over another account begins anew, whatever it has read before.
            try await stage.pool.execute("UPDATE accounts SET \"wabaId\" = '999' WHERE \"tenantId\" = 'acme'")
            #expect(try await stage.view().templates.isEmpty)
        }
    }

    @Test func aNewTokenIsTriedAtOnce() async throws {
        try await AccountStage.with { stage in
            try await stage.read(tokens: [:])
            #expect(try await stage.view().error?.contains("TOKEN is not set") == true)
            try await stage.read()
            #expect(try await stage.view().error != nil, "it waits")
            try await stage.pool.execute("UPDATE accounts SET \"updatedAt\" = now()")
            try await stage.read()
            let view = try await stage.view()
            #expect(view.error == nil && view.sweptAt != nil)
        }
    }

    @Test func changesOfNumbersAreLoggedOnce() async throws {
        try await AccountStage.with { stage in
            try await stage.read()
            try await stage.control("number", ["id": "1001", "quality": "RED"])
            try await stage.control("account", ["tier": "TIER_10K"])
            for _ in 1...2 {
                try await stage.makeDue()
                try await stage.read()
            }
            #expect(stage.log.count("from=GREEN number=1001") == 1, "\(stage.log.all)")
            #expect(stage.log.count("from=2000") == 1 && stage.log.count("to=10000") == 1, "\(stage.log.all)")
            #expect(try await stage.view().numbers.map(\.quality) == ["RED"])
        }
    }
}
