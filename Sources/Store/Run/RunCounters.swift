import Postgres

/// The messages of a run by status, kept in `campaign_runs` so that no query has to count a big table.
public struct RunCounters: Hashable, Sendable, CustomStringConvertible {
    private var counts: [MessageStatus: Int]
    /// Pending messages that wait because WhatsApp caps their recipients.
    public var capped: Int

    public init(_ counts: [MessageStatus: Int] = [:], capped: Int = 0) {
        self.counts = counts
        self.capped = capped
    }

    public subscript(status: MessageStatus) -> Int {
        get { counts[status, default: 0] }
        set { counts[status] = newValue }
    }

    /// The counts that are not 0, as log lines show them.
    public var description: String {
        let parts = MessageStatus.allCases.filter { self[$0] != 0 }.map { "\($0.rawValue) \(self[$0])" }
        return (parts + (capped == 0 ? [] : ["capped \(capped)"])).joined(separator: ", ")
    }

    /// All messages, whatever their status.
    public var total: Int { counts.values.reduce(0, +) }

    /// Messages that still wait for an attempt or its outcome.
    public var open: Int { self[.pending] + self[.queued] + self[.sending] }

    /// Messages that were sent, or failed; not those that were cancelled or still wait.
    public var tried: Int { accepted + self[.failed] + self[.unconfirmed] }

    /// Messages that WhatsApp accepted.
    public var accepted: Int { self[.sent] + self[.delivered] + self[.read] }

    init(row: PostgresRow) throws(PostgresError) {
        counts = [:]
        capped = try row.decode("capped")
        for status in MessageStatus.allCases {
            counts[status] = try row.decode(status.rawValue, as: Int.self)
        }
    }
}

extension RunCounters {
    /// The counter columns, for a SELECT from `campaign_runs AS r`.
    static let columns = PostgresQuery(
        sql: MessageStatus.allCases.map { "r.\($0.rawValue)" }.joined(separator: ", ") + ", r.capped"
    )

    /// Common table expressions that move the counters along with the statuses.
    ///
    /// They read an earlier expression `changed` with the columns `"runId"`, `old` and `new`, so that the statement
    /// that changes the rows also changes the counters. Runs are locked in the order of their ids, so that statements
    /// about the same runs wait for each other without deadlock. Their cost grows with the runs of a batch, not faster.
    ///
    /// Changes by answers and reports are also counted by the minute; see ``RunMinutes``.
    static let counted = expressions(minutes: .init())

    /// The same expressions for messages that only wait, before and after, or are cancelled: nothing is counted by the minute.
    static let countedWaiting = expressions()

    /// The same expressions for messages that are tried again, all of them.
    static let countedRepeated = expressions(deltas: ["count(*) AS repeated"], minutes: .init(hasRepeated: true))

    /// The same expressions, with the counter of messages that WhatsApp holds back; `changed` then has columns `"isHeld"`
    /// and `"isRepeated"` as well.
    static let countedWithHeld = expressions(
        deltas: [held, repeated],
        changes: ["held = r.held + d.held"],
        minutes: .init(hasRepeated: true)
    )

    /// The same expressions for messages that are cancelled, with the counter of messages that wait for a cap; `changed` then
    /// has columns `"wasCapped"` and `"isCapped"` as well.
    static let countedWithCapped = expressions(deltas: [capped], changes: [cappedChange])

    /// The same expressions with both, and `"isRepeated"`.
    static let countedWithHeldAndCapped = expressions(
        deltas: [held, capped, repeated],
        changes: ["held = r.held + d.held", cappedChange],
        minutes: .init(hasRepeated: true)
    )

    /// Messages of which an attempt failed that another one follows.
    private static let repeated = "count(*) FILTER (WHERE \"isRepeated\") AS repeated"
    /// Messages that WhatsApp had accepted, and that it did not deliver.
    private static let revoked =
        "count(*) FILTER (WHERE old IN (\(list(MessageStatus.accepted)))"
        + " AND new NOT IN (\(list(MessageStatus.accepted)))) AS revoked"

    private static func list(_ statuses: [MessageStatus]) -> String {
        statuses.map { "'\($0.rawValue)'" }.joined(separator: ", ")
    }

    private static let capped =
        "count(*) FILTER (WHERE \"isCapped\") - count(*) FILTER (WHERE \"wasCapped\") AS capped"
    private static let cappedChange = "capped = r.capped + d.capped"

    /// The same expressions, with the counters of messages that a later run repeats; `changed` then has a column
    /// `"isRetried"` as well, and those of capped messages.
    static let countedWithReports = expressions(
        deltas: [held, capped, repeated, revoked]
            + retried.map { status, column in
                "count(*) FILTER (WHERE \"isRetried\" AND new = '\(status)')"
                    + " - count(*) FILTER (WHERE \"isRetried\" AND old = '\(status)') AS \"\(column)\""
            },
        changes: ["held = r.held + d.held", cappedChange]
            + retried.map { _, column in "\"\(column)\" = r.\"\(column)\" + d.\"\(column)\"" },
        minutes: .init(hasRepeated: true, hasRevoked: true)
    )

    private static let held =
        "count(*) FILTER (WHERE \"isHeld\" AND new = 'sent') - count(*) FILTER (WHERE \"isHeld\" AND old = 'sent')"
        + " AS held"

    /// The states that a message may have that a later run repeats, with the counters of such messages.
    private static let retried = [
        (MessageStatus.failed.rawValue, "retriedFailed"), (MessageStatus.delivered.rawValue, "retriedDelivered"),
        (MessageStatus.read.rawValue, "retriedRead"),
    ]

    private static func expressions(
        deltas more: [String] = [],
        changes others: [String] = [],
        minutes: RunMinutes? = nil
    ) -> PostgresQuery {
        let deltas = MessageStatus.allCases.map { status in
            "count(*) FILTER (WHERE new = '\(status.rawValue)') - count(*) FILTER (WHERE old = '\(status.rawValue)')"
                + " AS \(status.rawValue)"
        }
        let changes = MessageStatus.allCases.map { "\($0.rawValue) = r.\($0.rawValue) + d.\($0.rawValue)" }
        let run: PostgresQuery = "\(key: "r.id", of: "moved.\"runId\"")"
        let locked: PostgresQuery = "\(key: "r.id", of: "d.\"runId\"")"
        return PostgresQuery(
            sql: """
                locked AS (
                    SELECT moved.* FROM (
                        SELECT "runId", \((deltas + more).joined(separator: ", "))
                        FROM changed WHERE old IS DISTINCT FROM new GROUP BY "runId"
                    ) moved
                    JOIN campaign_runs r ON \(run.sql)
                    ORDER BY moved."runId" FOR NO KEY UPDATE OF r
                ), counted AS (
                    UPDATE campaign_runs r SET \((changes + others).joined(separator: ", "))
                    FROM locked d WHERE \(locked.sql)
                )\(minutes.map { ", " + $0.counted } ?? "")
                """
        )
    }
}
