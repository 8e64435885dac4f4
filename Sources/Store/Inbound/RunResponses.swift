import Foundation
public import Postgres

/// The kinds of responses that runs count.
public enum ResponseKind: String, CaseIterable, Sendable, PostgresScalar {
    /// The person answered a message of the run, by quoting it or by a button.
    case replied
    /// The person pressed a button of a message of the run, or chose from its list.
    case tapped
    /// The person opted out by an answer to a message of the run, or within 72 hours of it.
    case optedOut
}

/// The people who responded to a run, each counted once per run and kind.
public struct RunResponses: Hashable, Sendable {
    private var counts: [ResponseKind: Int]

    public init(_ counts: [ResponseKind: Int] = [:]) {
        self.counts = counts
    }

    public subscript(kind: ResponseKind) -> Int { counts[kind, default: 0] }

    /// True if there are no responses.
    public var isEmpty: Bool { counts.values.allSatisfy { $0 == 0 } }

    /// The counter columns, for a SELECT from `campaign_runs AS r`.
    static let columns: PostgresQuery = "r.replied, r.tapped, r.\"optedOut\""

    /// The sums of the counters of `campaign_runs AS r`.
    static let sums = PostgresQuery(
        sql: ResponseKind.allCases.map { "coalesce(sum(r.\"\($0.rawValue)\"), 0)::bigint AS \"\($0.rawValue)\"" }
            .joined(separator: ", ")
    )

    init(row: PostgresRow) throws(PostgresError) {
        counts = [:]
        for kind in ResponseKind.allCases { counts[kind] = try row.decode(kind.rawValue, as: Int.self) }
    }
}

/// Counts what people answer to the messages of runs.
///
/// Webhooks come twice and in any order, and a daemon may die between any two statements. So the row of a response is written
/// by the statement that counts it: a response that has a row is not counted again. A response to a message whose id is not
/// known yet is parked like a status, and counted when the id is known.
struct ResponseRepository: Sendable {
    /// An answer to a message, by WhatsApp's id of that message.
    struct Response: Hashable, Sendable {
        let kind: ResponseKind
        let waMessageID: String
        let at: Date
    }

    /// An opt-out that answers no known message.
    struct OptOut: Sendable {
        /// The rows of the person.
        let contacts: [UUID]
        /// The time of the opt-out; `nil` is the present.
        let at: Date?
        /// The message that WhatsApp refused because of it, which the person did not get.
        var refused: UUID?
    }

    /// The time since the last message within which an opt-out counts for its run, in hours.
    static let optOutHours = 72.0

    let pool: PostgresPool

    /// Counts answers.
    ///
    /// - Returns: The answers whose message is unknown.
    /// - Throws: `PostgresError`; harmless to repeat.
    func count(_ responses: [Response]) async throws(PostgresError) -> [Response] {
        guard !responses.isEmpty else { return [] }
        let rows = try await pool.query(
            """
            WITH answered AS MATERIALIZED (
                SELECT t.number, t.kind, t.at, m.* FROM unnest(
                    \(responses.map(\.waMessageID))::text[], \(responses.map(\.kind.rawValue))::text[],
                    \(responses.map(\.at))::timestamptz[]
                ) WITH ORDINALITY AS t("waMessageId", kind, at, number)
                CROSS JOIN LATERAL (
                    SELECT m.id, m."runId", m."contactId", m."tenantId" FROM campaign_messages m
                    WHERE \(only: #"m."waMessageId""#, is: #"t."waMessageId""#)
                ) m
            ), \(fragment: Self.counted)
            SELECT number FROM answered
            """
        )
        var known: Set<Int> = []
        for row in rows { known.insert(try row.decode(0, as: Int.self) - 1) }
        return responses.indices.filter { !known.contains($0) }.map { responses[$0] }
    }

    /// Counts opt-outs for the run of the last message that each person got before, if that is not 72 hours ago.
    ///
    /// - Throws: `PostgresError`; harmless to repeat.
    func count(_ optOuts: [OptOut]) async throws(PostgresError) {
        let contacts = optOuts.enumerated().flatMap { number, optOut in
            optOut.contacts.map { (number: number, id: $0, at: optOut.at, refused: optOut.refused) }
        }
        guard !contacts.isEmpty else { return }
        // WhatsApp's times have whole seconds, and its clock is not ours.
        try await pool.execute(
            """
            WITH said AS MATERIALIZED (
                SELECT o.number, o.contact, o.refused, coalesce(o.at, clock_timestamp()) AS at FROM unnest(
                    \(contacts.map(\.number))::int[], \(contacts.map(\.id))::uuid[],
                    \(contacts.map(\.at))::timestamptz[], \(contacts.map(\.refused))::uuid[]
                ) AS o(number, contact, at, refused)
            ), answered AS MATERIALIZED (
                SELECT DISTINCT ON (s.number) 'optedOut'::text AS kind, s.at, m.id, m."runId", m."contactId", m."tenantId"
                FROM said s CROSS JOIN LATERAL (
                    SELECT * FROM campaign_messages m WHERE \(key: #"m."contactId""#, of: "s.contact") OFFSET 0
                ) m
                WHERE m.status IN \(anyOf: MessageStatus.accepted) AND m.id IS DISTINCT FROM s.refused
                    AND m."sentAt" <= s.at + interval '1 minute'
                    AND m."sentAt" > s.at - \(Self.optOutHours) * interval '1 hour'
                ORDER BY s.number, m."sentAt" DESC, m.id
            ), \(fragment: Self.counted)
            SELECT count(*) FROM answered
            """
        )
    }

    /// The expressions that store the responses of an expression `answered`, and count those that are new.
    ///
    /// Rows of responses are written in the order of their key, and runs are locked after them in the order of their ids.
    private static let counted: PostgresQuery = """
        stored AS (
            INSERT INTO run_responses ("contactId", "runId", kind, "messageId", "tenantId", at)
            SELECT DISTINCT ON ("contactId", "runId", kind) "contactId", "runId", kind, id, "tenantId", at FROM answered
            ORDER BY "contactId", "runId", kind, at, id
            ON CONFLICT ("contactId", "runId", kind) DO NOTHING
            RETURNING "runId", kind
        ), locked AS (
            SELECT s.* FROM (
                SELECT "runId", count(*) FILTER (WHERE kind = 'replied') AS replied,
                    count(*) FILTER (WHERE kind = 'tapped') AS tapped,
                    count(*) FILTER (WHERE kind = 'optedOut') AS "optedOut"
                FROM stored GROUP BY "runId"
            ) s
            JOIN campaign_runs r ON \(key: "r.id", of: #"s."runId""#)
            ORDER BY s."runId" FOR NO KEY UPDATE OF r
        ), counted AS (
            UPDATE campaign_runs r SET replied = r.replied + l.replied, tapped = r.tapped + l.tapped,
                "optedOut" = r."optedOut" + l."optedOut"
            FROM locked l WHERE \(key: "r.id", of: #"l."runId""#)
        )
        """

    /// Keeps answers whose message is not known yet, beside the parked statuses.
    func park(_ responses: [Response]) async throws(PostgresError) {
        guard !responses.isEmpty else { return }
        try await pool.execute(
            """
            INSERT INTO webhook_inbox ("waMessageId", status, "occurredAt")
            SELECT * FROM unnest(
                \(responses.map(\.waMessageID))::text[], \(responses.map(\.kind.rawValue))::text[],
                \(responses.map(\.at))::timestamptz[]
            )
            ON CONFLICT ("waMessageId", status) DO NOTHING
            """
        )
    }
}

extension InboundReport.Message {
    /// The answers to a message that it consists of, besides an opt-out; empty if it quotes no message.
    var responses: [ResponseRepository.Response] {
        guard let answered = person.repliesTo else { return [] }
        return (isButton ? [.replied, .tapped] : [.replied]).map { kind in
            ResponseRepository.Response(kind: kind, waMessageID: answered, at: at)
        }
    }
}
