import Foundation
import JSON
import Postgres
import Spec
import TestSupport
import Testing

@testable import Store

/// Webhooks about a person after an erasure, and writes that were under way during it.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct LateReportTests {
    private static let key = ErasureKey(String(repeating: "k", count: 32))
    private static let (number, user) = ("254700000001", "KE.40512998877")

    private static func erase(_ id: String, _ fixture: Fixture) async throws -> ContactErasure.Result {
        try await ContactErasure(pool: fixture.pool, key: key).erase(id, tenant: "acme")
    }

    /// A person with a sent message, who is erased.
    private static func withErased(_ body: (Fixture, _ message: UUID) async throws -> Void) async throws {
        try await Fixture.with { fixture in
            try await fixture.addContacts(2, inWindow: 2, at: Date())
            try await fixture.addCampaign()
            let run = try await fixture.launch(at: Date())
            try await fixture.send(run, isCompleted: false)
            let contact: UUID = try await fixture.value("SELECT id FROM contacts WHERE \"contactId\" = \(number)")
            let ids = [ContactID(contact: contact, kind: .userID, id: user)]
            try await ContactIDRepository(pool: fixture.pool).learn(ids)
            let message: UUID = try await fixture.value(
                "SELECT id FROM campaign_messages WHERE \"contactId\" = \(contact)"
            )
            try await fixture.pool.execute(
                "UPDATE campaign_messages SET \"waMessageId\" = 'wamid.of.' || \(number) WHERE id = \(message)"
            )
            #expect(try await !Self.erase(number, fixture).keepsOptOut)
            try await body(fixture, message)
        }
    }

    /// The tables in which the number or the user id of the person stands.
    private static func traces(_ fixture: Fixture) async throws -> [String] {
        let tables: [String] = try await fixture.column(
            "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
        )
        var found: [String] = []
        for table in tables {
            let count: Int = try await fixture.value(
                """
                SELECT count(*) FROM \(identifier: table) t
                WHERE position(\(number)::text IN t::text) > 0 OR position(\(user)::text IN t::text) > 0
                """
            )
            if count > 0 { found.append(table) }
        }
        return found.sorted()
    }

    private static func apply(_ report: InboundReport, _ fixture: Fixture) async throws {
        try await InboundRepository(pool: fixture.pool, erasureKey: key).apply(report)
    }

    private static func written(_ text: String, from person: InboundReport.Person, at time: Date = Date())
        -> InboundReport
    {
        var report = InboundReport()
        report.messages = [
            InboundReport.Message(
                id: "wamid.in.\(number)",
                phoneNumberID: "1",
                person: person,
                at: time,
                texts: [text]
            )
        ]
        return report
    }

    private static func preference(_ isOptedIn: Bool, _ person: InboundReport.Person) -> InboundReport {
        var report = InboundReport()
        report.preferences = [
            InboundReport.Preference(phoneNumberID: "1", person: person, isOptedIn: isOptedIn, at: Date())
        ]
        return report
    }

    private static func comeBack(_ fixture: Fixture, as id: String = number) async throws {
        let contacts = ContactRepository(pool: fixture.pool, erasureKey: key)
        _ = try await contacts.put([ContactChange(contactID: id, values: [:])], tenant: "acme", by: .daemon)
    }

    /// The person is known by any id, and the opt-out counts for all of them when the person comes back.
    @Test(arguments: [number, "+" + number, user])
    func anOptOutIsKeptByItsHash(id: String) async throws {
        try await Self.withErased { fixture, _ in
            try await Self.apply(Self.written("STOP", from: .init(id)), fixture)
            #expect(try await Self.traces(fixture) == [])
            try await Self.comeBack(fixture, as: "+" + Self.number)
            #expect(try await fixture.consent(of: "+" + Self.number) == "out")
        }
    }

    @Test func theSettingOfWhatsAppIsKeptByItsHash() async throws {
        try await Self.withErased { fixture, _ in
            try await Self.apply(Self.preference(false, .init(Self.user, userIDs: [Self.user])), fixture)
            #expect(try await Self.traces(fixture) == [])
            try await Self.comeBack(fixture)
            #expect(try await fixture.consent(of: Self.number) == "no marketing")
        }
    }

    @Test func aConsentUndoesTheOptOutOfAnErasedPerson() async throws {
        try await Self.withErased { fixture, _ in
            let past = Date().addingTimeInterval(-60)
            try await Self.apply(Self.written("STOP", from: .init(Self.number), at: past), fixture)
            try await Self.apply(Self.written("START", from: .init(Self.user)), fixture)
            try await Self.apply(Self.written("STOP", from: .init(Self.number), at: past), fixture)
            #expect(try await Self.traces(fixture) == [])
            try await Self.comeBack(fixture)
            #expect(try await fixture.consent(of: Self.number) == "in")
        }
    }

    /// A report that the person stopped marketing messages names the message only; the daemon needs no key for it.
    @Test(arguments: [true, false])
    func aRefusalIsKeptByItsHash(isByOurID: Bool) async throws {
        try await Self.withErased { fixture, message in
            let failure = MessageOutcome.Failure(
                code: "131050",
                message: "\(Self.number) stopped",
                consequence: .optOut
            )
            let status = DeliveryStatus(
                waMessageID: "wamid.of.\(Self.number)",
                messageID: isByOurID ? message : nil,
                rank: .failed,
                at: Date(),
                failure: failure
            )
            let messages = MessageRepository(pool: fixture.pool)
            for _ in 1...2 { try await messages.park(try await messages.report([status]).unknown) }
            #expect(try await Self.traces(fixture) == [])
            #expect(try await fixture.status(of: message) == .failed)
            try await Self.comeBack(fixture)
            #expect(try await fixture.consent(of: Self.number) == "no marketing")
        }
    }

    @Test func aLateReportCountsAndLeavesNothing() async throws {
        try await Self.withErased { fixture, message in
            let messages = MessageRepository(pool: fixture.pool)
            for rank in [DeliveryStatus.Rank.delivered, .read] {
                let status = DeliveryStatus(
                    waMessageID: "wamid.of.\(Self.number)",
                    messageID: nil,
                    rank: rank,
                    at: Date()
                )
                try await messages.park(try await messages.report([status]).unknown)
            }
            #expect(try await fixture.status(of: message) == .read)
            #expect(try await Self.traces(fixture) == [])
            let run: UUID = try await fixture.value("SELECT \"runId\" FROM campaign_messages WHERE id = \(message)")
            let (counted, rows) = try await fixture.counters(of: run)
            #expect(counted == rows && rows[.read] == 1)
        }
    }

    @Test func nobodyBecomesAContactByOptingOut() async throws {
        try await Self.withErased { fixture, _ in
            try await fixture.pool.execute(
                "INSERT INTO tenants (\"tenantId\", name, \"createContacts\") VALUES ('acme', 'acme', 'inbound')"
            )
            try await Self.apply(Self.written("STOP", from: .init(Self.number, name: "Amina")), fixture)
            // A message from before the erasure, which comes late.
            let past = Date().addingTimeInterval(-600)
            try await Self.apply(Self.written("hello", from: .init(Self.number, name: "Amina"), at: past), fixture)
            #expect(try await Self.traces(fixture) == [])
            // A new message is the person's own wish.
            try await Self.apply(Self.written("hello", from: .init(Self.number), at: Date() + 1), fixture)
            #expect(
                try await fixture.value("SELECT NOT \"optedIn\" FROM contacts WHERE \"contactId\" = \(Self.number)")
            )
        }
    }

    @Test func aChangeOfNumberOfAnErasedPersonIsNotKept() async throws {
        try await Self.withErased { fixture, _ in
            var report = InboundReport()
            report.moves = [
                .init(phoneNumberID: "1", person: .init(Self.number), number: "254711111111", at: Date())
            ]
            try await Self.apply(report, fixture)
            #expect(try await fixture.value("SELECT count(*)::int FROM contact_moves") == 0)
        }
    }

    /// A webhook that was being committed during the erasure has stored the opt-out under the number.
    @Test func theSweepMovesAnOptOutToItsHash() async throws {
        try await Self.withErased { fixture, _ in
            try await fixture.hear(Self.number, "STOP")
            try await fixture.hear(Self.user, "stop")
            // Another person's is left alone.
            try await fixture.hear("254700000077", "STOP")
            #expect(try await Self.traces(fixture) == ["consent_changes", "suppressions"])
            try await ContactErasure(pool: fixture.pool, key: Self.key).sweep()
            #expect(try await Self.traces(fixture) == [])
            #expect(try await fixture.level(of: "254700000077") == .all)
            try await Self.comeBack(fixture)
            #expect(try await fixture.consent(of: Self.number) == "out")
        }
    }
}

/// A process may die, and an import or a call may be under way, at each point of an erasure.
@Suite(.enabled(if: TestEnvironment.hasPostgres))
struct ErasureRaceTests {
    private static let key = ErasureKey(String(repeating: "k", count: 32))
    private static let number = "254700000001"

    private static func erasure(_ fixture: Fixture) -> ContactErasure { ContactErasure(pool: fixture.pool, key: key) }

    private static func contacts(_ fixture: Fixture) async throws -> [String] {
        try await fixture.column(
            "SELECT \"contactId\" FROM contacts WHERE \"erasedAt\" IS NULL ORDER BY 1"
        )
    }

    /// Rows of an import, one batch for each number.
    private static func file(_ numbers: [String], then body: @escaping @Sendable () async throws -> Void = {})
        -> AsyncThrowingStream<ContactImportBatch, any Error>
    {
        AsyncThrowingStream { continuation in
            Task {
                for (index, number) in numbers.enumerated() {
                    var batch = ContactImportBatch(firstNumber: index + 1)
                    batch.beginRow()
                    batch.append(number.utf8)
                    batch.endRow()
                    continuation.yield(batch)
                }
                do {
                    try await body()
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
        }
    }

    private static func importing(
        _ numbers: [String],
        key: ErasureKey? = key,
        batchSize: Int = 1,
        _ fixture: Fixture,
        then body: @escaping @Sendable () async throws -> Void = {}
    ) async throws -> ContactImportResult {
        try await ContactImportRepository(pool: fixture.pool, batchSize: batchSize, erasureKey: key).run(
            tenant: "acme",
            columns: [.contactId],
            batches: file(numbers) {
                // The import has begun, whenever its file is read.
                try await eventually("the rows are being staged") {
                    try await fixture.value(
                        "SELECT count(*)::int FROM pg_class WHERE relname LIKE 'contact_import_%'"
                    ) > 0
                }
                try await body()
            }
        )
    }

    @Test func aPersonErasedWhileTheFileIsReadStaysOut() async throws {
        try await Fixture.with { fixture in
            try await fixture.addContact(Self.number)
            let result = try await Self.importing(["254700000002", "+" + Self.number, "254700000003"], fixture) {
                _ = try await Self.erasure(fixture).erase(Self.number, tenant: "acme")
            }
            #expect(result.inserted == 2)
            #expect(try await Self.contacts(fixture) == ["254700000002", "254700000003"])
            // The next import names the person again, who had not opted out.
            _ = try await Self.importing([Self.number], fixture)
            #expect(try await fixture.consent(of: Self.number) == "in")
        }
    }

    @Test func anImportThatCannotRecognizeThePersonFails() async throws {
        try await Fixture.with { fixture in
            try await fixture.addContact(Self.number)
            await #expect(throws: ErasureError.unrecognized(tenant: "acme")) {
                try await Self.importing([Self.number], key: nil, fixture) {
                    _ = try await Self.erasure(fixture).erase(Self.number, tenant: "acme")
                }
            }
            #expect(try await Self.contacts(fixture) == [])
            let tables: Int = try await fixture.value(
                "SELECT count(*)::int FROM pg_class WHERE relname LIKE 'contact_import_%'"
            )
            #expect(tables == 0)
        }
    }

    /// The rows are staged, and their batch waits for the erasure that has begun.
    @Test func aPersonErasedAfterTheStagingStaysOut() async throws {
        try await Fixture.with(connections: 8) { fixture in
            try await fixture.addContact(Self.number)
            let numbers = ["254700000002", Self.number, "254700000003"]
            try await withThrowingTaskGroup { group in
                try await fixture.pool.transaction { blocker in
                    try await blocker.execute("SELECT FROM contacts WHERE \"contactId\" = \(Self.number) FOR UPDATE")
                    group.addTask { _ = try await Self.erasure(fixture).erase(Self.number, tenant: "acme") }
                    try await fixture.waitsForALock()
                    group.addTask { _ = try await Self.importing(numbers, fixture) }
                    try await eventually("the import waits for the erasure") {
                        try await fixture.value(
                            "SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND mode = 'ShareLock'"
                        ) > 0
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await Self.contacts(fixture) == ["254700000002", "254700000003"])
        }
    }

    /// The batch is being merged when the erasure begins: the erasure waits, and finds the contact that the batch has added.
    @Test func aPersonErasedDuringTheMergeIsErasedAfterIt() async throws {
        try await Fixture.with(connections: 8) { fixture in
            try await fixture.addContact("254700000002")
            try await withThrowingTaskGroup { group in
                try await fixture.pool.transaction { blocker in
                    try await blocker.execute("SELECT FROM contacts FOR UPDATE")
                    group.addTask {
                        // The first row waits for the lock of its contact, in one batch with the person.
                        let repository = ContactImportRepository(
                            pool: fixture.pool,
                            batchSize: 10,
                            erasureKey: Self.key
                        )
                        _ = try await repository.run(
                            tenant: "acme",
                            columns: [.contactId],
                            batches: Self.file(["254700000002", Self.number])
                        )
                    }
                    try await fixture.waitsForALock()
                    group.addTask { _ = try await Self.erasure(fixture).erase(Self.number, tenant: "acme") }
                    try await eventually("the erasure waits for the batch") {
                        try await fixture.value(
                            "SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND mode = 'ExclusiveLock'"
                        ) > 0
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await Self.contacts(fixture) == ["254700000002"])
        }
    }

    /// Rows that an importer left that died are emptied, and dropped by the next sweep.
    @Test func theRowsOfADeadImportAreRemoved() async throws {
        try await Fixture.with { fixture in
            try await fixture.addContact(Self.number)
            let table = "contact_import_00000000000000ff"
            for tenant in ["acme", "other"] {
                let name = tenant == "acme" ? table : "contact_import_00000000000000fe"
                try await fixture.pool.withConnection { connection in
                    try await connection.simpleScript(
                        """
                        CREATE UNLOGGED TABLE \(name) (number bigint, "contactId" text);
                        COMMENT ON TABLE \(name) IS '\(tenant)'; INSERT INTO \(name) VALUES (1, '+\(Self.number)'), (2, '2547');
                        """
                    )
                }
            }
            let keys = ["254700000001"]
            try await ContactStaging.remove(keys, of: "acme", in: fixture.pool)
            #expect(
                try await fixture.column("SELECT \"contactId\" FROM \(identifier: table)", as: String.self) == ["2547"]
            )
            #expect(try await fixture.value("SELECT count(*)::int FROM contact_import_00000000000000fe") == 2)
            try await Self.erasure(fixture).sweep()
            let tables: Int = try await fixture.value(
                "SELECT count(*)::int FROM pg_class WHERE relname LIKE 'contact_import_%'"
            )
            #expect(tables == 0)
        }
    }

    private static func withMessages(_ body: (Fixture, _ run: UUID, _ contact: UUID) async throws -> Void) async throws
    {
        try await Fixture.with(connections: 8) { fixture in
            let run = try await fixture.queuedRun(contacts: 3)
            let contact: UUID = try await fixture.value("SELECT id FROM contacts WHERE \"contactId\" = \(number)")
            try await body(fixture, run, contact)
        }
    }

    private static func phone(_ contact: UUID, _ fixture: Fixture) async throws -> String {
        try await fixture.value("SELECT \"recipientPhone\" FROM campaign_messages WHERE \"contactId\" = \(contact)")
    }

    /// The process died after its first transaction; daemons come back at once, or only days later.
    @Test(arguments: [0.0, 3, 30])
    func theSweepFinishesWhatACrashLeft(days: Double) async throws {
        try await Self.withMessages { fixture, run, contact in
            _ = try await Self.erasure(fixture).eraseRows(Self.number, tenant: "acme")
            for table in ["contact_erasures", "erased_people"] {
                try await fixture.pool.execute(
                    "UPDATE \(identifier: table) SET \"erasedAt\" = \"erasedAt\" - \(days) * interval '1 day'"
                )
            }
            #expect(try await Self.phone(contact, fixture) == Self.number)
            // Nothing is sent meanwhile.
            let claimed = try await MessageRepository(pool: fixture.pool).begin(fixture.ids(of: run), lease: 1)
            #expect(claimed.filter { $0.status == .sending }.count == 2)
            for _ in 1...2 { try await ContactErasure(pool: fixture.pool, key: nil).sweep() }
            #expect(try await Self.phone(contact, fixture) == "")
            let (counted, rows) = try await fixture.counters(of: run)
            #expect(counted == rows && rows[.cancelled] == 1)
            // Writes that may still be under way are looked after for a day.
            #expect(try await fixture.value("SELECT count(*)::int FROM contact_erasures") == (days == 0 ? 1 : 0))
        }
    }

    /// The session dies in the middle of the first transaction: nothing has happened, and the erasure can be repeated.
    @Test func aCrashInTheFirstTransactionChangesNothing() async throws {
        try await Self.withMessages { fixture, _, contact in
            try await fixture.pool.transaction { blocker in
                try await blocker.execute("SELECT FROM contacts WHERE id = \(contact) FOR UPDATE")
                let erasing = Task { try await Self.erasure(fixture).erase(Self.number, tenant: "acme") }
                try await fixture.waitsForALock()
                _ = try await fixture.pool.query(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
                )
                await #expect(throws: (any Error).self) { try await erasing.value }
            }
            #expect(try await Self.contacts(fixture).contains(Self.number))
            #expect(try await fixture.value("SELECT count(*)::int FROM erased_people") == 0)
            #expect(try await Self.erasure(fixture).erase(Self.number, tenant: "acme").contacts == 1)
            #expect(try await Self.phone(contact, fixture) == "")
        }
    }
}
