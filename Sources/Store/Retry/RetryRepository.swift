public import Foundation
public import Postgres
public import Spec

/// Repeats failed messages of a campaign's last launch, in a run of their own.
///
/// Only messages that WhatsApp never accepted are repeated, to contacts who are opted in and active. A message whose
/// answer was lost never is, because a repetition could arrive twice. Each message is repeated once: it names the run that
/// does it, and the analytics of the campaign count its recipient in that run only.
///
/// The run is opened with its messages in one transaction, so a crash leaves nothing or everything. A launcher of another
/// daemon never sees it unfinished, and cannot write messages for the whole audience into it.
public struct RetryRepository: Sendable {
    /// The messages that a retry would repeat now.
    public struct Preview: Sendable {
        /// The messages with one code.
        public struct Code: Hashable, Sendable {
            /// The code with which they failed.
            public let code: String
            /// Messages that would be repeated.
            public let messages: Int
            /// Messages that would not, because their contacts cannot get them now.
            public let unreachable: Int
        }

        /// The last run of the campaign.
        public let run: RunRecord
        /// The launch that it repeats, directly or through other runs; the run itself if it repeats none.
        public let launch: RunRecord
        /// The failures by code, most frequent first.
        public let codes: [Code]
        /// Messages that would be repeated too, but failed with another code than those that were asked for.
        public let others: Int
        /// Messages that WhatsApp may have accepted; a retry never repeats them.
        public let inDoubt: Int
        /// Failed and unconfirmed messages that retention has deleted, so that they cannot be repeated.
        public let deleted: Int
        /// The costs of repeating the messages that were asked for; `nil` without prices.
        public let cost: CostEstimate?

        /// All messages that would be repeated.
        public var total: Int { codes.reduce(0) { $0 + $1.messages } }
    }

    /// A run that was opened to repeat messages.
    public struct Retry: Sendable {
        public let run: RunRecord
        /// False if an earlier request with the same key opened the run.
        public let isNew: Bool
        /// The last run before it.
        public let previous: RunRecord?
        /// The quota that the run was checked against; `nil` if it is not new.
        public let quota: QuotaCheck?
        /// The repeated messages by the run that they were of.
        let repeated: [UUID: Int]
    }

    /// The time that a statement over all failed messages may take.
    private static let deadline = Duration.seconds(600)

    let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Counts the messages that a retry would repeat, without changing anything.
    ///
    /// - Parameters:
    ///   - campaign: The name or id of the campaign.
    ///   - tenant: The owner of the campaign.
    ///   - codes: Only messages that failed with one of these codes; empty for all.
    ///   - given: The present; `nil` takes Postgres's clock.
    /// - Returns: The counts by code.
    /// - Throws: ``LaunchError`` if the campaign cannot be retried now.
    public func preview(
        _ campaign: CampaignKey,
        tenant: String,
        codes: [String] = [],
        now given: Date? = nil
    ) async throws -> Preview {
        try await pool.transaction(deadline: .seconds(120)) { connection in
            let now = try await LaunchRepository.present(given, on: connection)
            let candidate = try await LaunchCandidate.lock(campaign, tenant: tenant, on: connection)
            let run = try await LaunchRepository.closedRun(of: candidate, on: connection)
            let content = try candidate.content(for: .retry)
            let source = try await RetrySource(
                last: run,
                .failed(codes: []),
                isFreeText: content.isFreeText,
                window: ContactWindow(at: now, number: candidate.windowNumber),
                category: try await candidate.reach(of: content, on: connection),
                on: connection
            )
            let isChosen = { (count: Preview.Code) in codes.isEmpty || codes.contains(count.code) }
            let (counts, size) = try await Self.count(source, codes: codes, on: connection)
            let category = RateCategory(template: source.category, isFreeText: content.isFreeText)
            let launch = try await connection.query(
                "\(fragment: RunRecord.selection) WHERE r.id = \(source.runs.last ?? run.id)"
            )
            return Preview(
                run: run,
                launch: try RunRecord(row: launch[0]),
                codes: counts.filter(isChosen),
                others: counts.reduce(0) { $0 + (isChosen($1) ? 0 : $1.messages) },
                inDoubt: try await Self.countDoubts(of: source.runs, on: connection),
                deleted: try await DeletedMessages.count(in: source.runs, on: connection),
                cost: try await TenantRates.read(of: tenant, on: connection)?.estimate(size, of: category, at: now)
            )
        }
    }

    /// Opens a run that repeats the failed messages, with a hold and a check of the quota of its own.
    ///
    /// The campaign's row is locked, so of several requests at once one opens a run. A request with a key may be repeated:
    /// it gets the run that the first one opened, whatever has become of it.
    ///
    /// - Parameters:
    ///   - campaign: The name or id of the campaign.
    ///   - tenant: The owner of the campaign.
    ///   - codes: Only messages that failed with one of these codes; empty for all.
    ///   - key: The caller's own name for the request, 1 to 200 characters; one name opens one run of the campaign.
    ///   - given: The instant of the launch; `nil` takes Postgres's clock.
    ///   - actor: Who retries it.
    /// - Returns: The run, with all its messages.
    /// - Throws: ``LaunchError`` if a run of the campaign is open, there is nothing to repeat, or the quota, the policy or
    ///   the wallet refuses it; nothing has happened then.
    public func open(
        _ campaign: CampaignKey,
        tenant: String,
        codes: [String] = [],
        key: String? = nil,
        now given: Date? = nil,
        by actor: RunActor = .daemon
    ) async throws -> Retry {
        try await pool.transaction(deadline: Self.deadline) { connection in
            let now = try await LaunchRepository.present(given, on: connection)
            let candidate = try await LaunchCandidate.lock(campaign, tenant: tenant, on: connection)
            if let key, let run = try await LaunchRepository.run(of: candidate, key: key, isRetry: true, on: connection)
            {
                let previous = try await LaunchRepository.lastRun(of: candidate.id, before: run.id, on: connection)
                return Retry(run: run, isNew: false, previous: previous, quota: nil, repeated: [:])
            }
            let retry = try await Self.open(candidate, .failed(codes: codes), key: key, now: now, on: connection)
            let reason = codes.isEmpty ? nil : "only \(codes.joined(separator: ", "))"
            try await RunAction.record(.retry, on: retry.run.id, by: actor, reason: reason, connection)
            return retry
        }
    }

    /// Opens the run in the caller's transaction, which holds the campaign's row.
    ///
    /// Locks are taken in the order of all transactions: messages, runs, holds, the wallet. The rows of the former runs
    /// and the wallet are changed last, because reports and outcomes of other messages wait for them.
    static func open(
        _ candidate: LaunchCandidate,
        _ selection: RetrySource.Selection,
        key: String? = nil,
        now: Date,
        on connection: PostgresConnection
    ) async throws -> Retry {
        let previous = try await LaunchRepository.closedRun(of: candidate, on: connection)
        let content = try candidate.content(for: .retry)
        let source = try await RetrySource(
            last: previous,
            selection,
            isFreeText: content.isFreeText,
            window: ContactWindow(at: now, number: candidate.windowNumber),
            category: try await candidate.reach(of: content, on: connection),
            on: connection
        )
        let id = LaunchRepository.makeID(at: now)
        let (size, repeated) = try await mark(source, for: id, on: connection)
        guard size.total > 0 else {
            if case .unconfirmed = selection { throw LaunchError.noneToResend(campaign: candidate.name) }
            let deleted = try await DeletedMessages.count(in: source.runs, on: connection)
            throw LaunchError.nothingToRetry(campaign: candidate.name, deleted: deleted)
        }
        let quota = try await LaunchRepository.checkQuota(of: candidate, size: size, now: now, on: connection)
        _ = try await LaunchRepository.insertRun(
            of: candidate,
            content,
            by: .retry,
            size: size,
            origin: .retry(of: previous.id, key: key),
            id: id,
            now: now,
            on: connection
        ) {
            try await write(source, to: id, of: candidate, from: now, on: connection)
            try await count(repeated, of: selection, on: connection)
        }
        let rows = try await connection.query("\(fragment: RunRecord.selection) WHERE r.id = \(id)")
        return Retry(
            run: try RunRecord(row: rows[0]),
            isNew: true,
            previous: previous,
            quota: quota,
            repeated: repeated
        )
    }
}

extension RetryRepository {
    /// Counts the messages that may be repeated by their codes, and the recipients of those with the codes that were asked for,
    /// all for none.
    private static func count(
        _ source: RetrySource,
        codes: [String],
        on connection: PostgresConnection
    ) async throws -> (counts: [Preview.Code], size: AudienceSize) {
        let rows = try await connection.query(
            """
            SELECT coalesce(m."errorCode", ''), \(fragment: NumberStart.of(AudienceZones.number)) AS beginning,
                count(*) FILTER (WHERE reachable),
                count(*) FILTER (WHERE reachable AND \(fragment: source.window.isOpen)),
                count(*) FILTER (WHERE NOT reachable)
            FROM campaign_messages m
            JOIN contacts c ON c.id = m."contactId"
            CROSS JOIN LATERAL (SELECT coalesce(\(fragment: source.contacts), false) AS reachable) q
            WHERE \(fragment: source.messages)
            GROUP BY 1, 2 ORDER BY 2, 1
            """,
            deadline: .seconds(120)
        )
        var counts: [String: (messages: Int, unreachable: Int)] = [:]
        var size = AudienceSize(total: 0, inWindow: 0, beginnings: [])
        for row in rows {
            let code = try row.decode(0, as: String.self)
            let group = AudienceSize(total: try row.decode(2), inWindow: try row.decode(3))
            let former = counts[code] ?? (0, 0)
            counts[code] = (former.messages + group.total, former.unreachable + (try row.decode(4, as: Int.self)))
            if codes.isEmpty || codes.contains(code) { size.add(group, beginning: try row.decode(1)) }
        }
        let sorted = counts.sorted { ($1.value.messages, $0.key) < ($0.value.messages, $1.key) }
        return (
            sorted.map { Preview.Code(code: $0.key, messages: $0.value.messages, unreachable: $0.value.unreachable) },
            size
        )
    }

    /// Counts unconfirmed messages, and those that failed after an answer was lost.
    private static func countDoubts(of runs: [UUID], on connection: PostgresConnection) async throws -> Int {
        let rows = try await connection.query(
            """
            SELECT (
                SELECT coalesce(sum(r.unconfirmed - \(fragment: DeletedMessages.count(of: "r.id", [.unconfirmed]))), 0)::bigint
                FROM campaign_runs r WHERE r.id = ANY(\(runs)::uuid[])
            ) + (
                SELECT count(*) FROM campaign_messages m
                WHERE \(fragment: RetrySource.failed(in: runs)) AND \(fragment: RetrySource.mayHaveBeenAccepted)
            )
            """,
            deadline: .seconds(120)
        )
        return try rows[0].decode(0)
    }

    /// Marks the messages that the run repeats, and counts them, also by the run that they are of.
    ///
    /// Unconfirmed ones become `failed`, and are known as messages that may have been accepted.
    private static func mark(
        _ source: RetrySource,
        for run: UUID,
        on connection: PostgresConnection
    ) async throws -> (size: AudienceSize, repeated: [UUID: Int]) {
        let settled: PostgresQuery
        switch source.selection {
        case .failed: settled = ""
        case .unconfirmed:
            settled = """
                , status = \(message: .failed), holder = NULL, "failedAt" = clock_timestamp(), "unconfirmedAt" = NULL,
                "lostAnswers" = m."lostAnswers" + 1, "errorMessage" = 'no answer came; sent again by hand',
                "errorCode" = coalesce(m."errorCode", 'answer_lost')
                """
        }
        let rows = try await connection.query(
            """
            WITH repeated AS MATERIALIZED (
                SELECT m.id, m."runId", coalesce(\(fragment: source.window.isOpen), false) AS "inWindow",
                    \(fragment: NumberStart.of(AudienceZones.number)) AS beginning
                FROM campaign_messages m JOIN contacts c ON c.id = m."contactId"
                WHERE \(fragment: source.messages) AND \(fragment: source.contacts)
                ORDER BY m.id FOR NO KEY UPDATE OF m
            ), marked AS (
                UPDATE campaign_messages m SET "retriedBy" = \(run) \(fragment: settled)
                FROM repeated WHERE m.id = repeated.id
            )
            SELECT "runId", beginning, count(*), count(*) FILTER (WHERE "inWindow") FROM repeated GROUP BY 1, 2 ORDER BY 2
            """,
            deadline: deadline
        )
        var (size, repeated) = (AudienceSize(total: 0, inWindow: 0, beginnings: []), [UUID: Int]())
        for row in rows {
            let group = AudienceSize(total: try row.decode(2), inWindow: try row.decode(3))
            repeated[try row.decode(0), default: 0] += group.total
            size.add(group, beginning: try row.decode(1))
        }
        return (size, repeated)
    }

    /// Counts the marked messages in the runs that they are of.
    private static func count(
        _ repeated: [UUID: Int],
        of selection: RetrySource.Selection,
        on connection: PostgresConnection
    ) async throws {
        let settled: PostgresQuery
        let minutes: PostgresQuery
        switch selection {
        case .failed: (settled, minutes) = ("", "")
        case .unconfirmed:
            settled = ", unconfirmed = r.unconfirmed - n.count, failed = r.failed + n.count"
            minutes = ", \(fragment: RunMinutes.failing)"
        }
        let runs = Array(repeated.keys)
        try await connection.execute(
            """
            WITH locked AS (
                SELECT r.id, n.count FROM campaign_runs r
                JOIN unnest(\(runs)::uuid[], \(runs.map { repeated[$0, default: 0] })::int[]) AS n(id, count) ON n.id = r.id
                ORDER BY r.id FOR NO KEY UPDATE OF r
            )\(fragment: minutes)
            UPDATE campaign_runs r SET "retriedFailed" = r."retriedFailed" + n.count \(fragment: settled)
            FROM locked n WHERE r.id = n.id
            """
        )
    }

    /// Writes a message for each marked one, in-window contacts first, and the chunks.
    private static func write(
        _ source: RetrySource,
        to run: UUID,
        of candidate: LaunchCandidate,
        from start: Date,
        on connection: PostgresConnection
    ) async throws {
        let rows = try await connection.query(
            """
            WITH numbered AS (
                SELECT c.id, \(fragment: Recipient.phone) AS phone, w.closed,
                    row_number() OVER (ORDER BY w.closed, m.id) AS position
                FROM campaign_messages m
                JOIN contacts c ON c.id = m."contactId"
                CROSS JOIN LATERAL (SELECT (\(fragment: source.window.isOpen)) IS NOT TRUE AS closed) w
                WHERE m."runId" = ANY(\(source.runs)::uuid[]) AND m."failedAt" IS NOT NULL AND m."retriedBy" = \(run)
            ), inserted AS (
                INSERT INTO campaign_messages (
                    id, "runId", position, "campaignId", "tenantId", "contactId", "recipientPhone", "isBusinessInitiated"
                )
                SELECT message_id(\(run), position), \(run), position, \(candidate.id), \(candidate.tenantID), id,
                    phone, closed
                FROM numbered ORDER BY position
                RETURNING "isBusinessInitiated"
            )
            SELECT count(*), count(*) FILTER (WHERE NOT "isBusinessInitiated") FROM inserted
            """,
            deadline: deadline
        )
        let total = try rows[0].decode(0, as: Int.self)
        let inWindow = try rows[0].decode(1, as: Int.self)
        try await connection.execute(
            """
            UPDATE campaign_runs SET pending = \(total), "recipientCount" = \(total), "inWindowCount" = \(inWindow),
                "nextPosition" = \(total + 1)
            WHERE id = \(run)
            """
        )
        let plan = LaunchPlan(recipients: total, ratePerSecond: candidate.ratePerSecond)
        // Those in their window come first and at once, and the others are spaced, as in a launch.
        let parts: [(positions: Range<Int>, spacedAfter: Int?)] = [
            (1..<inWindow + 1, nil), (inWindow + 1..<total + 1, inWindow),
        ]
        for part in parts where !part.positions.isEmpty {
            try await connection.execute(
                LaunchRepository.chunks(
                    of: run,
                    tenant: candidate.tenantID,
                    from: part.positions.lowerBound,
                    upTo: part.positions.upperBound,
                    spacedAfter: part.spacedAfter,
                    plan: plan,
                    startedAt: start
                )
            )
        }
    }
}
