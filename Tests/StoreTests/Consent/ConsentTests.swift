import Foundation
import Postgres
import Spec
import TestSupport
import Testing

@testable import Store

/// What people say about messages: it counts until something later, whoever writes the table of contacts.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct ConsentTests {
    /// All orders in which three statements can come in.
    private static let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]

    /// The last statements of a person at the times 0, 1 and 2, and the consent after them.
    private static let stories: [([String], String)] = [
        (["STOP", "START", "STOP"], "out"), (["START", "STOP", "START"], "in"),
        (["stop", "resume", "stop"], "no marketing"),
        (["stop", "STOP", "START"], "in"), (["STOP", "START", "stop"], "no marketing"),
        (["stop", "resume", "STOP"], "out"),
        // WhatsApp's setting is about marketing messages only.
        (["START", "STOP", "resume"], "out"), (["stop", "STOP", "resume"], "out"),
    ]

    @Test func theLastStatementCountsInWhateverOrderTheyComeIn() async throws {
        try await Fixture.with(connections: 2) { fixture in
            for (story, consent) in Self.stories {
                for order in Self.orders {
                    let contact = "254\(Int.random(in: 100_000_000...999_999_999))"
                    try await fixture.addContact(contact)
                    let stranger = "2547\(Int.random(in: 100_000_000...999_999_999))"
                    for time in order {
                        // Webhooks come twice.
                        for _ in 1...2 {
                            try await fixture.hear(contact, story[time], at: Double(time))
                            try await fixture.hear("+" + stranger, story[time], at: Double(time))
                        }
                    }
                    #expect(try await fixture.consent(of: contact) == consent, "\(story) came as \(order)")
                    try await fixture.addContact(stranger)
                    #expect(try await fixture.consent(of: stranger) == consent, "\(story) came as \(order)")
                    #expect(try await fixture.consents.history(of: contact, tenant: "acme").changes.count == 3)
                }
            }
        }
    }

    @Test func ofTwoStatementsAtTheSameTimeTheOptOutCounts() async throws {
        try await Fixture.with(connections: 2) { fixture in
            for (number, story) in [["STOP", "START"], ["START", "STOP"]].enumerated() {
                let contact = Fixture.phone(number)
                try await fixture.addContact(contact)
                for text in story { try await fixture.hear(contact, text) }
                #expect(try await fixture.consent(of: contact) == "out")
            }
        }
    }

    @Test(arguments: [
        ("254700000001", "+254 700 000 001"), ("+254700000001", "254700000001"), ("00254700000001", "254700000001"),
        ("5511987654321", "551187654321"), ("551187654321", "5511987654321"), ("+525512345678", "5215512345678"),
        ("541123456789", "+5491123456789"), ("US.13491208655302741918", "US.13491208655302741918"),
    ])
    func aPersonIsFoundByAnySpelling(stored: String, said: String) async throws {
        try await Fixture.with(connections: 2) { fixture in
            try await fixture.addContact(stored)
            try await fixture.hear(said, "STOP")
            #expect(try await fixture.consent(of: stored) == "out")
            #expect(try await fixture.level(of: stored) == .all)
            try await fixture.hear(stored, "START", at: 1)
            #expect(try await fixture.consent(of: stored) == "in")
            try await fixture.pool.execute("DELETE FROM contacts")
            try await fixture.hear(said, "stop", at: 2)
            try await fixture.addContact(stored)
            #expect(try await fixture.consent(of: stored) == "no marketing")
        }
    }

    @Test func anotherWriterOfTheTableUndoesNothing() async throws {
        try await Fixture.with(connections: 2) { fixture in
            try await fixture.addContacts(3)
            try await fixture.hear(Fixture.phone(1), "STOP")
            try await fixture.hear(Fixture.phone(2), "stop")
            try await fixture.pool.execute("UPDATE contacts SET \"optedIn\" = true, \"optedInAt\" = now()")
            #expect(try await fixture.audience() == [Fixture.phone(3)])
            #expect(try await fixture.audience(.utility) == [Fixture.phone(2), Fixture.phone(3)])
            // The same webhook once more changes nothing, and a later one is recorded.
            try await fixture.hear(Fixture.phone(1), "STOP")
            try await fixture.hear(Fixture.phone(2), "stop", at: 1)
            #expect(try await fixture.audience() == [Fixture.phone(3)])
            // Removed and added again.
            try await fixture.pool.execute("DELETE FROM contacts")
            try await fixture.addContacts(3)
            #expect(try await fixture.audience() == [Fixture.phone(3)])
            try await fixture.pool.execute(
                "INSERT INTO contacts (\"tenantId\", \"contactId\") VALUES ('acme', '+' || \(Fixture.phone(1)))"
            )
            #expect(try await fixture.audience() == [Fixture.phone(3)])
        }
    }

    @Test func aContactWithAnotherNumberKeepsItsOptOutAndGetsThatOfTheNumber() async throws {
        try await Fixture.with(connections: 2) { fixture in
            try await fixture.addContacts(2)
            try await fixture.hear(Fixture.phone(1), "STOP")
            try await fixture.hear("254711111111", "stop")
            for (number, id) in [(1, "254722222222"), (2, "254711111111")] {
                try await fixture.pool.execute(
                    "UPDATE contacts SET \"contactId\" = \(id) WHERE \"contactId\" = \(Fixture.phone(number))"
                )
            }
            #expect(try await fixture.consent(of: "254722222222") == "out")
            #expect(try await fixture.consent(of: "254711111111") == "no marketing")
        }
    }

    @Test func aContactWhomAnotherSystemOptedOutMayBeOptedInByAPerson() async throws {
        try await Fixture.with(connections: 2) { fixture in
            try await fixture.addContacts(1)
            #expect(try await fixture.consents.hasOptedOut(Fixture.phone(1), tenant: "acme") == false)
            try await fixture.pool.execute("UPDATE contacts SET \"optedIn\" = false")
            #expect(try await fixture.consents.hasOptedOut("+" + Fixture.phone(1), tenant: "acme"))
            try await fixture.hear(Fixture.phone(1), "START")
            #expect(try await fixture.audience() == [Fixture.phone(1)])
        }
    }

    @Test func tenantsShareNothing() async throws {
        try await Fixture.with(connections: 2) { fixture in
            try await fixture.addContacts(1)
            try await fixture.addContacts(1, tenant: "globex")
            try await fixture.hear(Fixture.phone(1), "STOP", tenant: "globex")
            #expect(try await fixture.audience() == [Fixture.phone(1)])
            #expect(try await fixture.level(of: Fixture.phone(1)) == nil)
            #expect(try await fixture.level(of: Fixture.phone(1), tenant: "globex") == .all)
            #expect(try await fixture.consents.list(tenant: "acme", limit: 10).total == 0)
            #expect(try await fixture.consents.history(of: Fixture.phone(1), tenant: "acme").changes.isEmpty)
        }
    }

    /// A contact who is being added does not see the opt-out, and the opt-out does not see the contact.
    @Test func anOptOutHoldsForAContactWhoWasBeingAdded() async throws {
        try await Fixture.with(connections: 3) { fixture in
            try await fixture.pool.transaction { connection in
                try await connection.execute(
                    "INSERT INTO contacts (\"tenantId\", \"contactId\") VALUES ('acme', \(Fixture.phone(1)))"
                )
                try await fixture.hear(Fixture.phone(1), "STOP")
            }
            #expect(try await fixture.consent(of: Fixture.phone(1)) == "in")
            #expect(try await fixture.consents.suppressMissed(within: .seconds(60)) == 1)
            #expect(try await fixture.consent(of: Fixture.phone(1)) == "out")
            #expect(try await fixture.consents.suppressMissed(within: .seconds(60)) == 0)
        }
    }

    @Test func theListAndTheHistorySaySourceAndActor() async throws {
        try await Fixture.with(connections: 2) { fixture in
            try await fixture.addContacts(1)
            try await fixture.hear(Fixture.phone(1), "stop", at: 5)
            let statement = ConsentStatement(
                tenantID: "acme",
                ids: ["+254 700 000 001", "US.1"],
                .all,
                isOptedIn: false,
                source: .command,
                actor: .command("ana"),
                reason: "wrote a letter",
                at: Fixture.now.addingTimeInterval(9)
            )
            try await fixture.consents.record([statement])
            let (found, total) = try await fixture.consents.list(tenant: "acme", limit: 10)
            #expect(total == 2 && found.map(\.key) == [Fixture.phone(1), "US.1"])
            for record in found {
                #expect(record.level == .all && record.since == statement.at && record.source == "command")
                #expect(record.actor == .command("ana") && record.reason == "wrote a letter")
            }
            #expect(
                try await fixture.consents.list(tenant: "acme", page: 2, limit: 1).suppressions.map(\.key) == ["US.1"]
            )
            let history = try await fixture.consents.history(of: "00254700000001", tenant: "acme")
            #expect(history.changes.map(\.source) == ["command", "preference"])
            #expect(history.contacts.map(\.isOptedIn) == [false])
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func statementsOfManyWebhooksAtOnceDoNotBlockEachOther() async throws {
        try await Fixture.with(connections: 8) { fixture in
            try await fixture.addContacts(20)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for worker in 0..<6 {
                    group.addTask {
                        for round in 0..<30 {
                            let numbers = (1...20).shuffled().prefix(8)
                            let statements = numbers.map { number in
                                ConsentStatement(
                                    tenantID: "acme",
                                    ids: [Fixture.phone(number)],
                                    Bool.random() ? .all : .marketing,
                                    isOptedIn: Bool.random(),
                                    source: .message,
                                    at: Fixture.now.addingTimeInterval(Double(round * 6 + worker))
                                )
                            }
                            try await fixture.consents.record(statements)
                        }
                    }
                }
                try await group.waitForAll()
            }
            let wrong: Int = try await fixture.value(
                """
                SELECT count(*) FROM contacts c JOIN suppressions s ON s.key = c."contactId"
                WHERE c."suppressedLevel" IS DISTINCT FROM s.level OR (s.level = 'all') = c."optedIn"
                """
            )
            #expect(wrong == 0)
        }
    }
}
