import Foundation
import Postgres
import Spec

/// The messages that a new run repeats: those of the last launch of a campaign, and of the runs that repeated it.
struct RetrySource: Sendable {
    enum Selection: Hashable, Sendable {
        /// Failed messages of which no request can have been accepted; all of them, or those with one of the codes.
        case failed(codes: [String])
        /// Messages that have been unconfirmed for so long, and that a person wants sent again.
        case unconfirmed(for: Duration)
    }

    /// The last run, and the runs that it repeats.
    let runs: [UUID]
    let tenant: String
    let selection: Selection
    /// True if only contacts in their 24 h window can get the message.
    let isFreeText: Bool
    let window: ContactWindow
    /// The category by which contacts who can get the message are chosen.
    let category: TemplateSpec.Category

    init(
        last run: RunRecord,
        _ selection: Selection,
        isFreeText: Bool,
        window: ContactWindow,
        category: TemplateSpec.Category,
        on connection: PostgresConnection
    ) async throws {
        runs = try await Self.chain(of: run.id, on: connection)
        tenant = run.tenantID
        self.selection = selection
        (self.isFreeText, self.category) = (isFreeText, category)
        self.window = window
    }

    /// Returns the run and those that it repeats, down to the launch.
    static func chain(of run: UUID, on connection: PostgresConnection) async throws(PostgresError) -> [UUID] {
        let rows = try await connection.query(
            "WITH RECURSIVE \(fragment: chain(of: run)) SELECT id FROM chain ORDER BY depth"
        )
        var runs: [UUID] = []
        for row in rows { runs.append(try row.decode(0)) }
        return runs
    }

    /// Returns the recursive expression `chain` with the ids of a run and of those that it repeats.
    static func chain(of run: UUID) -> PostgresQuery {
        """
        chain AS (
            SELECT id, "retryOf", 0 AS depth FROM campaign_runs WHERE id = \(run)
            UNION ALL
            SELECT r.id, r."retryOf", chain.depth + 1 FROM chain JOIN campaign_runs r ON r.id = chain."retryOf"
        )
        """
    }

    /// The condition for messages, as `m`, of which WhatsApp may have accepted a request that was not answered.
    ///
    /// A daemon of the version before does not count such requests, but it logs them: a failed attempt that was answered
    /// has a status, and `connection` is the code of those that were not written.
    static let mayHaveBeenAccepted: PostgresQuery = """
        (m."lostAnswers" > 0 OR EXISTS (
            SELECT FROM message_failures f
            WHERE f."messageId" = m.id AND f."httpStatus" IS NULL AND f."errorCode" <> 'connection'
        ))
        """

    /// Returns the condition for messages, as `m`, that failed without an id of WhatsApp, and are not repeated yet.
    static func failed(in runs: [UUID]) -> PostgresQuery {
        """
        m."runId" = ANY(\(runs)::uuid[]) AND m."failedAt" IS NOT NULL AND m.status = \(message: .failed)
            AND m."waMessageId" IS NULL AND m."sentAt" IS NULL AND m."retriedBy" IS NULL
        """
    }

    /// The condition for messages, as `m`, whose contacts may not matter.
    var messages: PostgresQuery {
        switch selection {
        case .failed(let codes):
            """
            \(fragment: Self.failed(in: runs)) AND NOT \(fragment: Self.mayHaveBeenAccepted)
                AND (cardinality(\(codes)::text[]) = 0 OR coalesce(m."errorCode", '') = ANY(\(codes)::text[]))
            """
        case .unconfirmed(let duration):
            """
            (\(fragment: ranges)) AND m.status = \(message: .unconfirmed)
                AND m."unconfirmedAt" <= clock_timestamp() - \(duration.seconds) * interval '1 second'
            """
        }
    }

    /// The messages of the runs by their primary key, because no index contains the status.
    private var ranges: PostgresQuery {
        let ranges = runs.map { run -> PostgresQuery in
            let first = MessageID.make(run: run, position: 0)
            let last = MessageID.make(run: run, position: MessageID.maximumPosition)
            return "m.id BETWEEN \(first) AND \(last)"
        }
        return .joined(ranges, separator: " OR ")
    }

    /// The condition for contacts, as `c`, that can get the message now.
    var contacts: PostgresQuery {
        """
        c."tenantId" = \(tenant) AND \(fragment: AudienceQuery.mayGet(category))
            AND c."deactivatedAt" IS NULL
            AND (NOT \(isFreeText)::bool OR \(fragment: window.isOpen))
        """
    }
}
