public import Foundation
import Postgres

extension RunRepository {
    /// The result of counting the rows of a finished run.
    public struct Completion: Sendable {
        public let run: UUID
        /// False if its rows showed that messages are still open: the run continues.
        public let isCompleted: Bool
        /// The counters before and after, when they did not equal the rows.
        public let corrected: (counted: RunCounters, rows: RunCounters)?
    }

    /// Completes the runs that have nothing left to send, after counting their rows.
    ///
    /// - Parameters:
    ///   - unconfirmedTimeout: The time to wait for a report about a message whose answer was lost; and about an accepted
    ///     message, if the campaign tries those again that WhatsApp caps.
    ///   - maximumAttempts: The maximum number of attempts of a message, if its sender retries such messages.
    /// - Returns: The runs completed now, and runs whose counters were wrong and which are still open.
    /// - Throws: `PostgresError`.
    public func completeFinished(unconfirmedTimeout: Duration, maximumAttempts: Int = 3) async throws -> [Completion] {
        let candidates = try await pool.query(
            """
            SELECT r.id, r.unconfirmed, r.sent > 0 AND \(fragment: UserCapRule.retries) FROM campaign_runs r
            WHERE r.status = \(run: .running) AND r.pending + r.queued + r.sending <= 0
                AND (NOT r."isTriggered" OR r."supersededAt" IS NOT NULL)
            """
        )
        var completions: [Completion] = []
        for row in candidates {
            let run = try row.decode(0, as: UUID.self)
            if try row.decode(2), try await awaitsReports(run, timeout: unconfirmedTimeout) { continue }
            if try row.decode(1, as: Int.self) > 0,
                try await isUnsettled(run, timeout: unconfirmedTimeout, maximumAttempts: maximumAttempts)
            {
                continue
            }
            if let completion = try await complete(run) { completions.append(completion) }
        }
        return completions
    }

    /// Selects the runs of one campaign, as `r`: beside a standing run there may be former ones with messages still to
    /// send.
    private static func together(with run: UUID) -> PostgresQuery {
        "r.\"campaignId\" = (SELECT \"campaignId\" FROM campaign_runs WHERE id = \(run))"
    }

    /// Locks the open runs of a campaign in the order in which all lock runs, with the next statement.
    private static func lockTogether(with run: UUID, on connection: isolated PostgresConnection) async throws {
        try await connection.enqueue(
            """
            SELECT 1 FROM campaign_runs r
            WHERE \(fragment: together(with: run)) AND r.status IN \(anyOf: RunStatus.open)
            ORDER BY r.id FOR NO KEY UPDATE
            """
        )
    }

    /// Locks the chunks of the open runs of a campaign, with the next statement; unless it waits, that fails if another
    /// transaction holds one of them.
    private static func lockChunks(
        with run: UUID,
        waits: Bool,
        on connection: isolated PostgresConnection
    ) async throws {
        try await connection.enqueue(
            """
            SELECT 1 FROM campaign_runs r JOIN campaign_chunks k ON \(key: #"k."runId""#, of: "r.id")
            WHERE \(fragment: together(with: run)) AND r.status IN \(anyOf: RunStatus.open)
            ORDER BY k."runId", k."startPosition" FOR NO KEY UPDATE OF k \(fragment: waits ? "" : "NOWAIT")
            """
        )
    }

    /// Builds the UPDATE that moves the campaign of a run along with it.
    private static func moving(
        campaignOf run: UUID,
        _ event: CampaignStatus.Event,
        to status: PostgresQuery? = nil,
        set assignments: [PostgresQuery],
        if condition: PostgresQuery = "true"
    ) -> PostgresQuery {
        CampaignStatus.moving(
            event,
            to: status,
            set: assignments,
            from: "campaign_runs r",
            where: "r.id = \(run) AND \(key: "c.id", of: #"r."campaignId""#) AND \(fragment: condition)",
            isKeyed: true
        )
    }

    /// Pauses the runs of a campaign and the campaign, with a reason for people, and records who did it.
    ///
    /// - Parameters:
    ///   - run: One of the runs.
    ///   - reason: The reason, for people.
    ///   - actor: Who pauses it.
    ///   - heldAt: The time at which WhatsApp paused its template, if that is the cause: the runs go on when WhatsApp approves
    ///     it again.
    /// - Returns: False when it was not running. A run that only waited for the quota, or for its template, stops waiting for it.
    /// - Throws: `PostgresError`.
    @discardableResult
    public func pause(
        _ run: UUID,
        reason: String,
        by actor: RunActor = .daemon,
        templateHeldAt heldAt: Date? = nil
    ) async throws -> Bool {
        try await pause(run, reason: reason, by: actor, templateHeldAt: heldAt, if: "true")
    }

    /// Pauses the runs of a campaign if `condition` on the given one, as `r`, holds as well.
    func pause(
        _ run: UUID,
        reason: String,
        by actor: RunActor,
        templateHeldAt heldAt: Date? = nil,
        if condition: PostgresQuery
    ) async throws -> Bool {
        try await pool.transaction { connection in
            try await Self.lockTogether(with: run, on: connection)
            let paused = try await connection.query(
                RunStatus.moving(
                    .pause,
                    set: [
                        "\"statusReason\" = \(reason)", "\"quotaUntil\" = NULL",
                        "\"templateHeldAt\" = \(heldAt)::timestamptz",
                    ],
                    where: """
                        \(fragment: Self.together(with: run))
                            AND (\(fragment: Self.live) OR (\(actor.isPerson) AND r."templateHeldAt" IS NOT NULL))
                            AND (SELECT \(fragment: condition) FROM campaign_runs r WHERE r.id = \(run))
                        """
                ) + " RETURNING r.id"
            )
            guard !paused.isEmpty else { return false }
            try await connection.execute(
                Self.moving(campaignOf: run, .pause, set: ["\"statusReason\" = \(reason)"])
            )
            let ids = try paused.map { try $0.decode(0, as: UUID.self) }
            try await RunAction.record(.pause, on: ids, by: actor, reason: reason, connection)
            try await connection.announce(Self.channel, payload: run.uuidString)
            return true
        }
    }

    /// Resumes a paused run: messages that were withdrawn are queued again, and the guards count anew.
    ///
    /// - Parameters:
    ///   - run: The run.
    ///   - ignoringGuards: True if no guard is to pause it until it is resumed again.
    ///   - reason: The reason, for people.
    ///   - actor: Who resumes it.
    /// - Returns: False when it was not paused.
    /// - Throws: ``LaunchError/insufficientBalance(campaign:needed:available:)`` if its messages are not paid for; the
    ///   run then stays paused.
    @discardableResult
    public func resume(
        _ run: UUID,
        ignoringGuards: Bool = false,
        reason: String? = nil,
        by actor: RunActor = .daemon
    ) async throws -> Bool {
        try await resume(
            run,
            if: "true",
            guards: Self.guardsAnew(ignored: ignoringGuards),
            reason: reason,
            by: actor
        )
    }

    /// Resumes a run if `condition` on `campaign_runs AS r` holds as well.
    ///
    /// - Parameters:
    ///   - run: The run.
    ///   - condition: A condition on the run.
    ///   - guards: Assignments after which the guards count anew; an empty array if they go on counting.
    ///   - reason: The reason, for people.
    ///   - actor: Who resumes it.
    /// - Returns: False when it was not paused.
    /// - Throws: ``LaunchError`` and `PostgresError`; the run then stays paused.
    func resume(
        _ run: UUID,
        if condition: PostgresQuery,
        guards: [PostgresQuery] = [],
        reason: String? = nil,
        by actor: RunActor
    ) async throws -> Bool {
        for _ in 1...10 {
            do {
                return try await tryResume(run, if: condition, guards: guards, reason: reason, by: actor)
            } catch let error as PostgresError where error.isLockNotAvailable {
                // A daemon feeds a new chunk, and needs the run for it.
            }
        }
        return try await tryResume(run, if: condition, guards: guards, reason: reason, by: actor)
    }

    /// Resumes a run, or fails because a chunk is being fed that was added meanwhile.
    private func tryResume(
        _ run: UUID,
        if condition: PostgresQuery,
        guards: [PostgresQuery],
        reason: String?,
        by actor: RunActor
    ) async throws -> Bool {
        try await pool.transaction { connection in
            // Feeding locks chunks before their run. A chunk that was added before the run is locked may be fed already.
            try await Self.lockChunks(with: run, waits: true, on: connection)
            try await Self.lockTogether(with: run, on: connection)
            try await Self.lockChunks(with: run, waits: false, on: connection)
            let resumed = try await connection.query(
                RunStatus.moving(
                    .resume,
                    set: ["\"statusReason\" = NULL", "\"quotaUntil\" = NULL", "\"templateHeldAt\" = NULL"] + guards,
                    where: "\(fragment: Self.together(with: run)) AND \(fragment: condition)"
                ) + " RETURNING r.id"
            )
            guard !resumed.isEmpty else { return false }
            if !guards.isEmpty {
                try await connection.execute(
                    """
                    DELETE FROM run_refusals s USING campaign_runs r
                    WHERE s."runId" = r.id AND r.status = \(run: .running) AND \(fragment: Self.together(with: run))
                    """
                )
            }
            let together = try await connection.query(
                """
                SELECT r.id, c.name FROM campaign_runs r JOIN campaigns c ON \(key: "c.id", of: #"r."campaignId""#)
                WHERE \(fragment: Self.together(with: run)) AND r.status = \(run: .running) ORDER BY r.id
                """
            )
            for row in together {
                guard let shortage = try await WalletHold.settle(try row.decode(0), on: connection) else { continue }
                throw LaunchError.insufficientBalance(
                    campaign: try row.decode(1),
                    needed: shortage.needed,
                    available: shortage.available
                )
            }
            try await connection.execute(
                ChunkStatus.moving(
                    .feedAgain,
                    from: "campaign_runs r",
                    where: """
                        \(key: #"k."runId""#, of: "r.id") AND \(fragment: Self.together(with: run))
                            AND r.status = \(run: .running)
                        """
                )
            )
            try await connection.execute(
                Self.moving(campaignOf: run, .resume, set: ["\"statusReason\" = NULL"])
            )
            try await MediaUploadRepository.forgetRefusals(ofRuns: Self.together(with: run), on: connection)
            let ids = try resumed.map { try $0.decode(0, as: UUID.self) }
            try await RunAction.record(.resume, on: ids, by: actor, reason: reason, connection)
            try await connection.announce(Self.channel, payload: run.uuidString)
            return true
        }
    }

    /// Returns true if an unconfirmed message may still be reported on, or is to be retried.
    private func isUnsettled(_ run: UUID, timeout: Duration, maximumAttempts: Int) async throws -> Bool {
        let rows = try await pool.query(
            """
            SELECT EXISTS (
                SELECT FROM campaign_messages
                WHERE id BETWEEN \(MessageID.make(run: run, position: 0))
                        AND \(MessageID.make(run: run, position: MessageID.maximumPosition))
                    AND status = \(message: .unconfirmed) AND (
                        "unconfirmedAt" > now() - \(timeout.seconds) * interval '1 second'
                        OR (attempts + 1 < \(maximumAttempts) AND EXISTS (
                            SELECT FROM campaign_runs r JOIN senders s ON s.id = r."senderId"
                            WHERE r.id = \(run) AND s."unconfirmedPolicy" = 'retry'
                        ))
                    )
            )
            """,
            deadline: .seconds(120)
        )
        return try rows[0].decode(0)
    }

    /// Returns true if a message was sent so recently that WhatsApp may still report its cap, after which it is tried again.
    ///
    /// The last messages were sent last, so they are looked at first.
    private func awaitsReports(_ run: UUID, timeout: Duration) async throws -> Bool {
        let rows = try await pool.query(
            """
            SELECT 1 FROM campaign_messages
            WHERE id BETWEEN \(MessageID.make(run: run, position: 0))
                    AND \(MessageID.make(run: run, position: MessageID.maximumPosition))
                AND status = \(message: .sent) AND "sentAt" > now() - \(timeout.seconds) * interval '1 second'
            ORDER BY id DESC LIMIT 1
            """,
            deadline: .seconds(120)
        )
        return !rows.isEmpty
    }

    private func complete(_ run: UUID) async throws -> Completion? {
        try await pool.transaction(deadline: .seconds(120)) { connection in
            let locked = try await connection.query(
                """
                SELECT \(fragment: RunCounters.columns) FROM campaign_runs r
                WHERE r.id = \(run) AND r.status = \(run: .running) FOR NO KEY UPDATE
                """
            )
            guard let row = locked.first else { return nil }
            let counted = try RunCounters(row: row)
            let rows = try await recount(run, on: connection)
            if rows != counted { try await correct(run, from: counted, to: rows, on: connection) }
            let corrected = rows == counted ? nil : (counted: counted, rows: rows)
            guard rows.open == 0 else { return Completion(run: run, isCompleted: false, corrected: corrected) }
            try await connection.execute(
                RunStatus.moving(.complete, set: ["\"completedAt\" = now()"], where: "r.id = \(run)")
            )
            try await connection.execute(
                Self.moving(
                    campaignOf: run,
                    .complete,
                    to: """
                        CASE WHEN \(fragment: ScheduleRepository.firesAgain) THEN \(campaign: .scheduled)
                            ELSE \(campaign: .completed) END::campaign_status_enum
                        """,
                    set: ["\"completedAt\" = now()"],
                    if: "r.\"supersededAt\" IS NULL"
                )
            )
            try await connection.announce(Self.channel, payload: run.uuidString)
            return Completion(run: run, isCompleted: true, corrected: corrected)
        }
    }

    /// Counts the messages of a run: its rows, and those that retention has deleted.
    func recount(_ run: UUID, on connection: PostgresConnection) async throws -> RunCounters {
        let rows = try await connection.query(
            """
            SELECT status, sum(messages)::bigint, sum(capped)::bigint FROM (
                SELECT status, count(*) AS messages, count(*) FILTER (WHERE "isCapped") AS capped FROM campaign_messages
                WHERE id BETWEEN \(MessageID.make(run: run, position: 0))
                    AND \(MessageID.make(run: run, position: MessageID.maximumPosition))
                GROUP BY status
                UNION ALL
                SELECT status, count, 0 FROM deleted_messages WHERE "runId" = \(run)
            ) m
            GROUP BY status
            """,
            deadline: .seconds(120)
        )
        var counters = RunCounters(Dictionary(uniqueKeysWithValues: MessageStatus.allCases.map { ($0, 0) }))
        for row in rows {
            counters[try row.decode(0, as: MessageStatus.self)] = try row.decode(1)
            counters.capped += try row.decode(2, as: Int.self)
        }
        return counters
    }

    func correct(
        _ run: UUID,
        from counted: RunCounters,
        to counters: RunCounters,
        on connection: PostgresConnection
    ) async throws {
        let assignments = MessageStatus.allCases.map { status in
            "\(identifier: status.rawValue) = \(counters[status])" as PostgresQuery
        }
        try await connection.execute(
            """
            UPDATE campaign_runs SET \(fragment: .joined(assignments, separator: ", ")), capped = \(counters.capped)
            WHERE id = \(run)
            """
        )
        try await RunMinutes.add(counters, insteadOf: counted, to: run, on: connection)
    }
}

extension RunRepository {
    /// Puts back messages for which there is no quota, and pauses their runs until some quota returns.
    ///
    /// Only business-initiated messages wait; those to contacts in their window are sent. The messages become
    /// `pending`, and resuming queues them again.
    ///
    /// - Parameters:
    ///   - messages: Business-initiated messages that are ready to be sent.
    ///   - duration: The time until quota returns.
    /// - Returns: The runs paused now.
    /// - Throws: `PostgresError`; nothing has happened then.
    public func waitForQuota(_ messages: [UUID], for duration: Duration) async throws -> [UUID] {
        guard !messages.isEmpty else { return [] }
        return try await pool.transaction { connection in
            let rows = try await connection.query(
                """
                WITH changed AS MATERIALIZED (
                    SELECT m.id, m."runId", m.status AS old, \(message: .pending)::campaign_message_status_enum AS new
                    FROM campaign_messages m
                    WHERE m.id = ANY(\(messages)::uuid[]) AND m.status = \(message: .queued)
                    ORDER BY m.id
                    FOR NO KEY UPDATE OF m
                ), written AS (
                    UPDATE campaign_messages m SET status = \(message: .pending)
                    FROM changed WHERE \(key: "m.id", of: "changed.id")
                ), \(fragment: RunCounters.countedWaiting)
                SELECT DISTINCT "runId" FROM changed ORDER BY 1
                """
            )
            var paused: [QuotaPause] = []
            for row in rows {
                let run = try row.decode(0, as: UUID.self)
                if let pause = try await waitForQuota(run, for: duration, on: connection) { paused.append(pause) }
            }
            // Events lock the campaigns that they start in the order of their ids, too.
            for pause in paused.sorted(by: { $0.campaign.uuidString < $1.campaign.uuidString }) {
                try await connection.execute(
                    Self.moving(campaignOf: pause.run, .quotaExhausted, set: ["\"statusReason\" = \(pause.reason)"])
                )
                try await RunAction.record(.pause, on: pause.run, by: .quota, reason: pause.reason, connection)
                try await connection.announce(Self.channel, payload: pause.run.uuidString)
            }
            return paused.map(\.run)
        }
    }

    /// A run that has just been paused because the quota is used up.
    private struct QuotaPause {
        let run: UUID
        let campaign: UUID
        let reason: String
    }

    private func waitForQuota(
        _ run: UUID,
        for duration: Duration,
        on connection: PostgresConnection
    ) async throws -> QuotaPause? {
        let rows = try await connection.query(
            RunStatus.moving(
                .quotaExhausted,
                set: [
                    "\"quotaUntil\" = q.until",
                    """
                    "statusReason" = 'the 24 hour quota is used up; some of it returns at '
                        || to_char(q.until AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
                    """,
                ],
                from: "(SELECT now() + \(duration.seconds) * interval '1 second' AS until) q",
                where: "r.id = \(run)"
            ) + " RETURNING r.\"campaignId\", r.\"statusReason\""
        )
        return try rows.first.map { QuotaPause(run: run, campaign: try $0.decode(0), reason: try $0.decode(1)) }
    }

    /// Resumes the runs for which quota has returned and whose senders have `onQuotaExhausted: wait`.
    ///
    /// - Returns: The runs resumed now.
    /// - Throws: `PostgresError`.
    public func resumeWhereQuotaReturned() async throws -> [UUID] {
        let rows = try await pool.query(
            """
            SELECT r.id FROM campaign_runs r JOIN senders s ON s.id = r."senderId"
            WHERE r.status = \(run: .paused) AND r."quotaUntil" <= now() AND s."onQuotaExhausted" = 'wait'
            """
        )
        var resumed: [UUID] = []
        for row in rows {
            let run = try row.decode(0, as: UUID.self)
            // A person may have paused it meanwhile; it then no longer waits for the quota.
            if try await resume(run, if: "r.\"quotaUntil\" <= now()", by: .quota) { resumed.append(run) }
        }
        return resumed
    }
}
