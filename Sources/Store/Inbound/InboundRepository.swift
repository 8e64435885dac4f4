public import Foundation
import JSON
public import Postgres
import Spec

/// Records messages and consent of contacts, and pauses runs that WhatsApp has stopped.
///
/// Everything may come twice and in any order: messages are counted once, times only move forward, and the later of two
/// statements about consent counts.
public struct InboundRepository: Sendable {
    private struct Sender {
        let tenantID: String
        let optOutWords: [String]
    }

    private struct Consent {
        let tenantID: String
        let from: String
        let isOptedIn: Bool
        let at: Date
    }

    let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Applies a report.
    ///
    /// - Returns: The runs paused now, with the reason.
    /// - Throws: `PostgresError`; apply the report again then to complete it.
    @discardableResult
    public func apply(_ report: InboundReport) async throws -> [UUID] {
        guard !report.isEmpty else { return [] }
        try await learn(report.numbers)
        if !report.messages.isEmpty || !report.preferences.isEmpty {
            try await pool.transaction { connection in
                let senders = try await senders(of: report, on: connection)
                try await count(report.messages, on: connection)
                try await write(Self.consents(in: report, senders: senders), on: connection)
            }
        }
        let facts = AccountFactRepository(pool: pool)
        try await facts.keep(report.facts)
        var stops: [InboundReport.Stop] = []
        for stop in report.stops where try await !facts.overrides(stop) { stops.append(stop) }
        return stops.isEmpty ? [] : try await pause(stops)
    }

    /// Returns the tenants by the number that received the messages.
    private func senders(
        of report: InboundReport,
        on connection: PostgresConnection
    ) async throws -> [String: [Sender]] {
        let numbers = Set(report.messages.map(\.phoneNumberID) + report.preferences.map(\.phoneNumberID))
        let rows = try await connection.query(
            """
            SELECT DISTINCT s."phoneNumberId", s."tenantId", t."optOutWords"
            FROM senders s LEFT JOIN tenants t ON t."tenantId" = s."tenantId" AND t."archivedAt" IS NULL
            WHERE s."phoneNumberId" = ANY(\(Array(numbers))::text[]) AND s."archivedAt" IS NULL
            """
        )
        var senders: [String: [Sender]] = [:]
        for row in rows {
            let words = try row.json("optOutWords")?.arrayValue?.compactMap(\.stringValue) ?? []
            senders[try row.decode(0), default: []].append(Sender(tenantID: try row.decode(1), optOutWords: words))
        }
        return senders
    }

    private static func consents(in report: InboundReport, senders: [String: [Sender]]) -> [Consent] {
        let written = report.messages.flatMap { message -> [Consent] in
            (senders[message.phoneNumberID] ?? []).compactMap { sender in
                guard let isOptedIn = ConsentWords.consent(in: message.texts, own: sender.optOutWords) else {
                    return nil
                }
                return Consent(tenantID: sender.tenantID, from: message.from, isOptedIn: isOptedIn, at: message.at)
            }
        }
        let chosen = report.preferences.flatMap { preference in
            (senders[preference.phoneNumberID] ?? []).map { sender in
                Consent(
                    tenantID: sender.tenantID,
                    from: preference.from,
                    isOptedIn: preference.isOptedIn,
                    at: preference.at
                )
            }
        }
        return written + chosen
    }

    /// Returns the ids under which contacts may be stored, for each sender of a report.
    private static func names(of senders: [String]) -> [(sender: String, contactID: String)] {
        Set(senders).flatMap { sender in
            PhoneNumberAliases.of(sender).flatMap { [(sender, $0), (sender, "+" + $0)] }
        }
    }

    /// Opens windows and counts messages.
    private func count(_ messages: [InboundReport.Message], on connection: PostgresConnection) async throws {
        guard !messages.isEmpty else { return }
        let names = Self.names(of: messages.map(\.from))
        try await connection.execute(
            """
            WITH incoming AS MATERIALIZED (
                SELECT DISTINCT ON (id) id, number, sender, at FROM unnest(
                    \(messages.map(\.id))::text[], \(messages.map(\.phoneNumberID))::text[],
                    \(messages.map(\.from))::text[], \(messages.map(\.at))::timestamptz[]
                ) AS i(id, number, sender, at) ORDER BY id
            ), names AS MATERIALIZED (
                SELECT DISTINCT sender, name
                FROM unnest(\(names.map(\.sender))::text[], \(names.map(\.contactID))::text[]) AS n(sender, name)
            ), fresh AS (
                INSERT INTO inbound_messages ("waMessageId") SELECT id FROM incoming
                ON CONFLICT DO NOTHING RETURNING "waMessageId"
            ), known AS MATERIALIZED (
                SELECT c.id, count(DISTINCT i.id) AS messages, min(i.at) AS first, max(i.at) AS last
                FROM incoming i
                JOIN fresh f ON f."waMessageId" = i.id
                JOIN senders s ON s."phoneNumberId" = i.number AND s."archivedAt" IS NULL
                JOIN names n ON n.sender = i.sender
                CROSS JOIN LATERAL (
                    SELECT c.id FROM contacts c
                    WHERE c."tenantId" = s."tenantId" AND \(only: #"c."contactId""#, is: "n.name")
                ) c
                GROUP BY c.id
            ), locked AS MATERIALIZED (
                SELECT k.* FROM known k JOIN contacts c ON \(key: "c.id", of: "k.id")
                ORDER BY k.id FOR NO KEY UPDATE OF c
            )
            UPDATE contacts c SET
                "lastSeen" = greatest(c."lastSeen", k.last), "firstSeen" = coalesce(c."firstSeen", k.first),
                "messageCount" = least(coalesce(c."messageCount", 0) + k.messages, 2147483647), "updatedAt" = now()
            FROM locked k WHERE \(key: "c.id", of: "k.id")
            """
        )
    }

    private func write(_ consents: [Consent], on connection: PostgresConnection) async throws {
        guard !consents.isEmpty else { return }
        let names = Self.names(of: consents.map(\.from))
        try await connection.execute(
            """
            WITH names AS MATERIALIZED (
                SELECT DISTINCT sender, name
                FROM unnest(\(names.map(\.sender))::text[], \(names.map(\.contactID))::text[]) AS n(sender, name)
            ), said AS MATERIALIZED (
                SELECT DISTINCT ON (c.id) c.id, i."optedIn" AS opted, i.at FROM unnest(
                    \(consents.map(\.tenantID))::text[], \(consents.map(\.from))::text[],
                    \(consents.map(\.isOptedIn))::bool[], \(consents.map(\.at))::timestamptz[]
                ) AS i(tenant, sender, "optedIn", at)
                JOIN names n ON n.sender = i.sender
                CROSS JOIN LATERAL (
                    SELECT c.id FROM contacts c
                    WHERE c."tenantId" = i.tenant AND \(only: #"c."contactId""#, is: "n.name")
                ) c
                -- Of two in the same second, no is the safe one.
                ORDER BY c.id, i.at DESC, i."optedIn"
            ), locked AS MATERIALIZED (
                SELECT said.* FROM said JOIN contacts c ON \(key: "c.id", of: "said.id")
                ORDER BY said.id FOR NO KEY UPDATE OF c
            )
            UPDATE contacts c SET
                "optedIn" = s.opted,
                "optedInAt" = CASE WHEN s.opted THEN s.at ELSE c."optedInAt" END,
                "optedOutAt" = CASE WHEN s.opted THEN c."optedOutAt" ELSE s.at END,
                "updatedAt" = now()
            FROM locked s
            WHERE \(key: "c.id", of: "s.id") AND (
                s.at > coalesce(greatest(c."optedInAt", c."optedOutAt"), '-infinity')
                OR NOT s.opted AND s.at = greatest(c."optedInAt", c."optedOutAt")
            )
            """
        )
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
        let notifications = NotificationRepository(pool: pool)
        var paused: [UUID] = []
        for stop in stops {
            if case .template(let name, let language) = stop.subject {
                try await notifications.tell(
                    ofTemplate: name,
                    language: language,
                    account: stop.businessAccountID,
                    reason: stop.reason
                )
            }
            let rows = try await pool.query(
                """
                SELECT r.id FROM campaign_runs r
                JOIN senders s ON s.id = r."senderId"
                JOIN campaign_revisions v ON v.id = r."revisionId"
                WHERE \(fragment: RunRepository.live)
                    AND s."businessAccountId" = \(stop.businessAccountID)
                    AND \(fragment: stop.subject.condition)
                """
            )
            for row in rows {
                let run = try row.decode(0, as: UUID.self)
                if try await runs.pause(run, reason: stop.reason, by: stop.subject.actor) { paused.append(run) }
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
                AND replace(v.content #>> '{message,template,language,code}', '-', '_') = replace(\(language)::text, '-', '_')
            """
        }
    }
}
