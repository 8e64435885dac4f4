import Foundation
import Postgres
import Spec
import TestSupport
import Testing

@testable import Store

/// Contacts that are one person.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct ContactDuplicateTests {
    private static let (long, short) = ("5511987654321", "551187654321")

    /// A person with two contacts, and another person.
    private static func withTwins(_ body: (Fixture, _ kept: UUID, _ other: UUID) async throws -> Void) async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign()
            let kept = try await fixture.addPerson(long)
            let other = try await fixture.addPerson(short)
            try await fixture.addPerson("254700000001")
            try await fixture.addPerson(short, tenant: "other")
            try await body(fixture, kept, other)
        }
    }

    private static func complete(_ fixture: Fixture) async throws {
        try await fixture.pool.execute("UPDATE campaign_messages SET status = 'sent', \"sentAt\" = now()")
        try await fixture.pool.execute("UPDATE campaign_runs SET status = 'completed', sent = pending, pending = 0")
        try await fixture.pool.execute("UPDATE campaigns SET status = 'completed'")
    }

    private static func log(_ id: String, _ fixture: Fixture) async throws -> Int {
        let campaign: UUID = try await fixture.value("SELECT id FROM campaigns WHERE name = 'promo'")
        var query = MessageLogQuery(campaign: campaign, tenant: "acme")
        query.contact = id
        return try await MessageLogRepository(pool: fixture.pool).total(query)
    }

    @Test func findsContactsWithOneNumberOrOneID() async throws {
        try await Self.withTwins { fixture, kept, other in
            let duplicates = ContactDuplicates(pool: fixture.pool)
            let people = try await duplicates.find(tenant: "acme", limit: 10)
            #expect(people.map { $0.contacts.map(\.id) } == [[kept, other]])
            #expect(people.map(\.sharedID) == [Self.short])
            // An id that WhatsApp names for both.
            let third: UUID = try await fixture.value("SELECT id FROM contacts WHERE \"contactId\" = '254700000001'")
            try await fixture.hear(.init(Self.long, userIDs: ["BR.1"]))
            try await fixture.hear(.init("254700000001", userIDs: ["BR.1"]))
            let joined = try await duplicates.find(tenant: "acme", limit: 10)
            #expect(joined.map { Set($0.contacts.map(\.id)) }.contains([kept, other, third]))
            #expect(try await duplicates.find(tenant: "other", limit: 10).isEmpty)
        }
    }

    @Test func mergingKeepsHistoryValuesAndTheStricterConsent() async throws {
        try await Self.withTwins { fixture, kept, other in
            try await fixture.pool.execute("UPDATE contacts SET tags = '{a,b}' WHERE id = \(kept)")
            try await fixture.pool.execute(
                """
                UPDATE contacts SET name = 'Ana', tags = '{b,c}', metadata = '{"plan":"gold"}', "messageCount" = 3
                WHERE id = \(other)
                """
            )
            // Only the other contact had this campaign.
            try await fixture.pool.execute("UPDATE contacts SET \"deactivatedAt\" = now() WHERE id = \(kept)")
            _ = try await fixture.launch()
            try await fixture.pool.execute("UPDATE contacts SET \"deactivatedAt\" = NULL WHERE id = \(kept)")
            try await fixture.hear(.init(Self.short, userIDs: ["BR.1"]), saying: "STOP")
            try await fixture.pool.execute("UPDATE contacts SET \"optedIn\" = true WHERE id = \(kept)")
            let duplicates = ContactDuplicates(pool: fixture.pool)
            #expect(try await duplicates.merge(Self.short, into: Self.long, tenant: "acme") == 1)
            #expect(try await duplicates.find(tenant: "acme", limit: 10).isEmpty)
            let row = try await fixture.pool.query(
                "SELECT name, tags::text, metadata ->> 'plan', \"messageCount\", \"optedIn\" FROM contacts WHERE id = \(kept)"
            )[0]
            #expect(try row.decode(0, as: String.self) == "Ana")
            #expect(try row.decode(1, as: String.self) == "{a,b,c}")
            #expect(try row.decode(2, as: String.self) == "gold")
            #expect(try row.decode(3, as: Int.self) == 5)
            #expect(try !row.decode(4, as: Bool.self), "one of them had opted out")
            for id in [Self.long, Self.short, "+" + Self.short, "BR.1", "\(kept)", "\(other)"] {
                #expect(try await Self.log(id, fixture) == 1, "\(id)")
            }
            // The person writes to the kept contact only.
            try await fixture.hear(.init(Self.short))
            #expect(try await fixture.heard(kept) == 6)
            #expect(try await fixture.heard(other) == 4)
            let again = await #expect(throws: ContactMergeError.self) {
                try await duplicates.merge("\(other)", into: Self.long, tenant: "acme")
            }
            #expect(again == .merged(Self.short))
        }
    }

    @Test func messagesOfBothInOneRunStayWithTheirRows() async throws {
        try await Self.withTwins { fixture, kept, other in
            _ = try await fixture.launch()
            let duplicates = ContactDuplicates(pool: fixture.pool)
            let refusal = await #expect(throws: ContactMergeError.self) {
                try await duplicates.merge(Self.short, into: Self.long, tenant: "acme")
            }
            #expect(refusal == .inOpenRun(Self.long, Self.short, campaign: "promo"))
            #expect(try await fixture.value("SELECT \"mergedInto\" IS NULL FROM contacts WHERE id = \(other)"))
            try await Self.complete(fixture)
            #expect(try await duplicates.merge(Self.short, into: Self.long, tenant: "acme") == 0)
            for id in [Self.long, Self.short] { #expect(try await Self.log(id, fixture) == 2) }
            let rows = try await fixture.column("SELECT \"contactId\" FROM campaign_messages", as: UUID.self)
            #expect(Set(rows).isSuperset(of: [kept, other]))
            // A new run writes to the kept contact alone.
            try await fixture.addCampaign("second")
            let second = try await fixture.launch("second")
            let recipients = try await fixture.column(
                "SELECT \"contactId\" FROM campaign_messages WHERE \"runId\" = \(second)",
                as: UUID.self
            )
            #expect(recipients.contains(kept) && !recipients.contains(other))
        }
    }

    @Test func contactsAreNamedWithoutDoubt() async throws {
        try await Self.withTwins { fixture, _, _ in
            let duplicates = ContactDuplicates(pool: fixture.pool)
            let cases: [(String, String, ContactMergeError)] = [
                (Self.long, Self.long, .same(Self.long)),
                ("254700000002", Self.long, .unknown("254700000002", tenant: "acme")),
                ("+" + Self.long, Self.long, .ambiguous("+" + Self.long, [Self.short, Self.long])),
            ]
            for (other, kept, error) in cases {
                let found = await #expect(throws: ContactMergeError.self) {
                    try await duplicates.merge(other, into: kept, tenant: "acme")
                }
                #expect(found == error)
            }
        }
    }
}
