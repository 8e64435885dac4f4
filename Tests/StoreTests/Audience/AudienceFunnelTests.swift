import Foundation
import JSON
import Postgres
import Spec
import TestSupport
import Testing

@testable import Store

/// The people who are left out of an audience, by reason; the same numbers before, at and after a launch.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct AudienceFunnelTests {
    private static let filter = #"{"logic":"AND","conditions":[{"field":"tags","operator":"contains","value":"vip"}]}"#

    /// Contacts with the tag: one for each reason, two who wrote a moment ago and one who did not; and two without the tag.
    private static func addContacts(_ fixture: Fixture) async throws {
        try await fixture.pool.execute(
            """
            INSERT INTO contacts ("tenantId", "contactId", tags, "optedIn", "deactivatedAt", "lastSeen", "suppressedLevel") VALUES
                ('acme', '1', '{vip}', true, NULL, now(), NULL), ('acme', '2', '{vip}', true, NULL, now(), NULL),
                ('acme', '3', '{vip}', true, NULL, NULL, NULL), ('acme', '4', '{vip}', false, NULL, NULL, NULL),
                ('acme', '5', '{vip}', true, now(), NULL, NULL), ('acme', '6', '{vip}', true, NULL, NULL, 'all'),
                ('acme', '7', '{vip}', true, NULL, NULL, 'marketing'), ('acme', 'KE.8', '{vip}', true, NULL, now(), NULL),
                ('acme', '9', '{vip}', false, now(), NULL, 'all'), ('acme', '10', '{}', true, NULL, NULL, NULL),
                ('acme', '11', '{}', false, NULL, NULL, NULL), ('other', '1', '{vip}', true, NULL, NULL, NULL)
            """
        )
    }

    private static func size(
        _ category: TemplateSpec.Category,
        _ fixture: Fixture,
        isFreeText: Bool = false
    ) async throws -> AudienceSize {
        try await AudienceRepository(pool: fixture.pool).size(
            tenant: "acme",
            filter: try AudienceFilter(json: .init(parsing: filter)),
            category: category,
            now: Date()
        ).reached(byFreeText: isFreeText)
    }

    @Test func eachContactIsLeftOutForOneReason() async throws {
        try await Fixture.with { fixture in
            try await Self.addContacts(fixture)
            let marketing = try await Self.size(.marketing, fixture)
            #expect((marketing.total, marketing.inWindow) == (4, 3))
            let common: [LeftOut.Reason: Int] = [.deactivated: 2, .optedOut: 1, .suppressed: 1]
            #expect(marketing.leftOut == LeftOut(common.merging([.marketingStopped: 1]) { $1 }))
            let utility = try await Self.size(.utility, fixture)
            #expect(utility.total == 5 && utility.leftOut == LeftOut(common))
            let authentication = try await Self.size(.authentication, fixture)
            #expect(authentication.total == 4 && authentication.inWindow == 2)
            #expect(authentication.leftOut == LeftOut(common.merging([.noNumber: 1]) { $1 }))
            #expect(authentication.leftOut.words?.contains("cannot get authentication messages") == true)
            let text = try await Self.size(.marketing, fixture, isFreeText: true)
            #expect(text.total == 3 && text.leftOut[.windowClosed] == 1 && text.unreachable == 1)
            let contacts = try await AudienceRepository(pool: fixture.pool).contacts(of: "acme")
            let funnel = AudienceFunnel(contacts, text, .marketing)
            #expect(funnel.steps.map(\.count) == [11, 9, 7, 5, 4, 3])
            #expect(AudienceFunnel(contacts, utility, .utility).steps.map(\.count) == [11, 9, 7, 6, 5, 5])
            #expect(
                AudienceFunnel(contacts, authentication, .authentication).steps.map(\.count) == [11, 9, 7, 6, 5, 4]
            )
        }
    }

    /// People who were erased, and rows that were merged, are not counted as left out.
    @Test func onlyPeopleCount() async throws {
        try await Fixture.with { fixture in
            for number in 1...4 { try await fixture.addPerson("25470000000\(number)") }
            let key = ErasureKey(String(repeating: "k", count: 32))
            _ = try await ContactErasure(pool: fixture.pool, key: key).erase("254700000001", tenant: "acme")
            _ = try await ContactDuplicates(pool: fixture.pool).merge(
                "254700000002",
                into: "254700000003",
                tenant: "acme"
            )
            let audiences = AudienceRepository(pool: fixture.pool)
            let size = try await audiences.size(tenant: "acme", filter: .everybody, now: Date())
            #expect(size.total == 2 && size.leftOut.total == 0)
            #expect(try await audiences.contacts(of: "acme").all == 2)
        }
    }

    @Test func aLaunchKeepsTheNumbersAndReachesThese() async throws {
        for category in TemplateSpec.Category.allCases {
            try await Fixture.with { fixture in
                try await Self.addContacts(fixture)
                try await fixture.addTemplate(category.rawValue)
                try await fixture.addCampaign(message: Fixture.reminder, filter: Self.filter)
                let run = try await fixture.launch(at: Date())
                let record = try #require(try await RunRepository(pool: fixture.pool).find(run))
                let size = try await Self.size(category, fixture)
                #expect(record.leftOut == size.leftOut && record.leftOut.total > 0, "\(category)")
                #expect(record.recipientCount == size.total, "\(category)")
            }
        }
    }

    @Test func aLaunchThatReachesNobodySaysWhereTheyAreLost() async throws {
        try await Fixture.with { fixture in
            try await Self.addContacts(fixture)
            let filter = Self.filter.replacing("vip", with: "nobody")
            try await fixture.addCampaign(filter: filter)
            let error = await #expect(throws: LaunchError.self) { try await fixture.launch(at: Date()) }
            #expect(
                error?.description.hasSuffix(
                    "11 contacts, 9 active, 7 opted in, 5 not suppressed, 0 in the audience, 0 reachable"
                ) == true,
                "\(error?.description ?? "")"
            )
        }
    }
}

/// Authentication templates need a phone number: WhatsApp refuses them to a user id (code 131062).
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct AuthenticationDeliveryTests {
    private static func withPeople(_ body: (Fixture) async throws -> Void) async throws {
        try await Fixture.with { fixture in
            try await fixture.addTemplate("authentication")
            try await fixture.addContacts(1, inWindow: 1, at: Date())
            try await fixture.addPerson("KE.40512")
            try await body(fixture)
        }
    }

    @Test func aLaunchAndARetryLeaveThemOut() async throws {
        try await Self.withPeople { fixture in
            try await fixture.addCampaign(message: Fixture.reminder)
            let run = try await fixture.launch(at: Date())
            let phones: [String] = try await fixture.column("SELECT \"recipientPhone\" FROM campaign_messages")
            #expect(phones == [Fixture.phone(1)])
            // The number is lost before the retry.
            try await fixture.send(run, failing: [0: "131000"])
            try await fixture.pool.execute(
                "UPDATE contacts SET \"contactId\" = 'KE.1' WHERE \"contactId\" = \(Fixture.phone(1))"
            )
            #expect(try await fixture.retries.preview(.name("promo"), tenant: "acme").total == 0)
        }
    }

    @Test func theyAreRefusedBeforeSending() async throws {
        try await Self.withPeople { fixture in
            // Their template was of another category when the campaign was launched.
            try await fixture.addTemplate("utility")
            try await fixture.addCampaign(message: Fixture.reminder)
            let run = try await fixture.launch(at: Date())
            try await fixture.addTemplate("authentication")
            try await fixture.send(run, isCompleted: false)
            let codes: [String] = try await fixture.column(
                """
                SELECT concat_ws(' ', m.status, m."errorCode") FROM campaign_messages m
                JOIN contacts c ON c.id = m."contactId" ORDER BY c."contactId"
                """
            )
            #expect(codes == ["sent", "failed 131062"])
            let text: String = try await fixture.value(
                "SELECT \"errorMessage\" FROM campaign_messages WHERE \"errorCode\" IS NOT NULL"
            )
            #expect(text.contains("needs a phone number"))
            let (counted, rows) = try await fixture.counters(of: run)
            #expect(counted == rows && rows[.failed] == 1)
        }
    }

    @Test func eventsAboutThemAreRefused() async throws {
        try await Self.withPeople { fixture in
            try await fixture.addTriggered(message: Fixture.reminder)
            for _ in 1...2 {
                let answers = try await fixture.fire([
                    TriggerRequest(contactID: "KE.40512"), TriggerRequest(contactID: Fixture.phone(1)),
                ])
                #expect(answers.map { $0.refused.map(\.reason) } == [[.noNumber], []])
            }
            // WhatsApp names the number.
            try await fixture.pool.execute(
                "UPDATE contacts SET \"currentNumber\" = '254700000009' WHERE \"contactId\" = 'KE.40512'"
            )
            #expect(try await fixture.fire([TriggerRequest(contactID: "KE.40512")])[0].matched.count == 1)
        }
    }
}
