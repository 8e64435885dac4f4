public import Foundation
import Postgres

/// Messages of a run that failed in a row with the same code, which could concern all its messages: the alike guard pauses
/// the run.
public struct AlikeRefusals: Hashable, Sendable {
    /// The way in which the refusals came.
    enum Source: String {
        /// Answers to requests; an accepted message ends the row.
        case answer
        /// Reports about accepted messages; a delivered message ends the row.
        case report
    }

    /// Refusals in a row that pause a run.
    public static let limit = 20
    /// Refusals that pause a run of which nothing succeeded since it began to count.
    public static let limitAtFirst = 10

    public let run: UUID
    public let code: String
    /// The text of the latest one.
    public let message: String
    public let count: Int
    /// True if they came in reports.
    public let isReported: Bool

    /// Makes common table expressions that count the refusals among the rows that a statement changes.
    ///
    /// The statement has an expression `changed` with the columns `"runId"`, `"tenantId"`, `old`, `new`, `code`, `message`
    /// and `"isCounted"`, and the expressions of ``RunCounters``: a run is locked before its refusals, as everywhere.
    ///
    /// The counters are those before the statement. If messages of the run are accepted at the same time, the next
    /// refusal sees it.
    static func counting(_ source: Source) -> PostgresQuery {
        """
        , refused AS (
            SELECT DISTINCT ON (c."runId") c."runId", c."tenantId", coalesce(c.code, 'unknown') AS code,
                max(coalesce(c.message, '')) AS message, count(*)::int AS count
            FROM changed c
            WHERE c."isCounted" AND c.new = \(message: .failed) AND c.old <> \(message: .failed)
            GROUP BY 1, 2, 3 ORDER BY 1, 5 DESC, 3
        ), alike AS (
            INSERT INTO run_refusals AS s ("runId", source, "tenantId", code, message, count, successes)
            SELECT f."runId", \(source.rawValue), f."tenantId", left(f.code, 50),
                -- WhatsApp's texts may quote a number, and the row is about no one person.
                regexp_replace(f.message, '\\+?\\d[\\d ().-]{6,}\\d', '…', 'g'), f.count, \(fragment: source.successes)
            FROM locked JOIN refused f ON f."runId" = locked."runId" JOIN campaign_runs r ON \(key: "r.id", of: #"f."runId""#)
            ON CONFLICT ("runId", source) DO UPDATE SET
                code = excluded.code,
                message = excluded.message,
                count = CASE WHEN \(fragment: continues) THEN s.count ELSE 0 END + excluded.count,
                successes = CASE WHEN \(fragment: continues) THEN s.successes ELSE excluded.successes END,
                "startedAt" = CASE WHEN \(fragment: continues) THEN s."startedAt" ELSE now() END
            RETURNING *
        )
        """
    }

    /// The result of a statement with the expressions of ``counting(_:)``: the runs to pause.
    static let selection: PostgresQuery = """
        SELECT \(fragment: columns) FROM alike s
        CROSS JOIN LATERAL (SELECT * FROM campaign_runs WHERE id = s."runId" OFFSET 0) r
        WHERE \(fragment: RunRepository.live) AND \(fragment: isOver)
        """

    /// True if a row of refusals goes on; those of a standing run count for a day.
    private static let continues: PostgresQuery = """
        (s.code = excluded.code AND excluded.successes <= s.successes
            AND (s."startedAt" > now() - interval '24 hours'
                OR NOT (SELECT "isTriggered" FROM campaign_runs WHERE id = s."runId")))
        """

    /// The columns of ``read(_:)``, from `run_refusals AS s`.
    static let columns: PostgresQuery = "s.\"runId\", s.code, s.message, s.count, s.source = 'report' AS \"isReported\""

    /// The condition for refusals `s` of a run `r` that pause it.
    static let isOver: PostgresQuery = """
        NOT r."ignoresGuards" AND s.count >= CASE
            WHEN s.successes <= CASE s.source WHEN 'answer' THEN r."guardAccepted" ELSE r."guardDelivered" END
                THEN \(limitAtFirst)::int
            ELSE \(limit)::int
        END
        """

    /// The condition for refusals `s` of a run `r` after which nothing succeeded.
    static let isLatest: PostgresQuery = """
        s.successes >= CASE s.source
            WHEN 'answer' THEN \(fragment: Source.answer.successes) ELSE \(fragment: Source.report.successes)
        END
        """

    static func read(_ rows: PostgresRows) throws(PostgresError) -> [AlikeRefusals] {
        var read: [AlikeRefusals] = []
        for row in rows {
            read.append(
                AlikeRefusals(
                    run: try row.decode("runId"),
                    code: try row.decode("code"),
                    message: try row.decode("message"),
                    count: try row.decode("count"),
                    isReported: try row.decode("isReported")
                )
            )
        }
        return read
    }
}

extension AlikeRefusals.Source {
    /// The messages of a run `r` of which one more ends a row of refusals.
    var successes: PostgresQuery {
        switch self {
        case .answer: "r.sent + r.delivered + r.read"
        case .report: "r.delivered + r.read"
        }
    }
}
