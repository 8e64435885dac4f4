import Foundation
import JSON
import Postgres
import Spec
import TestSupport
import Testing

@testable import Store

/// People of whom only a long user id of WhatsApp is known: imports, calls, events, merges, exports and erasures take it.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct LongUserIDTests {
    /// As long as WhatsApp may make it.
    private static let id = "KE.ENT." + String(repeating: "13491208655302741918", count: 7) + "abc"
    private static let key = ErasureKey(String(repeating: "k", count: 32))

    private static func contacts(_ fixture: Fixture) -> ContactRepository {
        ContactRepository(pool: fixture.pool, erasureKey: key)
    }

    @Test func everyWayInAndOutTakesIt() async throws {
        #expect(Self.id.count == ContactRules.longestID)
        #expect(try PhoneNumberReader().readID(Self.id) == Self.id)
        #expect(throws: PhoneNumberReader.Problem.self) { try PhoneNumberReader().readID(Self.id + "d") }
        try await Fixture.with { fixture in
            let contacts = Self.contacts(fixture)
            let change = ContactChange(contactID: Self.id, values: [.name: "Amina"])
            #expect(try await contacts.put([change], tenant: "acme", by: .daemon) == [.created])
            #expect(try await contacts.find(Self.id, tenant: "acme")?.userID == Self.id)
            try await fixture.addCampaign()
            _ = try await fixture.launch(at: Date())
            #expect(try await fixture.value("SELECT \"recipientPhone\" FROM campaign_messages") == "")
            try await fixture.addTriggered()
            let event = TriggerRequest(contactID: Self.id, context: [:], eventID: "1")
            for _ in 1...2 { #expect(try await fixture.fire([event])[0].matched.count == 1) }
            try await fixture.hear(.init(Self.id, userIDs: [Self.id]), saying: "STOP")
            #expect(try await fixture.level(of: Self.id) == .all)
            try await fixture.addPerson("254700000002")
            let duplicates = ContactDuplicates(pool: fixture.pool)
            _ = try await duplicates.merge(Self.id, into: "254700000002", tenant: "acme")
            #expect(try await contacts.find(Self.id, tenant: "acme")?.contactID == "254700000002")
            let exported = try await ContactExport(pool: fixture.pool).text(Self.id, tenant: "acme")
            #expect(exported?.contains(Self.id) == true)
            let erased = try await ContactErasure(pool: fixture.pool, key: Self.key).erase(Self.id, tenant: "acme")
            #expect(erased.contacts == 2 && erased.keepsOptOut)
            #expect(try await ContactExport(pool: fixture.pool).text(Self.id, tenant: "acme") == nil)
        }
    }

    @Test func manyPeopleAreLaunchedInTheOrderOfTheirIDs() async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign()
            for number in 1...5 { try await fixture.addPerson("KE.\(number)" + String(repeating: "0", count: 140)) }
            let launches = LaunchRepository(pool: fixture.pool)
            guard case .opened(var run) = try await launches.open(campaign: "promo", tenant: "acme") else { return }
            while run.status == .launching { run = try await launches.writeBatch(of: run.id, size: 2).run }
            #expect(run.recipientCount == 5)
        }
    }

    /// A view keeps the column short: the reason and the remedy are said.
    @Test func aShortColumnRefusesThemInWords() async throws {
        try await Fixture.with { fixture in
            try await fixture.pool.execute("DROP TRIGGER contacts_renumbered_suppressed ON contacts")
            try await fixture.pool.execute("ALTER TABLE contacts ALTER COLUMN \"contactId\" TYPE varchar(50)")
            let contacts = Self.contacts(fixture)
            let long = ContactChange(contactID: Self.id, values: [:])
            let error = await #expect(throws: ContactIDTooLong.self) {
                try await contacts.put([long], tenant: "acme", by: .daemon)
            }
            #expect(error?.description.contains("TYPE varchar(150)") == true)
            let short = ContactChange(contactID: "254700000001", values: [:])
            #expect(try await contacts.put([short], tenant: "acme", by: .daemon) == [.created])
        }
    }
}
