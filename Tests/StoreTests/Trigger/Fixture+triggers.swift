import Foundation
import JSON
import Postgres
import Spec
import Testing

@testable import Store

extension Fixture {
    static let everybody = #"{"logic":"AND","conditions":[]}"#

    /// The name of a contact of ``addContacts(_:inWindow:tenant:at:)``.
    static func phone(_ number: Int) -> String { String(254_700_000_000 + number) }

    /// Adds a campaign that waits for `payment.overdue`, as a spec makes it.
    @discardableResult
    func addTriggered(
        _ name: String = "overdue",
        match: String? = nil,
        cooldown: String? = nil,
        message: String = #"{"type":"template"}"#,
        filter: String = everybody
    ) async throws -> UUID {
        let campaign = try await addCampaign(name, type: "event_triggered", message: message, filter: filter)
        try await pool.execute(
            """
            UPDATE campaigns SET "triggerType" = 'payment.overdue', "triggerConfig" = \(match.map(PostgresJSON.init(text:)))
            WHERE id = \(campaign)
            """
        )
        try await pool.execute(
            """
            INSERT INTO campaign_triggers ("tenantId", "campaignId", event, match, cooldown)
            VALUES ('acme', \(campaign), 'payment.overdue', \(match.map(PostgresJSON.init(text:))), \(cooldown))
            """
        )
        return campaign
    }

    func fire(_ requests: [TriggerRequest], event: String = "payment.overdue") async throws -> [TriggerOutcome] {
        try await TriggerRepository(pool: pool).fire(requests, event: event, tenant: "acme", now: Date())
    }

    /// The names of the campaigns that take an event with such a context.
    func campaigns(taking context: JSONValue?, event: String = "payment.overdue") async throws -> [String] {
        let request = TriggerRequest(contactID: Self.phone(1), context: context)
        return try await fire([request], event: event)[0].matched.map(\.campaign).sorted()
    }
}
