import Foundation
import JSON
import Postgres
import Spec
import TestSupport
import Testing

@testable import Store

/// Erasing people: what goes, what stays, and who stays opted out.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct ErasureTests {
    private static let key = ErasureKey(String(repeating: "k", count: 32))
    private static let number = "254700000001"
    /// What the tests write about a person, in none of which a test without a person would be.
    private static let traces = [
        number, "Amina Erasable", "amina@erasable.example", "gold-erasable", "context-erasable",
    ]

    /// Makes a person with messages in each status, events, consent, ids, and webhooks under way.
    private static func addPerson(to fixture: Fixture) async throws -> (contact: UUID, run: UUID) {
        let run = try await fixture.queuedRun(contacts: 3)
        try await fixture.addTriggered()
        try await fixture.addContacts(1, tenant: "other")
        let contact: UUID = try await fixture.value(
            """
            UPDATE contacts SET name = 'Amina Erasable', email = 'amina@erasable.example', tags = '{gold-erasable}',
                metadata = '{"plan":"gold-erasable"}'
            WHERE "tenantId" = 'acme' AND "contactId" = \(number) RETURNING id
            """
        )
        let event = TriggerRequest(contactID: "+" + number, context: ["text": "context-erasable"], eventID: "order-1")
        #expect(try await fixture.fire([event])[0].matched.count == 1)
        // A campaign for each further status.
        for status in MessageStatus.allCases where !MessageStatus.waiting.contains(status) {
            try await fixture.addCampaign(status.rawValue)
            let other = try await fixture.launch(status.rawValue, at: Date())
            try await fixture.pool.execute(
                """
                UPDATE campaign_messages SET status = \(status), "waMessageId" = 'wamid.' || id, context = '{"a":"context-erasable"}',
                    "errorMessage" = 'to ' || "recipientPhone" WHERE "runId" = \(other) AND "contactId" = \(contact)
                """
            )
            try await fixture.pool.execute(
                """
                UPDATE campaign_runs SET pending = pending - 1,
                    \(identifier: status.rawValue) = \(identifier: status.rawValue) + 1 WHERE id = \(other)
                """
            )
        }
        try await fixture.pool.execute(
            """
            INSERT INTO message_failures ("tenantId", "messageId", attempt, "errorCode", "errorMessage")
            SELECT 'acme', id, 1, '131026', 'to ' || "recipientPhone" FROM campaign_messages WHERE "contactId" = \(contact)
            """
        )
        try await fixture.pool.execute(
            """
            INSERT INTO webhook_inbox ("waMessageId", status, "occurredAt", "errorMessage")
            SELECT "waMessageId", 'failed', now(), 'to ' || "recipientPhone" FROM campaign_messages
            WHERE "contactId" = \(contact) AND "waMessageId" IS NOT NULL
            """
        )
        for (tenant, body) in [("acme", number), ("acme", "254700000002"), ("other", number)] {
            try await fixture.pool.execute(
                """
                INSERT INTO webhook_forwards ("tenantId", signature, body)
                VALUES (\(tenant), 'sha256=', convert_to('{"from":"' || \(body) || '"}', 'UTF8'))
                """
            )
        }
        try await ContactIDRepository(pool: fixture.pool).learn([
            ContactID(contact: contact, kind: .userID, id: "KE.\(number)")
        ])
        return (contact, run)
    }

    /// The tables of a tenant in which a text stands; `webhook_forwards` is read as text.
    private static func tables(with text: String, tenant: String, in fixture: Fixture) async throws -> [String] {
        let names: [String] = try await fixture.column(
            "SELECT table_name::text FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'tenantId'"
        )
        var found: [String] = []
        for name in names + ["webhook_inbox"] {
            let row: PostgresQuery = name == "webhook_forwards" ? "convert_from(t.body, 'UTF8')" : "t::text"
            let own: PostgresQuery = name == "webhook_inbox" ? "true" : "t.\"tenantId\" = \(tenant)"
            let count: Int = try await fixture.value(
                """
                SELECT count(*) FROM \(identifier: name) t
                WHERE \(fragment: own) AND position(\(text)::text IN \(fragment: row)) > 0
                """
            )
            if count > 0 { found.append(name) }
        }
        return found.sorted()
    }

    private static func erase(_ id: String = "+254 700 000 001", in fixture: Fixture) async throws
        -> ContactErasure.Result
    {
        try await ContactErasure(pool: fixture.pool, key: key).erase(id, tenant: "acme")
    }

    @Test func nothingOfAPersonStaysButCountsAndTheRowsOfOthers() async throws {
        try await Fixture.with { fixture in
            let (contact, run) = try await Self.addPerson(to: fixture)
            try await fixture.hear(Self.number, "STOP")
            let before = try await Self.tables(with: Self.number, tenant: "acme", in: fixture)
            #expect(
                before == [
                    "campaign_messages", "consent_changes", "contact_ids", "contacts", "message_failures",
                    "suppressions",
                    "trigger_events", "webhook_forwards", "webhook_inbox",
                ]
            )
            let exported = try #require(try await ContactExport(pool: fixture.pool).text(Self.number, tenant: "acme"))
            for trace in Self.traces { #expect(exported.contains(trace), "\(trace) is exported") }
            let other = try await Self.tables(with: Self.number, tenant: "other", in: fixture)
            let total: Int = try await fixture.value("SELECT count(*) FROM campaign_messages")

            let result = try await Self.erase(in: fixture)
            #expect(result.contacts == 1 && result.keepsOptOut)
            #expect(result.messages == 2 + MessageStatus.allCases.count - MessageStatus.waiting.count)
            for trace in Self.traces {
                let tables = try await Self.tables(with: trace, tenant: "acme", in: fixture)
                #expect(tables.isEmpty, "\(trace) in \(tables)")
            }
            #expect(try await Self.tables(with: Self.number, tenant: "other", in: fixture) == other)
            #expect(try await fixture.value("SELECT count(*) FROM campaign_messages") == total)
            #expect(try await fixture.value("SELECT count(*) FROM webhook_forwards WHERE \"tenantId\" = 'acme'") == 1)
            // Both that waited are cancelled, and the others are as they were.
            let counts: [String] = try await fixture.column(
                "SELECT status::text FROM campaign_messages WHERE \"contactId\" = \(contact) ORDER BY 1"
            )
            let rest = MessageStatus.allCases.filter { !MessageStatus.waiting.contains($0) }.map(\.rawValue)
            #expect(counts == (rest + ["cancelled", "cancelled"]).sorted())
            for run in try await fixture.column("SELECT id FROM campaign_runs", as: UUID.self) {
                let (counted, rows) = try await fixture.counters(of: run)
                #expect(counted == rows)
            }
            let left = try await fixture.counters(of: run).counted
            #expect(left[.queued] == 2 && left[.cancelled] == 1)

            let again = try await Self.erase(in: fixture)
            #expect(again.isEmpty && again.messages == 0)
            #expect(try await ContactExport(pool: fixture.pool).text(Self.number, tenant: "acme") == nil)
        }
    }

    @Test func anOptOutHoldsAtTheNextImportAndCall() async throws {
        try await Fixture.with { fixture in
            try await fixture.addContact(Self.number)
            try await fixture.addContact("254700000002")
            try await fixture.hear(Self.number, "STOP")
            #expect(try await Self.erase(in: fixture).keepsOptOut)
            #expect(try await !Self.erase("254700000002", in: fixture).keepsOptOut)
            let contacts = ContactRepository(pool: fixture.pool, erasureKey: Self.key)
            let changes = [Self.number, "254700000002"].map { ContactChange(contactID: $0, values: [.optedIn: true]) }
            // The same call without the key, and with another one.
            for key in [nil, ErasureKey(String(repeating: "x", count: 32))] {
                await #expect(throws: ErasureError.self) {
                    try await ContactRepository(pool: fixture.pool, erasureKey: key).put(
                        changes,
                        tenant: "acme",
                        by: .daemon
                    )
                }
                await #expect(throws: ErasureError.self) { try await Self.importAgain(key, in: fixture) }
            }
            #expect(try await contacts.put(changes, tenant: "acme", by: .daemon) == [.optedOut, .created])
            #expect(try await fixture.audience() == ["254700000002"])
            let result = try await Self.importAgain(Self.key, in: fixture)
            #expect(result.inserted == 1 && result.consent.optedOut == 1)
            #expect(try await fixture.consent(of: Self.number) == "out")
            // Another tenant needs no key.
            _ = try await ContactRepository(pool: fixture.pool).put(changes, tenant: "other", by: .daemon)
            // The person agrees again, and stays opted in after the next import.
            try await fixture.hear(Self.number, "START", at: 60)
            _ = try await Self.importAgain(Self.key, in: fixture)
            #expect(try await fixture.consent(of: Self.number) == "in")
            // Erased again, the person may come back: the last word was a consent.
            #expect(try await !Self.erase(in: fixture).keepsOptOut)
            _ = try await Self.importAgain(nil, in: fixture)
            #expect(try await fixture.consent(of: Self.number) == "in")
        }
    }

    private static func importAgain(_ key: ErasureKey?, in fixture: Fixture) async throws -> ContactImportResult {
        var batch = ContactImportBatch(firstNumber: 1)
        batch.beginRow()
        for cell in [number, "true"] { batch.append(cell.utf8) }
        batch.endRow()
        let file = batch
        return try await ContactImportRepository(pool: fixture.pool, erasureKey: key).run(
            tenant: "acme",
            columns: [.contactId, .optedIn],
            batches: AsyncStream { continuation in
                continuation.yield(file)
                continuation.finish()
            }
        )
    }

    @Test func whatComesLaterBringsNothingBack() async throws {
        try await Fixture.with { fixture in
            let (contact, run) = try await Self.addPerson(to: fixture)
            let messages = MessageRepository(pool: fixture.pool)
            let id = try await fixture.ids(of: run)[0]
            #expect(try await messages.begin([id], lease: 1).map(\.id) == [id])
            _ = try await Self.erase(in: fixture)
            #expect(try await fixture.status(of: id) == .sending, "what is under way ends as it would")
            // The answer, its ids, and a late report; then the sweep of a daemon.
            try await fixture.pool.execute(
                """
                UPDATE campaign_messages SET "waMessageId" = 'wamid.late', "recipientPhone" = \(Self.number) WHERE id = \(id)
                """
            )
            let learned = LearnedIDs(messageID: id, waMessageID: "wamid.late", waID: Self.number, userIDs: ["KE.1"])
            try await ContactIDRepository(pool: fixture.pool).learn([learned].compactMap(\.self))
            try await fixture.pool.execute("UPDATE contacts SET name = 'Amina Erasable' WHERE id = \(contact)")
            _ = try await fixture.hear(InboundReport.Person(Self.number, name: "Amina Erasable"))
            try await ContactErasure(pool: fixture.pool, key: nil).sweep()
            for trace in Self.traces {
                let tables = try await Self.tables(with: trace, tenant: "acme", in: fixture)
                #expect(tables.isEmpty, "\(trace) in \(tables)")
            }
        }
    }

    @Test func rowsThatWereMergedAndPeopleWhoAreNoContactsAreErased() async throws {
        try await Fixture.with { fixture in
            try await fixture.addContact(Self.number)
            try await fixture.addContact("254700000002")
            _ = try await ContactDuplicates(pool: fixture.pool).merge("254700000002", into: Self.number, tenant: "acme")
            #expect(try await Self.erase("254700000002", in: fixture).contacts == 2)
            #expect(
                try await fixture.column("SELECT \"contactId\" FROM contacts", as: String.self).allSatisfy {
                    $0.hasPrefix("erased:")
                }
            )
            try await fixture.hear("254700000003", "STOP")
            let stranger = try await Self.erase("254700000003", in: fixture)
            #expect(stranger.contacts == 0 && stranger.others == 2 && stranger.keepsOptOut)
            await #expect(throws: ErasureError.noKey) {
                try await ContactErasure(pool: fixture.pool, key: nil).erase(Self.number, tenant: "acme")
            }
            #expect(ErasureKey(String(repeating: "k", count: 31)) == nil)
        }
    }
}
