import Foundation
import JSON
import Postgres
import Spec
import Store
import TestSupport
import Testing

@testable import Reconciler

/// Accounts, and the rows that belong to them.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct AccountPlanTests {
    private static let account = "kind: Account\nname: main\nwabaId: \"1022\"\naccessToken: env:TOKEN\ncurrency: KES"
    private static let other = "kind: Account\nname: other\nwabaId: \"1023\"\naccessToken: env:TOKEN"
    private static let template = Samples.template + "\nexamples: { \"1\": Ann, button.1: x }"
    private static let identity = SpecIdentity(tenant: "acme", kind: .account, name: "main")

    private static func specs(_ documents: String...) -> String { documents.joined(separator: "\n---\n") }

    private static func accounts(_ fixture: ReconcilerFixture) async throws -> [String] {
        try await fixture.pool.query(
            """
            SELECT s.name || ' ' || coalesce(a.name, 'none') FROM (
                SELECT name, "accountId" FROM senders UNION ALL SELECT name, "accountId" FROM templates
            ) s LEFT JOIN accounts a ON a.id = s."accountId" ORDER BY 1
            """
        )
        .map { try $0.decode(0) }
    }

    @Test func comesAndGoesWithWhatBelongsToIt() async throws {
        try await ReconcilerFixture.with { fixture in
            let plain = Self.specs(Samples.sender, Self.template)
            try await fixture.reach(plain)
            #expect(try await Self.accounts(fixture) == ["main none", "offer none"])

            let plan = try await fixture.reach(Self.specs(plain, Self.account))
            #expect(
                ReconcilerFixture.lines(plan) == [
                    "+ Account/main", "~ Sender/main account", "~ Template/offer account",
                ]
            )
            // Their files were not edited.
            #expect(plan.inherited == 2)
            #expect(plan.changes.filter(\.isInherited).allSatisfy { $0.inheritedFrom == [Self.identity] })
            #expect(try await Self.accounts(fixture) == ["main main", "offer main"])

            let edited = try await fixture.reach(Self.specs(plain, Self.account.replacing("KES", with: "USD")))
            #expect(ReconcilerFixture.lines(edited) == ["~ Account/main currency"])

            let gone = try await fixture.reach(plain)
            #expect(gone.deletes == 1 && gone.inherited == 2)
            #expect(try await Self.accounts(fixture) == ["main none", "offer none"])
        }
    }

    @Test func isRenamedAndNamed() async throws {
        try await ReconcilerFixture.with { fixture in
            let plain = Self.specs(Samples.sender, Self.template)
            try await fixture.reach(Self.specs(plain, Self.account))
            let id = try await fixture.pool.query("SELECT id FROM accounts")[0].decode(0, as: UUID.self)
            let renamed = Self.account.replacing("name: main", with: "name: first\nrenamedFrom: main")
            try await fixture.reach(Self.specs(plain, renamed))
            #expect(try await fixture.pool.query("SELECT id FROM accounts")[0].decode(0, as: UUID.self) == id)
            #expect(try await Self.accounts(fixture) == ["main first", "offer first"])

            let two = Self.specs(
                Samples.sender + "\naccount: other",
                Self.template + "\naccount: first",
                renamed,
                Self.other
            )
            try await fixture.reach(two)
            #expect(try await Self.accounts(fixture) == ["main other", "offer first"])
        }
    }

    @Test func isExported() async throws {
        try await ReconcilerFixture.with { fixture in
            try await fixture.reach(Self.specs(Samples.sender, Self.template, Self.account))
            let export = try await Exporter(pool: fixture.pool, logger: TestDatabase.logger).export(tenant: "acme")
            #expect(export.skipped.isEmpty && export.outdated.isEmpty)
            let text = export.files.map(\.text).joined(separator: "---\n")
            #expect(text.contains("kind: Account\nname: main\n"))
            #expect(text.contains("wabaId: \"1022\"\n"))
            #expect(try await fixture.plan(text).changes.allSatisfy(\.isFormal))
        }
    }

    @Test func tellsWhatWasReadOfNumbersAndLimits() async throws {
        try await ReconcilerFixture.with { fixture in
            let second = Samples.sender.replacing("main", with: "second").replacing("1065", with: "1066")
            let text = Self.specs(Samples.sender, second, Self.template, Self.account)
            try await fixture.reach(text)
            #expect(try await fixture.plan(text).accountRemarks == [])
            let statements: [PostgresQuery] = [
                """
                INSERT INTO account_sweeps ("accountId", "businessAccountId", "sweptAt", error)
                SELECT id, "wabaId", now(), 'too many calls to WhatsApp' FROM accounts
                """,
                "INSERT INTO whatsapp_accounts (\"businessAccountId\", \"messagingLimit\") VALUES ('1022', 2000)",
                """
                INSERT INTO whatsapp_numbers ("businessAccountId", "phoneNumberId", status, quality, "readAt")
                VALUES ('1022', '1065', 'CONNECTED', 'RED', now()), ('1022', '1066', 'BANNED', 'GREEN', now())
                """,
            ]
            for statement in statements { try await fixture.pool.execute(statement) }
            #expect(
                try await fixture.plan(text).accountRemarks == [
                    "acme/Account/main could not be read at WhatsApp: too many calls to WhatsApp",
                    "WhatsApp gives the number of sender `main` the quality RED",
                    "WhatsApp does not send from the number of sender `second`: BANNED",
                    "WhatsApp allows sender `main` 2,000 business-initiated messages in 24 hours, less than its spec, and the "
                        + "lower limit counts",
                    "WhatsApp allows sender `second` 2,000 business-initiated messages in 24 hours, less than its spec, and the "
                        + "lower limit counts",
                    "senders `main`, `second` share a limit at WhatsApp, and each counts for itself; give Account `main` its "
                        + "`businessId`, or the senders one `quotaGroup`",
                ]
            )
            try await fixture.pool.execute(
                #"UPDATE whatsapp_numbers SET status = 'CONNECTED', "goneAt" = '2026-05-01 10:00:00Z' WHERE "phoneNumberId" = '1066'"#
            )
            #expect(
                try await fixture.plan(text).accountRemarks.contains(
                    "the number of sender `second` is not in acme/Account/main any more, since the reading at "
                        + "2026-05-01T10:00:00Z: correct `phoneNumberId` or `account` of the sender"
                )
            )
            try await fixture.pool.execute("UPDATE whatsapp_numbers SET \"goneAt\" = NULL")
            try await fixture.pool.execute(
                #"UPDATE whatsapp_accounts SET "businessId" = '506', "messagingLimit" = 100000"#
            )
            try await fixture.pool.execute("UPDATE whatsapp_numbers SET status = 'CONNECTED', quality = 'GREEN'")
            try await fixture.pool.execute("UPDATE account_sweeps SET error = NULL")
            #expect(
                try await fixture.plan(text).accountRemarks == [
                    "senders `main`, `second` share a limit at WhatsApp, and each counts for itself; give Account `main` its "
                        + "`businessId` \"506\", or the senders one `quotaGroup`"
                ]
            )
            let named = text.replacing("wabaId: \"1022\"", with: "wabaId: \"1022\"\nbusinessId: \"506\"")
            #expect(try await fixture.plan(named).accountRemarks == [])
            let wrong = named.replacing("506", with: "507")
            #expect(
                try await fixture.plan(wrong).accountRemarks == [
                    "acme/Account/main belongs to portfolio 506 at WhatsApp, and its spec says 507: correct `businessId`"
                ]
            )
            let apart = named.replacing(second, with: second + "\nquotaGroup: own")
            #expect(
                try await fixture.plan(apart).accountRemarks == [
                    "senders `main`, `second` share a limit at WhatsApp, and each counts for itself; name the same "
                        + "`quotaGroup` in all of them, or in none"
                ]
            )
        }
    }

    /// The group is part of the plan, and comes from the account.
    @Test func thePortfolioOfAnAccountIsTheQuotaGroupOfItsSenders() async throws {
        try await ReconcilerFixture.with { fixture in
            let second = Samples.sender.replacing("main", with: "second").replacing("1065", with: "1066")
            let text = Self.specs(Samples.sender, second, Self.template, Self.account)
            try await fixture.reach(text)
            let named = text.replacing("wabaId: \"1022\"", with: "wabaId: \"1022\"\nbusinessId: \"506\"")
            let plan = try await fixture.plan(named)
            let senders = plan.changes.filter { $0.identity.kind == .sender }
            #expect(senders.count == 2)
            for change in senders {
                #expect(change.differences.map(\.field) == ["quotaGroup"])
                #expect(change.differences.first?.after == "portfolio-506")
                #expect(change.inheritedFrom.map(\.kind) == [.account])
            }
            try await fixture.reach(named)
            let groups = try await fixture.pool.query("SELECT DISTINCT \"quotaGroup\" FROM senders")
            #expect(try groups.map { try $0.decode(0, as: String.self) } == ["acme/portfolio-506"])
            #expect(try await fixture.plan(named).changes.isEmpty)
            try await fixture.reach(text)
            let own = try await fixture.pool.query("SELECT \"quotaGroup\" FROM senders ORDER BY 1")
            #expect(try own.map { try $0.decode(0, as: String.self) } == ["1065", "1066"])
        }
    }
}
