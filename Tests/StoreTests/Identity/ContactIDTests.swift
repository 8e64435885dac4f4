import Foundation
import JSON
import Postgres
import Spec
import TestSupport
import Testing

@testable import Store

/// People are found by each of the ids that WhatsApp has for them.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct ContactIDTests {
    private static let user = "KE.40512998877"

    /// A queued message to a contact, accepted under `wamid.1`.
    private static func withMessage(_ body: (Fixture, _ contact: UUID, _ message: UUID) async throws -> Void)
        async throws
    {
        try await Fixture.with { fixture in
            let run = try await fixture.queuedRun(contacts: 1)
            let ids = try await fixture.ids(of: run)
            try await fixture.pool.execute("UPDATE campaign_messages SET \"waMessageId\" = 'wamid.1'")
            try await body(fixture, try await fixture.value("SELECT id FROM contacts"), ids[0])
        }
    }

    @Test func aReplyTeachesTheUserIDByWhichThePersonIsKnownFromThenOn() async throws {
        try await Self.withMessage { fixture, contact, _ in
            // A user id alone is nobody's.
            try await fixture.hear(.init(Self.user, userIDs: [Self.user]))
            #expect(try await fixture.heard(contact) == 0)
            try await fixture.hear(.init(Self.user, userIDs: [Self.user], repliesTo: "wamid.1"))
            #expect(try await fixture.heard(contact) == 1)
            #expect(try await fixture.learned(of: contact) == ["userId \(Self.user)"])
            try await fixture.hear(.init(Self.user, userIDs: [Self.user]), saying: "STOP")
            #expect(try await fixture.heard(contact) == 2)
            #expect(try await !fixture.value("SELECT \"optedIn\" FROM contacts"))
        }
    }

    @Test func aReplyToAMessageOfAnotherTenantFindsNobody() async throws {
        try await Self.withMessage { fixture, contact, _ in
            try await fixture.addSender("other", number: "9", tenant: "other")
            try await fixture.hear(.init(Self.user, userIDs: [Self.user], repliesTo: "wamid.1"), on: "9")
            #expect(try await fixture.heard(contact) == 0)
            #expect(try await fixture.learned(of: contact) == [])
        }
    }

    @Test func answersAndStatusesTeachIDsInAnyOrderAndAnyNumberOfTimes() async throws {
        try await Self.withMessage { fixture, contact, message in
            let learned = [
                LearnedIDs(messageID: message, waMessageID: "wamid.1", waID: "254711999999", userIDs: []),
                LearnedIDs(messageID: nil, waMessageID: "wamid.1", waID: nil, userIDs: [Self.user, "KE.ENT.7"]),
                LearnedIDs(messageID: UUID(), waMessageID: "wamid.9", waID: "254799999999", userIDs: ["KE.1"]),
            ].compactMap(\.self)
            let contacts = ContactIDRepository(pool: fixture.pool)
            try await contacts.learn(learned)
            try await contacts.learn(learned.reversed())
            try await contacts.learn(learned + learned)
            #expect(
                try await fixture.learned(of: contact)
                    == ["userId \(Self.user)", "userId KE.ENT.7", "waId 254711999999"]
            )
            for id in ["254711999999", Self.user, "KE.ENT.7", Fixture.phone(1), "+254 711 999 999"] {
                try await fixture.hear(.init(id))
            }
            #expect(try await fixture.heard(contact) == 5)
            #expect(try await fixture.value("SELECT \"contactId\" FROM contacts") == Fixture.phone(1))
            #expect(try await fixture.value("SELECT \"currentNumber\" IS NULL FROM contacts"))
        }
    }

    @Test func theNumberItselfIsNotLearned() async throws {
        try await Self.withMessage { fixture, contact, message in
            let own = LearnedIDs(messageID: message, waMessageID: "", waID: Fixture.phone(1), userIDs: [])
            try await ContactIDRepository(pool: fixture.pool).learn([try #require(own)])
            #expect(try await fixture.learned(of: contact) == [])
        }
    }

    @Test(arguments: [
        ("5511987654321", "551187654321"), ("521234567890", "5211234567890"), ("541123456789", "5491123456789"),
        ("+254700000017", "254700000017"),
    ])
    func numbersThatWhatsAppRewritesAreFoundBeforeAnythingWasLearned(stored: String, seen: String) async throws {
        try await Fixture.with { fixture in
            try await fixture.addSender("main", number: "1")
            let contact = try await fixture.addPerson(stored)
            try await fixture.hear(.init(seen))
            #expect(try await fixture.heard(contact) == 1)
            let outcomes = try await Self.fire(at: seen, in: fixture)
            #expect(outcomes[0].refused.map(\.reason) == [] && outcomes[0].matched.count == 1)
        }
    }

    private static func fire(at id: String, in fixture: Fixture) async throws -> [TriggerOutcome] {
        try await fixture.addTriggered()
        return try await fixture.fire([TriggerRequest(contactID: id, context: [:])])
    }

    @Test func anEventFindsItsContactByALearnedID() async throws {
        try await Self.withMessage { fixture, _, _ in
            try await fixture.hear(.init(Self.user, userIDs: [Self.user], repliesTo: "wamid.1"))
            let outcomes = try await Self.fire(at: Self.user, in: fixture)
            #expect(outcomes[0].matched.count == 1)
        }
    }

    @Test func twoTenantsWithOnePersonShareNothing() async throws {
        try await Self.withMessage { fixture, contact, _ in
            // One number of WhatsApp may send for two tenants.
            try await fixture.addSender("other", number: "1", tenant: "other")
            let twin = try await fixture.addPerson(Fixture.phone(1), tenant: "other")
            let stranger = try await fixture.addPerson("254722000000", tenant: "other")
            try await fixture.hear(.init(Self.user, userIDs: [Self.user], repliesTo: "wamid.1"))
            try await fixture.hear(.init(Self.user, userIDs: [Self.user]), saying: "STOP")
            #expect(try await fixture.heard(contact) == 2)
            for other in [twin, stranger] {
                #expect(try await fixture.heard(other) == 0)
                #expect(try await fixture.learned(of: other) == [])
            }
            #expect(try await fixture.value("SELECT \"optedIn\" FROM contacts WHERE id = \(twin)"))
        }
    }

    @Test func nobodyBecomesAContactUnlessTheTenantWantsIt() async throws {
        try await Fixture.with { fixture in
            try await fixture.addSender("main", number: "1")
            try await fixture.addSender("other", number: "1", tenant: "other")
            try await fixture.hear(.init("254700000001", userIDs: [Self.user]))
            #expect(try await fixture.value("SELECT count(*)::int FROM contacts") == 0)
            try await fixture.pool.execute(
                "INSERT INTO tenants (\"tenantId\", name, \"createContacts\") VALUES ('acme', 'acme', 'inbound')"
            )
            for _ in 1...2 {
                try await fixture.hear(.init("254700000001", userIDs: [Self.user], name: "Amina"))
                try await fixture.hear(.init("KE.77", userIDs: ["KE.77"]))
            }
            let rows = try await fixture.column(
                """
                SELECT concat_ws(' ', "tenantId", "contactId", name, "messageCount", "optedIn") FROM contacts ORDER BY 1
                """,
                as: String.self
            )
            #expect(rows == ["acme 254700000001 Amina 2 f", "acme KE.77 2 f"])
            // The person is known by the user id now.
            try await fixture.hear(.init(Self.user, userIDs: [Self.user]), saying: "START")
            #expect(
                try await fixture.column("SELECT \"contactId\" FROM contacts WHERE \"optedIn\"", as: String.self)
                    == ["254700000001"]
            )
        }
    }
}

/// People who have another number from now on.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct MovedContactTests {
    private static let (old, new, third) = ("254700000001", "254711111111", "254722222222")

    private static func withContact(_ body: (Fixture, UUID) async throws -> Void) async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign()
            try await body(fixture, try await fixture.addPerson(old))
        }
    }

    private static func number(_ fixture: Fixture, _ contact: UUID) async throws -> String? {
        let number: String = try await fixture.value(
            "SELECT coalesce(\"currentNumber\", '') FROM contacts WHERE id = \(contact)"
        )
        return number.isEmpty ? nil : number
    }

    @Test func messagesFollowThePersonAndTheContactStays() async throws {
        try await Self.withContact { fixture, contact in
            try await fixture.hear(.init(Self.old), saying: "STOP")
            let moved = try await fixture.move(.init(Self.old), to: Self.new)
            #expect(moved == [MovedContact(tenantID: "acme", contact: contact, other: nil)])
            #expect(try await Self.number(fixture, contact) == Self.new)
            #expect(try await fixture.value("SELECT \"contactId\" FROM contacts") == Self.old)
            #expect(try await !fixture.value("SELECT \"optedIn\" FROM contacts"), "consent stays")
            try await fixture.hear(.init(Self.new), saying: "START")
            #expect(try await fixture.value("SELECT \"optedIn\" FROM contacts"))
            let run = try await fixture.launch(at: Date())
            #expect(
                try await fixture.column(
                    "SELECT \"recipientPhone\" FROM campaign_messages WHERE \"runId\" = \(run)",
                    as: String.self
                ) == [Self.new]
            )
        }
    }

    @Test func messagesThatWaitFollowThePerson() async throws {
        try await Fixture.with { fixture in
            let run = try await fixture.queuedRun(contacts: 1)
            try await fixture.move(.init(Fixture.phone(1)), to: Self.new)
            let claimed = try await MessageRepository(pool: fixture.pool).begin(fixture.ids(of: run), lease: 1)
            #expect(claimed.map(\.recipientPhone) == [Self.new])
            #expect(try await fixture.value("SELECT \"recipientPhone\" FROM campaign_messages") == Self.new)
        }
    }

    @Test func aRepeatedOrOlderChangeDoesNothing() async throws {
        try await Self.withContact { fixture, contact in
            let now = Date()
            let first = try await fixture.move(.init(Self.old), to: Self.new, at: now)
            #expect(first.count == 1)
            #expect(try await fixture.move(.init(Self.old), to: Self.new, at: now) == [])
            #expect(try await fixture.move(.init(Self.new), to: Self.third, at: now.addingTimeInterval(9)).count == 1)
            #expect(try await fixture.move(.init(Self.old), to: Self.new, at: now) == [])
            #expect(try await Self.number(fixture, contact) == Self.third)
            // Back to the first number.
            #expect(try await fixture.move(.init(Self.third), to: Self.old, at: now.addingTimeInterval(20)).count == 1)
            #expect(try await Self.number(fixture, contact) == nil)
        }
    }

    /// Each order in which WhatsApp may report the changes of one person, each of them twice.
    @Test(arguments: [[0, 1], [1, 0], [0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]])
    func thePersonEndsAtTheNewestNumber(order: [Int]) async throws {
        let numbers = [Self.old, Self.new, Self.third, "254733333333"]
        // On to further numbers; and back to the first one.
        for ways in [numbers, [Self.old, Self.new, Self.old, Self.third]] {
            try await Self.withContact { fixture, contact in
                let now = Date()
                for index in order + order {
                    try await fixture.move(
                        .init(ways[index]),
                        to: ways[index + 1],
                        at: now.addingTimeInterval(Double(index) - 60)
                    )
                }
                let last = ways[order.count]
                #expect(try await Self.number(fixture, contact) == (last == Self.old ? nil : last), "\(ways) \(order)")
                try await fixture.hear(.init(last), saying: "STOP")
                #expect(try await !fixture.value("SELECT \"optedIn\" FROM contacts"))
            }
        }
    }

    @Test func twoReportsAtTheSameTimeFindEachOther() async throws {
        for round in 1...10 {
            try await Self.withContact { fixture, contact in
                let now = Date()
                try await withThrowingTaskGroup { group in
                    group.addTask { _ = try await fixture.move(.init(Self.old), to: Self.new, at: now - 60) }
                    group.addTask { _ = try await fixture.move(.init(Self.new), to: Self.third, at: now - 30) }
                    try await group.waitForAll()
                }
                #expect(try await Self.number(fixture, contact) == Self.third, "round \(round)")
            }
        }
    }

    /// The number of a person who has moved on may be given to another person, who moves, too.
    @Test func aLaterOwnerOfANumberIsAnotherPerson() async throws {
        try await Self.withContact { fixture, contact in
            let now = Date()
            let other = try await fixture.addPerson("254744444444")
            for (from, to, age) in [
                (Self.new, "254755555555", 10.0), ("254744444444", Self.new, 20), (Self.new, Self.third, 30),
                (Self.old, Self.new, 40),
            ] {
                try await fixture.move(.init(from), to: to, at: now.addingTimeInterval(-age))
            }
            #expect(try await Self.number(fixture, contact) == Self.third)
            #expect(try await Self.number(fixture, other) == "254755555555")
        }
    }

    @Test func theOldNumberBelongsToSomebodyElseFromThenOn() async throws {
        try await Self.withContact { fixture, contact in
            let now = Date()
            try await fixture.move(.init(Self.old), to: Self.new, at: now.addingTimeInterval(-60))
            try await fixture.hear(.init(Self.old), at: now, saying: "STOP")
            #expect(try await fixture.heard(contact) == 0)
            // What was written before the change, and comes late, is the person's own.
            try await fixture.hear(.init(Self.old), at: now.addingTimeInterval(-90), saying: "STOP")
            #expect(try await fixture.heard(contact) == 1)
            #expect(try await !fixture.value("SELECT \"optedIn\" FROM contacts"))
        }
    }

    @Test func aMessageInTheSameReportIsThePersonsOwn() async throws {
        try await Self.withContact { fixture, contact in
            let now = Date()
            var report = InboundReport()
            report.moves = [
                InboundReport.Move(phoneNumberID: "1", person: .init(Self.old), number: Self.new, at: now)
            ]
            report.messages = [(Self.old, -5.0), (Self.new, 5)].map { number, offset in
                InboundReport.Message(
                    id: number,
                    phoneNumberID: "1",
                    from: number,
                    at: now.addingTimeInterval(offset),
                    texts: ["hi"]
                )
            }
            try await InboundRepository(pool: fixture.pool).apply(report)
            #expect(try await fixture.heard(contact) == 2)
        }
    }

    @Test func twoContactsOfOnePersonNeverGetAMessageOnOneNumber() async throws {
        try await Self.withContact { fixture, contact in
            let other = try await fixture.addPerson("+" + Self.new)
            try await fixture.hear(.init(Self.old), saying: "STOP")
            let moved = try await fixture.move(.init(Self.old), to: Self.new)
            #expect(moved == [MovedContact(tenantID: "acme", contact: contact, other: other)])
            #expect(try await Self.number(fixture, contact) == nil, "messages to the other one reach the person")
            #expect(try await !fixture.value("SELECT \"optedIn\" FROM contacts WHERE id = \(other)"))
            // Both are the person.
            try await fixture.hear(.init(Self.new), saying: "START")
            #expect(try await fixture.value("SELECT bool_and(\"optedIn\") FROM contacts"))
        }
    }
}

/// People of whom only a business-scoped user id is known.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct UserIDContactTests {
    @Test func messagesGoToTheUserIDUntilANumberIsKnown() async throws {
        try await Fixture.with { fixture in
            try await fixture.addCampaign()
            let contact = try await fixture.addPerson("KE.40512")
            let run = try await fixture.launch(at: Date())
            #expect(try await fixture.value("SELECT \"recipientPhone\" FROM campaign_messages") == "")
            try await fixture.pool.execute("UPDATE campaign_messages SET status = 'queued'")
            let claimed = try await MessageRepository(pool: fixture.pool).begin(fixture.ids(of: run), lease: 1)
            #expect(claimed.map(\.address) == ["KE.40512"])
            try await fixture.hear(.init("254700000009", userIDs: ["KE.40512"]))
            #expect(try await fixture.heard(contact) == 1)
            #expect(try await fixture.value("SELECT \"currentNumber\" FROM contacts") == "254700000009")
            try await fixture.addCampaign("second")
            let second = try await fixture.launch("second", at: Date())
            #expect(
                try await fixture.value("SELECT \"recipientPhone\" FROM campaign_messages WHERE \"runId\" = \(second)")
                    == "254700000009"
            )
            // The user id goes on naming the contact.
            try await fixture.hear(.init("KE.40512"))
            #expect(try await fixture.heard(contact) == 2)
        }
    }
}
