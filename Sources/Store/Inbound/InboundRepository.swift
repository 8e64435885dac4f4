public import Foundation
import JSON
public import Postgres
import Spec

/// Records messages and consent of contacts, and pauses runs that WhatsApp has stopped.
///
/// Everything may come twice and in any order: messages are counted once, times only move forward, and the later of two
/// statements about consent counts. Consent is kept of everybody, also of those who are no contacts.
public struct InboundRepository: Sendable {
    private struct Sender: Hashable {
        let tenantID: String
        let optOutWords: [String]
        /// True if people become contacts by writing.
        let createsContacts: Bool
    }

    /// The effects of a report on runs and contacts.
    public struct Effects: Sendable {
        /// The runs paused now.
        public var paused: [UUID] = []
        /// The runs resumed now, because WhatsApp has approved their template again.
        public var resumed: [UUID] = []
        /// Runs whose template was approved again, and which stay paused for another reason.
        public var notResumed: [UUID: String] = [:]
        /// The contacts that have another number from now on.
        public var moved: [MovedContact] = []
    }

    let pool: PostgresPool
    private let erased: ErasedPeople

    /// Makes a repository; the key recognizes people who were erased, of whom nothing is stored again.
    public init(pool: PostgresPool, erasureKey: ErasureKey? = nil) {
        self.pool = pool
        erased = ErasedPeople(pool: pool, key: erasureKey)
    }

    /// Applies a report.
    ///
    /// - Returns: The runs paused now, and the contacts that moved.
    /// - Throws: `PostgresError`; apply the report again then to complete it.
    @discardableResult
    public func apply(_ report: InboundReport) async throws -> Effects {
        var effects = Effects()
        guard !report.isEmpty else { return effects }
        try await learn(report.numbers)
        if !report.messages.isEmpty || !report.preferences.isEmpty || !report.moves.isEmpty {
            // Each step may be repeated, and has a transaction of its own, because the next one locks other rows first.
            let senders = try await senders(of: report)
            let (people, moved) = try await people(in: report, senders: senders)
            effects.moved = moved
            // Before messages are counted, so that a crash in between loses no consent: WhatsApp repeats the report.
            let said = try await erased.divert(Self.consents(in: report, senders: senders))
            try await ConsentRepository(pool: pool).record(said)
            try await count(report.messages, from: people, senders: senders)
            try await countResponses(in: report, from: people, senders: senders)
        }
        let facts = AccountFactRepository(pool: pool)
        try await facts.keep(report.facts)
        try await AccountSweepRepository(pool: pool).bringForward(report.changedAccounts)
        var stops: [InboundReport.Stop] = []
        for stop in report.stops where try await !facts.overrides(stop) { stops.append(stop) }
        if !stops.isEmpty { effects.paused = try await pause(stops) }
        try await resumeApproved(report.facts, &effects)
        return effects
    }

    /// Resumes the runs that waited for templates that are approved again.
    private func resumeApproved(_ facts: [AccountFact], _ effects: inout Effects) async throws {
        var approved: [String: Set<String>] = [:]
        for fact in facts {
            guard case .templateStatus(let name, _, let status, _, _) = fact.content,
                TemplateState.approved.contains(status)
            else { continue }
            approved[fact.businessAccountID, default: []].insert(name)
        }
        for (account, names) in approved.sorted(by: { $0.key < $1.key }) {
            let outcome = try await RunRepository(pool: pool).resumeHeld(byTemplates: names, account: account)
            effects.resumed += outcome.resumed
            effects.notResumed.merge(outcome.refused) { $1 }
        }
    }

    /// Finds the contacts of the people in a report, learns their ids, and gives those who have moved their new number.
    private func people(
        in report: InboundReport,
        senders: [String: [Sender]]
    ) async throws -> (people: InboundPeople, moved: [MovedContact]) {
        func sightings(_ number: String, _ person: InboundReport.Person, _ at: Date) -> [(Sender, Sighting)] {
            (senders[number] ?? []).map { ($0, Sighting(tenantID: $0.tenantID, person: person, at: at)) }
        }
        let written = report.messages.flatMap { sightings($0.phoneNumberID, $0.person, $0.at) }
        let seen = (written + report.preferences.flatMap { sightings($0.phoneNumberID, $0.person, $0.at) }).map(\.1)
        var people = try await InboundPeople().finding(seen, in: pool)
        var moved: [MovedContact] = []
        let moves = report.moves.sorted { $0.at < $1.at }.flatMap { move in
            sightings(move.phoneNumberID, move.person, move.at).map { (move: move, sighting: $0.1) }
        }
        // Of people who were erased, no number is kept.
        let gone = try await erased.find(moves.map { (tenant: $0.sighting.tenantID, ids: $0.sighting.person.ids) })
        for (index, (move, sighting)) in moves.enumerated() where gone[index] == nil {
            moved += try await InboundPeople.move(sighting, move, in: pool)
        }
        // A person who has moved may have written from the new number already.
        if !report.moves.isEmpty { people = try await people.finding(seen, in: pool) }
        people = try await people.creating(
            try await withoutErased(written.filter(\.0.createsContacts).map(\.1), report),
            in: pool
        )
        try await ContactIDRepository(pool: pool).learn(people.ids)
        return (people, moved)
    }

    /// Leaves out erased people who wrote before they were erased, or who write only to opt out: they become no contacts.
    private func withoutErased(_ sightings: [Sighting], _ report: InboundReport) async throws -> [Sighting] {
        let found = try await erased.find(sightings.map { (tenant: $0.tenantID, ids: $0.person.ids) })
        guard !found.isEmpty else { return sightings }
        let stops = Set(report.messages.filter { ConsentWords.consent(in: $0.texts, own: []) == false }.map(\.person))
        return sightings.indices.filter { index in
            guard let person = found[index] else { return true }
            return sightings[index].at > person.erasedAt && !stops.contains(sightings[index].person)
        }
        .map { sightings[$0] }
    }

    /// Returns the tenants by the number that received the messages.
    private func senders(of report: InboundReport) async throws -> [String: [Sender]] {
        let numbers = Set(
            report.messages.map(\.phoneNumberID) + report.preferences.map(\.phoneNumberID)
                + report.moves.map(\.phoneNumberID)
        )
        let rows = try await pool.query(
            """
            SELECT DISTINCT s."phoneNumberId", s."tenantId", t."optOutWords", t."createContacts" IS NOT DISTINCT FROM 'inbound'
            FROM senders s LEFT JOIN tenants t ON t."tenantId" = s."tenantId" AND t."archivedAt" IS NULL
            WHERE s."phoneNumberId" = ANY(\(Array(numbers))::text[]) AND s."archivedAt" IS NULL
            """
        )
        var senders: [String: [Sender]] = [:]
        for row in rows {
            let words = try row.json("optOutWords")?.arrayValue?.compactMap(\.stringValue) ?? []
            senders[try row.decode(0), default: []].append(
                Sender(tenantID: try row.decode(1), optOutWords: words, createsContacts: try row.decode(3))
            )
        }
        return senders
    }

    private static func consents(in report: InboundReport, senders: [String: [Sender]]) -> [ConsentStatement] {
        let written = report.messages.flatMap { message -> [ConsentStatement] in
            (senders[message.phoneNumberID] ?? []).compactMap { sender in
                guard let isOptedIn = ConsentWords.consent(in: message.texts, own: sender.optOutWords) else {
                    return nil
                }
                return ConsentStatement(
                    tenantID: sender.tenantID,
                    ids: message.person.ids,
                    .all,
                    isOptedIn: isOptedIn,
                    source: message.isButton ? .button : .message,
                    at: message.at
                )
            }
        }
        let chosen = report.preferences.flatMap { preference in
            (senders[preference.phoneNumberID] ?? []).map { sender in
                ConsentStatement(
                    tenantID: sender.tenantID,
                    ids: preference.person.ids,
                    .marketing,
                    isOptedIn: preference.isOptedIn,
                    source: .preference,
                    at: preference.at
                )
            }
        }
        return written + chosen
    }

    private static func hash(_ id: PostgresQuery) -> PostgresQuery {
        "encode(sha256(convert_to(\(fragment: id), 'UTF8')), 'hex')"
    }

    /// Opens windows and counts messages.
    private func count(
        _ messages: [InboundReport.Message],
        from people: InboundPeople,
        senders: [String: [Sender]]
    ) async throws {
        guard !messages.isEmpty else { return }
        var known: [(message: InboundReport.Message, tenant: String, contact: UUID)] = []
        for message in messages {
            for sender in senders[message.phoneNumberID] ?? [] {
                let sighting = Sighting(tenantID: sender.tenantID, person: message.person, at: message.at)
                known += people[sighting].map { (message, sender.tenantID, $0) }
            }
        }
        try await pool.execute(
            """
            WITH fresh AS (
                -- WhatsApp's id holds the number of the sender, so only its hash is stored.
                INSERT INTO inbound_messages ("waMessageId")
                SELECT DISTINCT \(fragment: Self.hash("id")) FROM unnest(\(messages.map(\.id))::text[]) AS i(id) ORDER BY 1
                ON CONFLICT DO NOTHING RETURNING "waMessageId"
            ), written AS MATERIALIZED (
                SELECT DISTINCT ON (w.message, w.contact) w.* FROM unnest(
                    \(known.map(\.message.id))::text[], \(known.map(\.message.phoneNumberID))::text[],
                    \(known.map(\.tenant))::text[], \(known.map(\.contact))::uuid[],
                    \(known.map(\.message.at))::timestamptz[]
                ) AS w(message, number, tenant, contact, at)
                JOIN fresh f ON f."waMessageId" = \(fragment: Self.hash("w.message"))
            ), known AS MATERIALIZED (
                SELECT contact AS id, count(*) AS messages, min(at) AS first, max(at) AS last FROM written GROUP BY contact
            ), locked AS MATERIALIZED (
                SELECT k.* FROM known k JOIN contacts c ON \(key: "c.id", of: "k.id")
                ORDER BY k.id FOR NO KEY UPDATE OF c
            ), windows AS (
                INSERT INTO contact_windows AS i ("contactId", "phoneNumberId", "tenantId", "lastInboundAt")
                SELECT l.id, w.number, w.tenant, max(w.at) FROM locked l JOIN written w ON w.contact = l.id
                GROUP BY 1, 2, 3 ORDER BY 1, 2
                ON CONFLICT ("contactId", "phoneNumberId") DO UPDATE SET "lastInboundAt" = excluded."lastInboundAt"
                WHERE excluded."lastInboundAt" > i."lastInboundAt"
            )
            UPDATE contacts c SET
                "lastSeen" = greatest(c."lastSeen", k.last), "firstSeen" = coalesce(c."firstSeen", k.first),
                "messageCount" = least(coalesce(c."messageCount", 0) + k.messages, 2147483647), "updatedAt" = now()
            FROM locked k WHERE \(key: "c.id", of: "k.id")
            """
        )
    }

    /// Counts the answers and opt-outs for the runs that they are about.
    private func countResponses(
        in report: InboundReport,
        from people: InboundPeople,
        senders: [String: [Sender]]
    ) async throws {
        let repository = ResponseRepository(pool: pool)
        try await repository.park(try await repository.count(report.messages.flatMap(\.responses)))
        var answers: [(answer: ResponseRepository.Response, optOut: ResponseRepository.OptOut)] = []
        var optOuts: [ResponseRepository.OptOut] = []
        func add(_ person: InboundReport.Person, _ number: String, at: Date, isOptOut: (Sender) -> Bool) {
            for sender in senders[number] ?? [] where isOptOut(sender) {
                let sighting = Sighting(tenantID: sender.tenantID, person: person, at: at)
                let optOut = ResponseRepository.OptOut(contacts: people[sighting], at: at)
                guard let answered = person.repliesTo else {
                    optOuts.append(optOut)
                    continue
                }
                answers.append((.init(kind: .optedOut, waMessageID: answered, at: at), optOut))
            }
        }
        for message in report.messages {
            add(message.person, message.phoneNumberID, at: message.at) { sender in
                ConsentWords.consent(in: message.texts, own: sender.optOutWords) == false
            }
        }
        for preference in report.preferences where !preference.isOptedIn {
            add(preference.person, preference.phoneNumberID, at: preference.at) { _ in true }
        }
        // An answer to a message that is none of ours counts like one that names no message.
        let unknown = Set(try await repository.count(answers.map(\.answer)))
        try await repository.count(optOuts + answers.filter { unknown.contains($0.answer) }.map(\.optOut))
    }

    /// Stores the names that WhatsApp has for our numbers.
    private func learn(_ numbers: Set<InboundReport.Number>) async throws {
        let numbers = Array(numbers)
        guard !numbers.isEmpty else { return }
        try await pool.execute(
            """
            UPDATE senders s SET
                "displayPhoneNumber" = coalesce(n.display, s."displayPhoneNumber"),
                "businessAccountId" = coalesce(n.account, s."businessAccountId"),
                "messagingLimit" = (
                    SELECT a."messagingLimit" FROM whatsapp_accounts a
                    WHERE a."businessAccountId" = coalesce(n.account, s."businessAccountId")
                )
            FROM unnest(
                \(numbers.map(\.phoneNumberID))::text[], \(numbers.map(\.displayPhoneNumber))::text[],
                \(numbers.map(\.businessAccountID))::text[]
            ) AS n(id, display, account)
            WHERE s."phoneNumberId" = n.id AND s."archivedAt" IS NULL AND (s."displayPhoneNumber", s."businessAccountId")
                IS DISTINCT FROM (coalesce(n.display, s."displayPhoneNumber"), coalesce(n.account, s."businessAccountId"))
            """
        )
    }

    /// Pauses the runs that need a stopped template, number or account.
    ///
    /// Runs of a sender whose account is not known yet are not paused: several accounts may report to one address, and
    /// WhatsApp's next answer reveals a stop as well.
    private func pause(_ stops: [InboundReport.Stop]) async throws -> [UUID] {
        let runs = RunRepository(pool: pool)
        var paused: [UUID] = []
        for stop in stops {
            let rows = try await pool.query(
                """
                SELECT r.id FROM campaign_runs r
                JOIN senders s ON s.id = r."senderId"
                JOIN campaign_revisions v ON v.id = r."revisionId"
                WHERE \(fragment: RunRepository.live)
                    AND \(stop.businessAccountID) IN (s."businessAccountId", \(fragment: RunRepository.account))
                    AND \(fragment: stop.subject.condition)
                """
            )
            for row in rows {
                let run = try row.decode(0, as: UUID.self)
                let isPaused = try await runs.pause(
                    run,
                    reason: stop.reason,
                    by: stop.subject.actor,
                    templateHeldAt: stop.isHold ? stop.at : nil
                )
                if isPaused { paused.append(run) }
            }
        }
        return paused
    }
}

extension InboundReport.Stop.Subject {
    fileprivate var actor: RunActor {
        guard case .template = self else { return .webhook }
        return .template
    }

    /// The condition for the runs that need it, on `campaign_runs AS r`, `senders AS s`, `campaign_revisions AS v`.
    fileprivate var condition: PostgresQuery {
        switch self {
        case .account: "true"
        case .number(let display):
            """
            regexp_replace(s."displayPhoneNumber", '[^0-9]', '', 'g') = regexp_replace(\(display)::text, '[^0-9]', '', 'g')
            """
        case .template(let name, let language):
            """
            v.content #>> '{message,template,name}' = \(name)
                AND \(fragment: TemplateState.isSent(
                    by: "(v.content -> 'message')",
                    in: "\(TemplateState.language(language))::text"
                ))
            """
        }
    }
}
