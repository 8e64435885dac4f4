import Foundation
import JSON
import Postgres
import Spec
import TestSupport
import Testing

@testable import Store

/// The 24 hour window of each business number.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct ContactWindowTests {
    private static let freeText = #"{"type":"text","text":{"body":"Hello"}}"#
    private static let everybody = AudienceFilter.group(.and, [])

    /// Four contacts, of whom one has written to number 1, one to number 2, and one to nobody as far as we heard.
    private static func withTwoNumbers(_ body: (Fixture, [UUID]) async throws -> Void) async throws {
        try await Fixture.with { fixture in
            try await fixture.addSender("second", number: "2")
            var contacts: [UUID] = []
            for number in 1...4 { contacts.append(try await fixture.addPerson(Fixture.phone(number))) }
            try await fixture.addCampaign("promo")
            try await fixture.hear(.init(Fixture.phone(1)), on: "1")
            try await fixture.hear(.init(Fixture.phone(2)), on: "2")
            // Another system, or an import, knows of a message that came to no webhook.
            try await fixture.pool.execute("UPDATE contacts SET \"lastSeen\" = now() WHERE id = \(contacts[2])")
            try await body(fixture, contacts)
        }
    }

    private static func inWindow(_ fixture: Fixture, number: String?) async throws -> Int {
        try await AudienceRepository(pool: fixture.pool)
            .size(tenant: "acme", filter: everybody, number: number, now: Date()).inWindow
    }

    private static func windowNumber(_ fixture: Fixture) async throws -> String? {
        let sender: UUID = try await fixture.value("SELECT \"senderId\" FROM campaigns WHERE name = 'promo'")
        return try await AudienceRepository(pool: fixture.pool).windowNumber(of: sender)
    }

    @Test func eachNumberHasAWindowOfItsOwn() async throws {
        try await Self.withTwoNumbers { fixture, _ in
            #expect(try await Self.windowNumber(fixture) == "1")
            #expect(try await Self.inWindow(fixture, number: "1") == 1)
            #expect(try await Self.inWindow(fixture, number: "2") == 1)
            #expect(try await Self.inWindow(fixture, number: nil) == 3)
            let samples = try await AudienceRepository(pool: fixture.pool)
                .samples(tenant: "acme", filter: Self.everybody, number: "2", now: Date(), limit: 4)
            #expect(samples.map(\.isInWindow) == [false, true, false, false])
        }
    }

    @Test func aTenantMayKeepOneWindowForAllItsNumbers() async throws {
        try await Self.withTwoNumbers { fixture, _ in
            try await fixture.pool.execute(
                "INSERT INTO tenants (\"tenantId\", name, \"window\") VALUES ('acme', 'acme', 'contact')"
            )
            #expect(try await Self.windowNumber(fixture) == nil)
            let run = try await fixture.launch(at: Date())
            #expect(try await RunRepository(pool: fixture.pool).find(run)?.inWindowCount == 3)
        }
    }

    @Test func aNumberThatIsGoneCountsNoMore() async throws {
        try await Self.withTwoNumbers { fixture, _ in
            try await fixture.pool.execute("UPDATE senders SET \"archivedAt\" = now() WHERE name = 'second'")
            #expect(try await Self.windowNumber(fixture) == nil)
            // Two senders of one number share its window.
            try await fixture.addSender("third", number: "1")
            #expect(try await Self.windowNumber(fixture) == nil)
            try await fixture.addSender("fourth", number: "3", tenant: "other")
            #expect(try await Self.windowNumber(fixture) == nil)
        }
    }

    @Test func aLaunchWritesThoseInTheOwnWindowFirst() async throws {
        try await Self.withTwoNumbers { fixture, contacts in
            let run = try await fixture.launch(at: Date())
            #expect(try await RunRepository(pool: fixture.pool).find(run)?.inWindowCount == 1)
            let written = try await fixture.column(
                "SELECT \"contactId\" FROM campaign_messages WHERE \"runId\" = \(run) ORDER BY position",
                as: UUID.self
            )
            #expect(written.first == contacts[0])
            #expect(Set(written) == Set(contacts))
        }
    }

    @Test func freeTextReachesOnlyThoseWhoWroteToTheNumber() async throws {
        try await Self.withTwoNumbers { fixture, contacts in
            try await fixture.pool.execute(
                "UPDATE campaigns SET \"messageTemplate\" = \(PostgresJSON(text: Self.freeText))"
            )
            let run = try await fixture.launch(at: Date())
            let record = try #require(try await RunRepository(pool: fixture.pool).find(run))
            #expect(record.recipientCount == 1)
            #expect(record.unreachableCount == 3)
            let recipients = try await fixture.column(
                "SELECT \"contactId\" FROM campaign_messages WHERE \"runId\" = \(run)",
                as: UUID.self
            )
            #expect(recipients == [contacts[0]])
        }
    }

    /// The claim decides by the number of the lane, whatever the launch knew.
    @Test(arguments: [String?.none, "1", "2"])
    func theClaimGoesByTheNumberOfTheLane(number: String?) async throws {
        try await Fixture.with { fixture in
            let run = try await fixture.queuedRun(contacts: 3, inWindow: 2, message: Self.freeText)
            let ids = try await fixture.ids(of: run)
            #expect(ids.count == 2)
            try await fixture.hear(.init(Fixture.phone(1)), on: "1")
            let claim = SendClaim(ids, lease: 7, windowNumber: number)
            let claimed = try await MessageRepository(pool: fixture.pool).begin([claim]).sorted { $0.id < $1.id }
            let expected: [MessageStatus] =
                switch number {
                case nil: [.sending, .sending]
                case "1": [.sending, .failed]
                default: [.failed, .failed]
                }
            #expect(claimed.map(\.status) == expected)
            #expect(claimed.map(\.isBusinessInitiated) == expected.map { $0 == .failed })
            let codes = try await fixture.column(
                "SELECT DISTINCT \"errorCode\" FROM campaign_messages WHERE status = 'failed'",
                as: String.self
            )
            #expect(codes == (number == nil ? [] : ["window_closed"]))
        }
    }

    /// Claims of lanes with and without a window of their own share one statement.
    @Test func claimsOfSeveralLanesKeepTheirWindows() async throws {
        try await Fixture.with { fixture in
            let run = try await fixture.queuedRun(contacts: 2)
            let ids = try await fixture.ids(of: run)
            let claims = [
                SendClaim([ids[0]], lease: 7), SendClaim([ids[1]], charged: [], lease: 8, windowNumber: "1"),
            ]
            let claimed = try await MessageRepository(pool: fixture.pool).begin(claims).sorted { $0.id < $1.id }
            // Its quota was not taken, so the second one returns to the lane as a business-initiated message.
            #expect(claimed.map(\.status) == [.sending, .queued])
            #expect(claimed.map(\.isBusinessInitiated) == [false, true])
        }
    }

    @Test func lanesKnowTheirOwnWindow() async throws {
        try await Self.withTwoNumbers { fixture, _ in
            _ = try await fixture.launch(at: Date())
            #expect(try await LaneRepository(pool: fixture.pool).open().map(\.windowNumber) == ["1"])
            try await fixture.pool.execute("UPDATE senders SET \"archivedAt\" = now() WHERE name = 'second'")
            #expect(try await LaneRepository(pool: fixture.pool).open().map(\.windowNumber) == [nil])
        }
    }

    @Test func eventsGoByTheWindowOfTheirSender() async throws {
        try await Fixture.with { fixture in
            try await fixture.addSender("second", number: "2")
            let campaign = try await fixture.addTriggered()
            try await fixture.pool.execute(
                "UPDATE campaigns SET \"messageTemplate\" = \(PostgresJSON(text: Self.freeText))"
            )
            try await fixture.addContacts(2)
            try await fixture.hear(.init(Fixture.phone(1)), on: "1")
            try await fixture.hear(.init(Fixture.phone(2)), on: "2")
            for attempt in 1...2 {
                let requests = (1...2).map {
                    TriggerRequest(contactID: Fixture.phone($0), context: [:], eventID: "\(attempt)-\($0)")
                }
                let outcomes = try await fixture.fire(requests)
                #expect(outcomes[0].matched.map(\.campaignId) == [campaign])
                #expect(outcomes[1].refused.map(\.reason) == [.windowClosed])
            }
        }
    }

    @Test func failedMessagesAreRepeatedByTheOwnWindow() async throws {
        try await Self.withTwoNumbers { fixture, contacts in
            let run = try await fixture.launch(at: Date())
            try await fixture.pool.execute(
                """
                UPDATE campaign_messages SET status = 'failed', "failedAt" = now(), "errorCode" = '131026'
                """
            )
            try await fixture.pool.execute(
                """
                UPDATE campaign_runs SET status = 'completed', "completedAt" = now(), failed = pending, pending = 0
                """
            )
            try await fixture.pool.execute("UPDATE campaigns SET status = 'completed'")
            let retry = try await RetryRepository(pool: fixture.pool).open(.name("promo"), tenant: "acme")
            #expect(retry.previous?.id == run)
            #expect(retry.run.inWindowCount == 1)
            let inWindow = try await fixture.column(
                """
                SELECT "contactId" FROM campaign_messages WHERE "runId" = \(retry.run.id) AND NOT "isBusinessInitiated"
                """,
                as: UUID.self
            )
            #expect(inWindow == [contacts[0]])
        }
    }
}
