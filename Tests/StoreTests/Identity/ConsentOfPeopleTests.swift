import Foundation
import Postgres
import Spec
import TestSupport
import Testing

@testable import Store

/// Consent belongs to the person, whatever id it came with.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct ConsentOfPeopleTests {
    private static let (old, new, user) = ("254700000001", "254711111111", "KE.405")

    /// The level and `optedIn` of contacts, by `contactId`.
    private static func consent(_ fixture: Fixture) async throws -> [String] {
        try await fixture.column(
            """
            SELECT concat_ws(' ', "contactId", coalesce("suppressedLevel", '-'), "optedIn") FROM contacts ORDER BY 1
            """,
            as: String.self
        )
    }

    private static func suppressed(_ fixture: Fixture) async throws -> [String] {
        try await fixture.column("SELECT key FROM suppressions WHERE level = 'all' ORDER BY 1", as: String.self)
    }

    @Test func anOptOutCountsForEachIDOfThePerson() async throws {
        try await Fixture.with { fixture in
            try await fixture.addSender("main", number: "1")
            try await fixture.addPerson(Self.old)
            try await fixture.hear(.init(Self.old, userIDs: [Self.user]))
            let now = Date()
            try await fixture.hear(.init(Self.user, userIDs: [Self.user]), at: now, saying: "STOP")
            #expect(try await Self.consent(fixture) == ["\(Self.old) all f"])
            #expect(try await Self.suppressed(fixture) == [Self.old, Self.user])
            try await fixture.hear(.init(Self.old), at: now.addingTimeInterval(1), saying: "START")
            #expect(try await Self.consent(fixture) == ["\(Self.old) - t"])
            #expect(try await Self.suppressed(fixture) == [])
        }
    }

    @Test func anIDThatIsLearnedLaterIsOptedOutToo() async throws {
        try await Fixture.with { fixture in
            try await fixture.addSender("main", number: "1")
            try await fixture.addPerson(Self.old)
            try await fixture.hear(.init(Self.old), saying: "STOP")
            try await fixture.hear(.init(Self.old, userIDs: [Self.user]))
            #expect(try await Self.suppressed(fixture) == [Self.old, Self.user])
            try await fixture.addPerson(Self.user)
            #expect(try await Self.consent(fixture) == ["\(Self.old) all f", "\(Self.user) all f"])
        }
    }

    @Test func anOptOutFollowsThePersonToAnotherNumber() async throws {
        try await Fixture.with { fixture in
            try await fixture.addSender("main", number: "1")
            try await fixture.addPerson(Self.old)
            let now = Date()
            try await fixture.hear(.init(Self.old), at: now.addingTimeInterval(-60), saying: "STOP")
            try await fixture.move(.init(Self.old), to: Self.new, at: now)
            #expect(try await Self.suppressed(fixture) == [Self.old, Self.new])
            // A contact that is added under the new number is the same person.
            try await fixture.addPerson(Self.new)
            #expect(try await Self.consent(fixture) == ["\(Self.old) all f", "\(Self.new) all f"])
            try await fixture.hear(.init(Self.new), at: now.addingTimeInterval(1), saying: "START")
            #expect(try await Self.consent(fixture) == ["\(Self.old) - t", "\(Self.new) - t"])
        }
    }

    @Test func whoGetsTheOldNumberSpeaksForNobodyElse() async throws {
        try await Fixture.with { fixture in
            try await fixture.addSender("main", number: "1")
            try await fixture.addPerson(Self.old)
            let now = Date()
            try await fixture.move(.init(Self.old), to: Self.new, at: now.addingTimeInterval(-60))
            try await fixture.hear(.init(Self.old), at: now, saying: "STOP")
            _ = try await ConsentRepository(pool: fixture.pool).suppressMissed(within: .seconds(60))
            #expect(try await Self.consent(fixture) == ["\(Self.old) - t"])
            // What was said before the change, and comes late, is the person's own.
            try await fixture.hear(.init(Self.old), at: now.addingTimeInterval(-90), saying: "STOP")
            #expect(try await Self.consent(fixture) == ["\(Self.old) all f"])
        }
    }

    @Test func refusedMarketingCountsForAContactWithAUserIDOnly() async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign()
            try await fixture.addPerson(Self.user)
            let run = try await fixture.launch(at: Date())
            let failure = MessageOutcome.Failure(code: "131050", message: "stopped", consequence: .optOut)
            let message = try await fixture.ids(of: run)[0]
            try await MessageRepository(pool: fixture.pool)
                .takeConsent(of: [MessageOutcome(messageID: message, lease: 1, result: .failed(failure))])
            #expect(try await Self.consent(fixture) == ["\(Self.user) marketing t"])
            let keys = try await fixture.column("SELECT key FROM suppressions", as: String.self)
            #expect(keys == [Self.user], "an empty number is nobody's")
        }
    }
}
