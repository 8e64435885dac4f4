import Foundation
import Postgres
import Spec
import TestSupport
import Testing

@testable import Store

/// Events, contacts and statements about consent go when they are past the retention of their tenant.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct PeopleRetentionTests {
    @Test func nothingGoesWithoutARetention() async throws {
        try await Fixture.with { fixture in
            try await fixture.setPolicy("{}")
            #expect(try await RetentionRepository(pool: fixture.pool).orders().isEmpty)
            try await fixture.setRetention(#"{"events":"7d"}"#)
            #expect(try await RetentionRepository(pool: fixture.pool).orders().map(\.kind) == [.events])
            try await fixture.pool.execute("UPDATE tenants SET \"archivedAt\" = now()")
            #expect(try await RetentionRepository(pool: fixture.pool).orders().isEmpty, "the spec is gone")
        }
    }

    @Test func eventsOfTheTenantGo() async throws {
        try await Fixture.with { fixture in
            for tenant in ["acme", "other"] {
                try await fixture.pool.execute(
                    """
                    INSERT INTO trigger_events (id, "tenantId", event, "contactId", answer, "createdAt")
                    SELECT gen_random_uuid(), \(tenant), 'e', '1', '{}', now() - n * interval '1 day'
                    FROM generate_series(1, 20) n
                    """
                )
            }
            try await fixture.setRetention(#"{"events":"15d"}"#)
            #expect(try await fixture.retain(.events, size: 4) == [4, 2])
            #expect(try await fixture.retain(.events, size: 4) == [])
            try await fixture.pool.execute("UPDATE tenants SET retention = '{\"events\":\"10d\"}'")
            #expect(try await fixture.retain(.events) == [5], "the time in between")
            #expect(try await fixture.count("trigger_events", "\"tenantId\" = 'acme'") == 9)
            #expect(try await fixture.count("trigger_events", "\"tenantId\" = 'other'") == 20)
        }
    }

    @Test func contactsOutOfTouchLoseTheirData() async throws {
        try await Fixture.with { fixture in
            let (_, _) = try await fixture.sentCampaign(contacts: 6)
            try await fixture.addContacts(1, tenant: "other")
            try await fixture.age(500)
            try await fixture.ageContacts(500)
            let recent: [String: PostgresQuery] = [
                Fixture.phone(2): "\"lastSeen\" = now() - interval '10 days'",
                Fixture.phone(3): "\"updatedAt\" = now() - interval '10 days'",
            ]
            for (phone, assignment) in recent {
                try await fixture.pool.execute(
                    "UPDATE contacts SET \(fragment: assignment) WHERE \"contactId\" = \(phone)"
                )
            }
            // One got a message lately.
            try await fixture.pool.execute(
                """
                UPDATE campaign_messages SET "sentAt" = now() - interval '20 days'
                WHERE "contactId" = (SELECT id FROM contacts WHERE "contactId" = \(Fixture.phone(4)))
                """
            )
            try await fixture.setRetention(#"{"contacts":"400d"}"#)
            #expect(try await fixture.retain(.contacts, size: 2) == [1, 2])
            let left: [String] = try await fixture.column(
                "SELECT \"contactId\" FROM contacts WHERE \"tenantId\" = 'acme' AND \"erasedAt\" IS NULL ORDER BY 1"
            )
            #expect(left == [2, 3, 4].map(Fixture.phone))
            #expect(try await fixture.count("contacts", "name IS NULL") == 3)
            // Old messages stay without their numbers, as this tenant keeps messages.
            #expect(try await fixture.count("campaign_messages", "\"recipientPhone\" = ''") == 3)
            #expect(try await fixture.count("campaign_messages") == 6)
            // The next round begins a day later.
            try await fixture.ageContacts(500)
            #expect(try await fixture.retain(.contacts) == [])
            try await fixture.pool.execute(
                "UPDATE retention_progress SET \"doneUntil\" = \"doneUntil\" - interval '1 day'"
            )
            #expect(try await fixture.retain(.contacts) == [2])
        }
    }

    /// An opt-out holds for a contact who comes back, whatever wrote it.
    @Test func whoHasOptedOutStaysOut() async throws {
        try await Fixture.with { fixture in
            try await fixture.addContacts(3)
            try await fixture.hear(Fixture.phone(1), "STOP")
            try await fixture.pool.execute(
                "UPDATE contacts SET \"optedIn\" = false WHERE \"contactId\" = \(Fixture.phone(2))"
            )
            try await fixture.hear(Fixture.phone(3), "STOP", at: -100)
            try await fixture.hear(Fixture.phone(3), "START")
            try await fixture.pool.execute(
                """
                UPDATE contacts SET "createdAt" = now() - interval '3 years', "updatedAt" = now() - interval '3 years',
                    "optedInAt" = "optedInAt" - interval '3 years', "optedOutAt" = "optedOutAt" - interval '3 years',
                    "lastSeen" = NULL
                """
            )
            try await fixture.setRetention(#"{"contacts":"90d"}"#)
            #expect(try await fixture.retain(.contacts) == [3])
            #expect(try await fixture.level(of: Fixture.phone(1)) == .all)
            #expect(try await fixture.level(of: Fixture.phone(2)) == .all)
            #expect(try await fixture.consents.find(Fixture.phone(2), tenant: "acme")?.source == "retention")
            #expect(try await fixture.count("suppressions") == 2, "one had agreed again")
            let keys: [String] = try await fixture.column("SELECT DISTINCT key FROM consent_changes ORDER BY 1")
            #expect(keys == [1, 2].map(Fixture.phone))
            try await fixture.addContacts(3)
            let consents = [
                try await fixture.consent(of: Fixture.phone(1)), try await fixture.consent(of: Fixture.phone(2)),
                try await fixture.consent(of: Fixture.phone(3)),
            ]
            #expect(consents == ["out", "out", "in"])
        }
    }

    /// A crash after the contacts were emptied leaves messages to the sweep of erasures.
    @Test func aSweepFinishesTheMessages() async throws {
        try await Fixture.with { fixture in
            let (_, _) = try await fixture.sentCampaign(contacts: 2)
            try await fixture.age(500)
            try await fixture.ageContacts(500)
            try await fixture.setRetention(#"{"contacts":"90d"}"#)
            try await fixture.failing("\"recipientPhone\" <> ''", on: "campaign_messages") {
                try await fixture.retain(.contacts)
            }
            #expect(try await fixture.count("contacts", "\"erasedAt\" IS NOT NULL") == 2)
            #expect(try await fixture.count("campaign_messages", "\"recipientPhone\" = ''") == 0)
            try await ContactErasure(pool: fixture.pool, key: nil).sweep(hours: 1)
            #expect(try await fixture.count("campaign_messages", "\"recipientPhone\" = ''") == 2)
        }
    }

    @Test func theLastStatementOfEachLevelStays() async throws {
        try await Fixture.with { fixture in
            for (time, text) in [(0, "STOP"), (1, "START"), (2, "stop"), (3, "resume"), (4, "stop"), (5, "STOP")] {
                try await fixture.hear(Fixture.phone(1), text, at: Double(time))
            }
            try await fixture.hear(Fixture.phone(2), "STOP")
            try await fixture.hear(Fixture.phone(3), "START")
            try await fixture.hear(Fixture.phone(3), "STOP", at: 1)
            try await fixture.pool.execute(
                """
                UPDATE consent_changes SET at = at - interval '1 year', "recordedAt" = now() - interval '1 year'
                WHERE key <> \(Fixture.phone(3))
                """
            )
            try await fixture.setRetention(#"{"consents":"100d"}"#)
            #expect(try await fixture.retain(.consents, size: 1) == [4])
            let left: [String] = try await fixture.column(
                """
                SELECT right(key, 1) || ' ' || level || ' ' || "isOptedIn" FROM consent_changes ORDER BY key, at
                """
            )
            #expect(left == ["1 marketing false", "1 all false", "2 all false", "3 all true", "3 all false"])
            #expect(try await fixture.level(of: Fixture.phone(1)) == .all)
        }
    }
}
