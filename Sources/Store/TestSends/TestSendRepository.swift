public import Foundation
import JSON
public import Postgres
import Spec
import Spelling

/// The reason why no test was sent; nothing was written.
public enum TestSendError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A text that is no phone number, with the problem in words that follow it.
    case invalid(String, problem: String)
    /// Fewer than one number, or too many.
    case count(Int)
    /// Numbers that are not among the tenant's test recipients.
    case notListed([String], tenant: String)
    /// A person who opted out, was deactivated, or cannot get the message.
    case refused(String, problem: String)
    /// The message to a person cannot be rendered.
    case unsendable(String, problem: String)

    public var description: String {
        switch self {
        case .invalid(let text, let problem): "`\(text)` \(problem)"
        case .count(let count):
            "a test goes to 1 to \(TestSendRepository.mostRecipients) numbers, not to \(count.grouped)"
        case .notListed(let numbers, let tenant):
            "tenant `\(tenant)` has no test \(numbers.count == 1 ? "recipient" : "recipients") "
                + SpellingSuggestion.list(numbers, "and")
                + "; add them to `testRecipients` of its Tenant spec and run reconcile"
        case .refused(let number, let problem): "\(number) \(problem)"
        case .unsendable(let number, let problem): "the message to \(number) cannot be sent: \(problem)"
        }
    }
}

/// Sends the message of a campaign to test recipients of its tenant.
///
/// A test is a run of its own, of a copy of the campaign that is archived from the beginning. Daemons deliver it through the
/// lane of the sender, with its pace, quota, wallet and retries. The campaign's runs, analytics and state do not contain it.
/// The copy, the run and its messages are written in one transaction, so a crash leaves all of them or nothing.
public struct TestSendRepository: Sendable {
    /// The most numbers of one test.
    public static let mostRecipients = TenantSpec.mostTestRecipients

    /// The time after which messages of a test that were not sent never are.
    static let lifetime = Duration.seconds(24 * 3_600)

    /// A test that a request has opened.
    public struct Opened: Sendable {
        /// The values in the message to one person.
        public struct Filling: Sendable {
            public let number: String
            /// The placeholders without a value, each with the text that is sent in its place.
            public let fallbacks: [(path: String, text: String?)]
        }

        public let test: TestSend
        /// False if an earlier request with the same key opened it.
        public let isNew: Bool
        /// One for each person; empty if the test is not new.
        public let fillings: [Filling]
        /// The quota that the test was checked against; `nil` if it is not new.
        public let quota: QuotaCheck?
    }

    let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Opens a test of a campaign in any state but that of an archived one.
    ///
    /// - Parameters:
    ///   - campaign: The name or id of the campaign.
    ///   - tenant: The owner of the campaign.
    ///   - numbers: Numbers of the tenant's test recipients, in any spelling; repeated ones count once.
    ///   - key: The caller's own name for the request, 1 to 200 characters; one name opens one test of the campaign.
    ///   - reason: The reason, for people.
    ///   - given: The present; `nil` takes Postgres's clock.
    ///   - actor: Who sends it.
    /// - Returns: The test, whose messages the daemons send.
    /// - Throws: ``TestSendError`` and ``LaunchError``; nothing has happened then.
    public func open(
        _ campaign: CampaignKey,
        tenant: String,
        to numbers: [String],
        key: String? = nil,
        reason: String? = nil,
        now given: Date? = nil,
        by actor: RunActor = .daemon
    ) async throws -> Opened {
        try await pool.transaction { connection in
            let now = try await LaunchRepository.present(given, on: connection)
            let original = try await LaunchCandidate.lockForTest(campaign, tenant: tenant, on: connection)
            if let key, let run = try await Self.run(ofTest: original.id, key: key, on: connection) {
                guard let test = try await Self.tests("r.id = \(run)", limit: 1, on: connection).first else {
                    throw PostgresError.misuse("the run of a test is not there")
                }
                return Opened(test: test, isNew: false, fillings: [], quota: nil)
            }
            let numbers = try await Self.listed(numbers, tenant: tenant, on: connection)
            let people = try await Self.people(numbers, tenant: tenant, on: connection)
            let content = try original.content()
            let window = ContactWindow(at: now, number: original.windowNumber)
            let recipients = try await Self.recipients(people, tenant: tenant, window: window, on: connection)
            let category = try await original.reach(of: content, on: connection)
            let fillings = try await Self.check(recipients, content, category, tenant: tenant, on: connection)
            let copy = original.renamed(try await Self.copy(original.id, on: connection))
            let size = AudienceSize(
                total: recipients.count,
                inWindow: recipients.count(where: \.isInWindow),
                beginnings: NumberStart.count(recipients.map { ($0.person.number, $0.isInWindow) })
            )
            let quota = try await LaunchRepository.checkQuota(of: copy, size: size, now: now, on: connection)
            let id = LaunchRepository.makeID(at: now)
            _ = try await LaunchRepository.insertRun(
                of: copy,
                content,
                by: .launch,
                size: size,
                origin: .test(key: key),
                id: id,
                now: now,
                on: connection
            ) {
                try await Self.write(recipients, to: id, of: copy, from: now, on: connection)
            }
            try await RunAction.record(.test, on: id, by: actor, reason: reason, connection)
            guard let test = try await Self.tests("r.id = \(id)", limit: 1, on: connection).first else {
                throw PostgresError.misuse("a test that was just written is not there")
            }
            return Opened(test: test, isNew: true, fillings: fillings, quota: quota)
        }
    }
}

extension TestSendRepository {
    /// A person of a test, with the row of its contact.
    private struct Person: Sendable {
        let number: String
        let contact: UUID
    }

    private struct Recipient: Sendable {
        let person: Person
        let isInWindow: Bool
        /// The problem of a person who gets no messages; `nil` for all others.
        let problem: String?
        let stoppedMarketing: Bool
        let fields: ContactFields
    }

    /// Reads numbers, and checks that they are test recipients of the tenant.
    private static func listed(
        _ texts: [String],
        tenant: String,
        on connection: PostgresConnection
    ) async throws -> [String] {
        let rows = try await connection.query(
            """
            SELECT "testRecipients", country FROM tenants WHERE "tenantId" = \(tenant) AND "archivedAt" IS NULL
            """
        )
        let country = try rows.first?.decode("country", as: String?.self)
        let reader = PhoneNumberReader(country: country.flatMap(CallingCode.of(country:)))
        var numbers: [String] = []
        for text in texts {
            do {
                let number = "+" + (try reader.read(text).digits)
                if !numbers.contains(number) { numbers.append(number) }
            } catch {
                throw TestSendError.invalid(text, problem: error.description)
            }
        }
        guard (1...mostRecipients).contains(numbers.count) else { throw TestSendError.count(numbers.count) }
        let allowed = try rows.first?.json("testRecipients")?.arrayValue?.compactMap(\.stringValue) ?? []
        let others = numbers.filter { !allowed.contains($0) }
        guard others.isEmpty else { throw TestSendError.notListed(others, tenant: tenant) }
        return numbers
    }

    /// Finds the contacts of numbers.
    ///
    /// Only contacts get tests: a number that were kept in another place would be forgotten when the person is erased.
    private static func people(
        _ numbers: [String],
        tenant: String,
        on connection: PostgresConnection
    ) async throws -> [Person] {
        let known = try await contacts(of: numbers, tenant: tenant, on: connection)
        var people: [Person] = []
        for number in numbers {
            guard let contact = known[number] else {
                throw TestSendError.refused(number, problem: "is no contact; add it with `campaignd contacts import`")
            }
            // Two numbers of one person are one message.
            guard !people.contains(where: { $0.contact == contact }) else { continue }
            people.append(Person(number: number, contact: contact))
        }
        return people
    }

    /// Finds contacts by any spelling of their number and by learned ids; of several rows of a person the active one.
    private static func contacts(
        of numbers: [String],
        tenant: String,
        on connection: PostgresConnection
    ) async throws -> [String: UUID] {
        let rows = try await connection.query(
            """
            WITH named AS MATERIALIZED (
                SELECT n.number, contact_key(n.number) AS key FROM unnest(\(numbers)::text[]) AS n(number)
            ), found AS MATERIALIZED (
                SELECT n.number, c.id FROM named n
                CROSS JOIN LATERAL (\(fragment: ContactLookup.byContactID("n.key", of: "\(tenant)::text"))) c
                UNION
                SELECT n.number, k."contactId" FROM named n
                CROSS JOIN LATERAL (\(fragment: ContactLookup.byLearnedID("n.key", of: "\(tenant)::text"))) k
            )
            SELECT DISTINCT ON (f.number) f.number, c.id FROM found f JOIN contacts c ON \(key: "c.id", of: "f.id")
            WHERE c."erasedAt" IS NULL AND c."mergedInto" IS NULL
            ORDER BY f.number, c."deactivatedAt" IS NOT NULL, c.id
            """
        )
        var contacts: [String: UUID] = [:]
        for row in rows { contacts[try row.decode(0)] = try row.decode(1) }
        return contacts
    }

    /// Reads the contacts; a person who opts out later is refused by the claim.
    private static func recipients(
        _ people: [Person],
        tenant: String,
        window: ContactWindow,
        on connection: PostgresConnection
    ) async throws -> [Recipient] {
        let rows = try await connection.query(
            """
            SELECT c.id, coalesce(\(fragment: window.isOpen), false) AS "isInWindow", \(fragment: problem) AS problem,
                c."suppressedLevel" IS NOT NULL AS "stoppedMarketing", \(fragment: ContactFields.selection)
            FROM contacts c WHERE c.id = ANY(\(people.map(\.contact))::uuid[]) AND c."tenantId" = \(tenant)
            """
        )
        var recipients: [UUID: Recipient] = [:]
        for row in rows {
            let id = try row.decode("id", as: UUID.self)
            guard let person = people.first(where: { $0.contact == id }) else { continue }
            recipients[id] = Recipient(
                person: person,
                isInWindow: try row.decode("isInWindow"),
                problem: try row.decode("problem"),
                stoppedMarketing: try row.decode("stoppedMarketing"),
                fields: ContactFields(row: row)
            )
        }
        return try people.map { person in
            guard let recipient = recipients[person.contact] else {
                throw TestSendError.refused(person.number, problem: "is no contact any more")
            }
            return recipient
        }
    }

    /// The reason why a contact, as `c`, gets no test, in words that follow its number; NULL if it gets one.
    private static let problem: PostgresQuery = """
        CASE
            WHEN c."suppressedLevel" = 'all' OR (c."optedIn" IS NOT TRUE AND c."optedOutAt" IS NOT NULL)
                THEN 'has opted out, so it gets no test either'
            WHEN c."deactivatedAt" IS NOT NULL THEN 'is a contact that was deactivated'
        END
        """

    /// Checks that each person may get the message, and that it can be rendered.
    private static func check(
        _ recipients: [Recipient],
        _ content: RevisionContent,
        _ category: TemplateSpec.Category,
        tenant: String,
        on connection: PostgresConnection
    ) async throws -> [Opened.Filling] {
        let rows = try await connection.query(
            #"SELECT "templateText" FROM tenants WHERE "tenantId" = \#(tenant) AND "archivedAt" IS NULL"#
        )
        let tenantText = try rows.first?.decode(0, as: String?.self).flatMap(TemplateText.init(rawValue:))
        let payload: PayloadTemplate
        do {
            payload = try PayloadTemplate(message: content.message)
        } catch {
            throw TestSendError.unsendable("any number", problem: "\(error)")
        }
        return try recipients.map { recipient in
            let number = recipient.person.number
            if let problem = recipient.problem { throw TestSendError.refused(number, problem: problem) }
            if recipient.stoppedMarketing, category.isMarketing {
                throw TestSendError.refused(number, problem: "has stopped marketing messages, and this is one")
            }
            if content.isFreeText, !recipient.isInWindow {
                let problem = "has not written within 24 hours, so free text cannot reach it; send a template"
                throw TestSendError.refused(number, problem: problem)
            }
            let message = RenderedAudience.Message(
                payload,
                content.templateText ?? tenantText ?? .mend,
                recipient.fields,
                phone: number,
                isInWindow: recipient.isInWindow
            )
            if let problem = message.problem { throw TestSendError.unsendable(number, problem: problem) }
            return Opened.Filling(number: number, fallbacks: message.fallbacks)
        }
    }

    /// Returns the run of an earlier request with the same key.
    private static func run(
        ofTest campaign: UUID,
        key: String,
        on connection: PostgresConnection
    ) async throws -> UUID? {
        let rows = try await connection.query(
            """
            SELECT r.id FROM campaigns c JOIN campaign_runs r ON \(key: #"r."campaignId""#, of: "c.id")
            WHERE c."testOf" = \(campaign) AND r."isTest" AND r."launchKey" = \(key) LIMIT 1
            """
        )
        return try rows.first?.decode(0)
    }

    /// Copies a campaign for a test of it.
    private static func copy(_ campaign: UUID, on connection: PostgresConnection) async throws -> UUID {
        let rows = try await connection.query(
            """
            INSERT INTO campaigns (
                "tenantId", name, title, type, "senderId", "messageTemplate", "templateId", "templateParams", "audienceFilter",
                "templateText", "onUserCap", "allowedPolicy", "testOf", "archivedAt"
            )
            SELECT "tenantId", name, title, 'manual', "senderId", "messageTemplate", "templateId", "templateParams",
                "audienceFilter", "templateText", "onUserCap", "allowedPolicy", id, now()
            FROM campaigns WHERE id = \(campaign) RETURNING id
            """
        )
        return try rows[0].decode(0)
    }

    /// Writes the messages and the chunk of a test.
    private static func write(
        _ recipients: [Recipient],
        to run: UUID,
        of campaign: LaunchCandidate,
        from start: Date,
        on connection: PostgresConnection
    ) async throws {
        let count = recipients.count
        try await connection.execute(
            """
            INSERT INTO campaign_messages (
                id, "runId", position, "campaignId", "tenantId", "contactId", "recipientPhone", "isBusinessInitiated"
            )
            SELECT message_id(\(run), n.position), \(run), n.position, \(campaign.id), \(campaign.tenantID), n.contact, n.phone,
                n.closed
            FROM unnest(
                \(recipients.map(\.person.contact))::uuid[], \(recipients.map { String($0.person.number.dropFirst()) })::text[],
                \(recipients.map { !$0.isInWindow })::bool[]
            ) WITH ORDINALITY AS n(contact, phone, closed, position)
            ORDER BY n.position
            """
        )
        try await connection.execute(
            """
            UPDATE campaign_runs SET pending = \(count), "recipientCount" = \(count),
                "inWindowCount" = \(recipients.count(where: \.isInWindow)), "nextPosition" = \(count + 1)
            WHERE id = \(run)
            """
        )
        try await connection.execute(
            LaunchRepository.chunks(
                of: run,
                tenant: campaign.tenantID,
                from: 1,
                upTo: count + 1,
                spacedAfter: nil,
                plan: LaunchPlan(recipients: count, ratePerSecond: campaign.ratePerSecond),
                startedAt: start
            )
        )
    }
}
