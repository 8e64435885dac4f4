import Foundation
import Postgres

/// Counts what happens to the messages of runs by the minute, in the statements that move the counters of the runs.
///
/// The minutes of a run add up to its counters: `accepted - revoked` to its accepted messages, `delivered` to those that were
/// delivered or read, `read` and `failed` to those counters. Only runs from before the minutes were counted differ.
///
/// A transaction writes the minute of a run only after it has locked the run, so two transactions never wait for each other
/// at a minute, and nothing is lost if the process dies: both are in one transaction.
struct RunMinutes {
    /// True if the expression `locked` has a column `repeated`, with the number of attempts that another one follows.
    var hasRepeated = false
    /// True if the expression `locked` has a column `revoked`, with the accepted messages that are accepted no more.
    var hasRevoked = false

    private static let columns = ["accepted", "revoked", "delivered", "read", "failed", "retried"]

    /// The expression `minuted`, which reads an expression `locked` with the changes of the counters by `"runId"`.
    var counted: String {
        let (repeated, revoked) = (hasRepeated ? "d.repeated" : "0", hasRevoked ? "d.revoked" : "0")
        let moved =
            ["d.sent", "d.delivered", "d.read", "d.failed"] + (hasRepeated ? [repeated] : [])
            + (hasRevoked ? [revoked] : [])
        return """
            minuted AS (
                \(Self.insertion)
                SELECT d."runId", date_trunc('minute', now()), d.sent + d.delivered + d.read + \(revoked), \(revoked),
                    d.delivered + d.read, d.read, d.failed, \(repeated)
                FROM locked d WHERE \(moved.map { "\($0) <> 0" }.joined(separator: " OR "))
                \(Self.addition)
            )
            """
    }

    /// The expression `minuted` for messages that fail, which reads an expression `locked` with the columns `id` of the run
    /// and `count` of the messages.
    static let failing = PostgresQuery(
        sql: """
            minuted AS (
                \(insertion) SELECT d.id, date_trunc('minute', now()), 0, 0, 0, 0, d.count, 0 FROM locked d \(addition)
            )
            """
    )

    /// Adds the difference between the right counters of a run and those that it had, to a run that is locked.
    static func add(
        _ counters: RunCounters,
        insteadOf former: RunCounters,
        to run: UUID,
        on connection: PostgresConnection
    ) async throws(PostgresError) {
        func difference(_ statuses: MessageStatus...) -> Int {
            statuses.reduce(0) { $0 + counters[$1] - former[$1] }
        }
        let (delivered, read) = (difference(.delivered, .read), difference(.read))
        let (accepted, failed) = (difference(.sent, .delivered, .read), difference(.failed))
        guard (accepted, delivered, read, failed) != (0, 0, 0, 0) else { return }
        try await connection.execute(
            PostgresQuery(sql: insertion)
                + """
                 VALUES (\(run), date_trunc('minute', now()), \(max(0, accepted)), \(max(0, -accepted)), \(delivered), \(read),
                    \(failed), 0)

                """ + PostgresQuery(sql: addition)
        )
    }

    private static let insertion =
        #"INSERT INTO run_minutes AS n ("runId", minute, \#(columns.joined(separator: ", ")))"#
    private static let addition =
        #"ON CONFLICT ("runId", minute) DO UPDATE SET "#
        + columns.map { "\($0) = n.\($0) + excluded.\($0)" }.joined(separator: ", ")
}
