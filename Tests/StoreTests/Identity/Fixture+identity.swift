import Foundation
import Postgres
import Spec

@testable import Store

extension Fixture {
    /// Adds a sender with a number of its own.
    @discardableResult
    func addSender(_ name: String, number: String, tenant: String = "acme") async throws -> UUID {
        try await value(
            """
            INSERT INTO senders ("tenantId", name, "phoneNumberId", "accessToken", "ratePerSecond", "quotaGroup")
            VALUES (\(tenant), \(name), \(number), 'env:TOKEN', 80, \("group-" + name)) RETURNING id
            """
        )
    }

    @discardableResult
    func addPerson(_ id: String, tenant: String = "acme") async throws -> UUID {
        try await value(
            "INSERT INTO contacts (\"tenantId\", \"contactId\") VALUES (\(tenant), \(id)) RETURNING id"
        )
    }

    /// Takes a message of a person in.
    @discardableResult
    func hear(
        _ person: InboundReport.Person,
        at time: Date = Date(),
        on number: String = "1",
        saying text: String = "hello"
    ) async throws -> InboundRepository.Effects {
        var report = InboundReport()
        report.messages = [
            InboundReport.Message(
                id: UUID().uuidString,
                phoneNumberID: number,
                person: person,
                at: time,
                texts: [text]
            )
        ]
        return try await InboundRepository(pool: pool).apply(report)
    }

    /// Takes a change of number in.
    @discardableResult
    func move(_ person: InboundReport.Person, to number: String, at time: Date = Date()) async throws -> [MovedContact]
    {
        var report = InboundReport()
        report.moves = [InboundReport.Move(phoneNumberID: "1", person: person, number: number, at: time)]
        return try await InboundRepository(pool: pool).apply(report).moved
    }

    /// Messages that a contact has sent us.
    func heard(_ contact: UUID) async throws -> Int {
        try await value("SELECT \"messageCount\" FROM contacts WHERE id = \(contact)")
    }

    /// The ids that were learned of a contact, in their order, as `kind id`.
    func learned(of contact: UUID) async throws -> [String] {
        try await column("SELECT kind || ' ' || id FROM contact_ids WHERE \"contactId\" = \(contact) ORDER BY 1")
    }
}
