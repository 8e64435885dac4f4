public import Foundation
import JSON
public import Postgres
import Spec

/// The sizes of the chunks of a launch, and the time between them.
///
/// Up to 1,000 recipients are queued at once. Beyond, chunks are spaced so that the lane never grows faster than the
/// sender empties it: at 80 messages a second that is 100 every 1.25 s up to 10,000 recipients, and 500 every 6.25 s above.
/// Contacts in their 24 hour window come first, and all at once.
public struct LaunchPlan: Hashable, Sendable {
    /// Messages per chunk.
    public let chunkSize: Int
    /// The time from one out-of-window chunk to the next.
    public let chunkDelay: Duration

    public init(recipients: Int, ratePerSecond: Int) {
        switch recipients {
        case ..<1_000: chunkSize = 1_000
        case ..<10_001: chunkSize = 100
        default: chunkSize = 500
        }
        chunkDelay = recipients < 1_000 ? .zero : .seconds(Double(chunkSize) / Double(max(1, ratePerSecond)))
    }
}

/// The progress of a launch, with the row of its run locked.
struct LaunchProgress: Sendable {
    enum Phase: String, PostgresScalar {
        case inWindow, outOfWindow, done

        var next: Phase { self == .inWindow ? .outOfWindow : .done }
    }

    let runID: UUID
    let campaignID: UUID
    let tenantID: String
    let audience: AudienceFilter
    let phase: Phase
    /// The last `contactId` that this phase has processed; empty at its start.
    let cursor: String
    let nextPosition: Int
    let inWindowCount: Int
    let expectedCount: Int
    let ratePerSecond: Int
    let startedAt: Date
    let recipientCount: Int
    /// The most recipients that the tenant's policy allows; `nil` for no limit.
    let recipientLimit: Int?
    /// True if only contacts in their window are recipients.
    let isFreeText: Bool
    /// The zone of contacts of whom no other is known, if the clocks of contacts decide when they get the message; else `nil`.
    let localZone: String?
    /// True if each contact gets the message when one time comes on its clock, false if at once.
    let hasLocalTime: Bool
    /// The category by which the recipients are chosen.
    let category: TemplateSpec.Category
    private let openWindow: ContactWindow

    /// Locks the run if its launch is not complete; `nil` when there is nothing left to do.
    static func lock(run: UUID, on connection: PostgresConnection) async throws -> LaunchProgress? {
        let rows = try await connection.query(
            """
            SELECT r.*, s."ratePerSecond", v.content, \(fragment: ContactWindow.numberOfSender) AS "windowNumber"
            FROM campaign_runs r
            JOIN senders s ON \(key: "s.id", of: #"r."senderId""#)
            JOIN campaign_revisions v ON \(key: "v.id", of: #"r."revisionId""#)
            WHERE r.id = \(run) AND r.status = \(run: .launching)
            FOR UPDATE OF r
            """
        )
        guard let row = rows.first else { return nil }
        let stored = try JSONValue(parsing: try row.decode("content", as: PostgresJSON.self).text)
        // A missing filter is an error: it must never mean all contacts.
        guard let audience = try RevisionContent(json: stored).audience else {
            throw LaunchError.unreadableAudience(campaign: "of run \(run)", problem: "its revision has none")
        }
        return LaunchProgress(
            runID: run,
            campaignID: try row.decode("campaignId"),
            tenantID: try row.decode("tenantId"),
            audience: audience,
            phase: try row.decode("launchPhase"),
            cursor: try row.decode("launchCursor", as: String?.self) ?? "",
            nextPosition: try row.decode("nextPosition"),
            inWindowCount: try row.decode("inWindowCount"),
            expectedCount: try row.decode("expectedCount"),
            ratePerSecond: try row.decode("ratePerSecond"),
            startedAt: try row.decode("startedAt"),
            recipientCount: try row.decode("recipientCount"),
            recipientLimit: try row.decode("recipientLimit"),
            isFreeText: try row.decode("isFreeText"),
            localZone: try row.decode("localZone"),
            hasLocalTime: try row.decode("localTime", as: String?.self) != nil,
            category: TemplateSpec.Category(
                isMarketing: try row.decode("isMarketing"),
                needsNumber: try row.decode("needsNumber")
            ),
            openWindow: ContactWindow(
                cutoff: try row.decode("windowCutoff"),
                number: try row.decode("windowNumber")
            )
        )
    }

    /// The phase after this one.
    var nextPhase: Phase { isFreeText ? .done : phase.next }

    /// The contacts of this phase.
    ///
    /// The second phase takes all contacts without a message, also those that came into the window after the first
    /// phase passed them. The time of their message does not show this, because a webhook may be late. The look-up is a
    /// scalar subquery because Postgres might answer an EXISTS by reading all messages, batch after batch.
    var window: PostgresQuery {
        phase == .inWindow
            ? openWindow.isOpen
            : """
            (c."lastSeen" IS NULL OR c."lastSeen" <= \(openWindow.cutoff) OR (
                SELECT m.id FROM campaign_messages m
                WHERE m."contactId" = c.id AND m."runId" = \(runID) AND m."triggerEventId" IS NULL
            ) IS NULL)
            """
    }
}

extension LaunchRepository {
    /// The smallest run whose launch analyzes the tables, in messages.
    private static let worthAnalyzing = 1_000

    /// Runs whose messages are not all written: new ones, and those whose launch was interrupted.
    public func unfinished() async throws(PostgresError) -> [UUID] {
        let rows = try await pool.query(
            """
            SELECT id FROM campaign_runs WHERE status = \(run: .launching) ORDER BY "createdAt"
            """
        )
        return try decodeIDs(rows)
    }

    /// Writes the next batch of messages and chunks of a run.
    ///
    /// Messages are written inside the database, in the order of `contactId`, for which contacts have an index: first
    /// those in their window, then all others. The row of the run is locked meanwhile and stores the progress. Several
    /// processes may call this for the same run, and after a crash the next call continues after the last committed batch.
    /// The last batch of many messages leaves statistics of their tables behind.
    ///
    /// - Returns: The run after the batch, no longer `launching` when the launch is complete; and whether this call has
    ///   completed it, rather than another one.
    public func writeBatch(of run: UUID, size: Int = 20_000) async throws -> (run: RunRecord, isCompleting: Bool) {
        var batch = try await commitBatch(of: run, size: size)
        if batch.isCompleting, batch.run.status == .paused {
            let runs = RunRepository(pool: pool)
            // The run is whole: if this fails, the next reading of its template resumes it.
            try? await runs.resumeHeld(run)
            batch.run = try await runs.find(run) ?? batch.run
        }
        let count = batch.run.recipientCount
        if batch.isCompleting, count >= Self.worthAnalyzing {
            // Without statistics the run is sent all the same; a daemon analyzes the tables later.
            try? await StatisticsRepository(pool: pool).refresh([.messages, .chunks], after: count)
        }
        return batch
    }

    private func commitBatch(of run: UUID, size: Int) async throws -> (run: RunRecord, isCompleting: Bool) {
        try await pool.transaction(deadline: .seconds(120)) { connection in
            let launch = try await LaunchProgress.lock(run: run, on: connection)
            if let launch { try await write(launch, size: size, on: connection) }
            let rows = try await connection.query("\(fragment: RunRecord.selection) WHERE r.id = \(run)")
            let record = try RunRecord(row: rows[0])
            return (record, launch != nil && record.status != .launching)
        }
    }

    private func write(_ launch: LaunchProgress, size: Int, on connection: PostgresConnection) async throws {
        let statement =
            launch.localZone.map { Self.localInsertion(launch, fallback: $0, size: size) }
            ?? insertion(launch, size: size)
        let rows = try await connection.query(statement, deadline: .seconds(120))
        let scanned = try rows[0].decode("scanned", as: Int.self)
        let inserted = try rows[0].decode("inserted", as: Int.self)
        let skipped = try launch.localZone == nil ? 0 : rows[0].decode("skipped", as: Int.self)
        let next = launch.nextPosition + scanned
        if inserted > 0, launch.localZone == nil {
            try await connection.execute(chunks(launch, upTo: next))
        }
        let isPhaseOver = scanned < size
        let phase = isPhaseOver ? launch.nextPhase : launch.phase
        let cursor = isPhaseOver ? nil : try rows[0].decode("last", as: String?.self)
        try await connection.execute(
            RunStatus.moving(
                .launched,
                to: "CASE WHEN \(phase == .done) THEN \(run: .running) ELSE r.status END",
                set: [
                    "\"launchPhase\" = \(phase.rawValue)", "\"launchCursor\" = \(cursor)", "\"nextPosition\" = \(next)",
                    "pending = pending + \(inserted - skipped)", "cancelled = cancelled + \(skipped)",
                    "\"recipientCount\" = \"recipientCount\" + \(inserted)",
                    "\"inWindowCount\" = \"inWindowCount\" + \(launch.phase == .inWindow ? inserted : 0)",
                ],
                where: "r.id = \(launch.runID)"
            )
        )
        let recipients = launch.recipientCount + inserted
        if let allowed = launch.recipientLimit, recipients > allowed {
            try await Self.refuse(launch, recipients: recipients, allowed: allowed, on: connection)
            try await connection.announce(RunRepository.channel, payload: launch.runID.uuidString)
        } else if phase == .done {
            try await connection.execute(
                """
                UPDATE campaigns c SET "recipientCount" = r."recipientCount", "updatedAt" = now()
                FROM campaign_runs r WHERE r.id = \(launch.runID) AND c.id = r."campaignId"
                """
            )
            if let shortage = try await WalletHold.settle(launch.runID, on: connection) {
                try await pause(launch, for: shortage, on: connection)
            } else {
                try await hold(launch, on: connection)
            }
            try await connection.announce(RunRepository.channel, payload: launch.runID.uuidString)
        }
    }

    /// Pauses a run whose audience has grown since its tokens were held.
    ///
    /// Nothing is sent that is not paid for. Resuming the run holds tokens again.
    private func pause(
        _ launch: LaunchProgress,
        for shortage: WalletHold.Shortage,
        on connection: PostgresConnection
    ) async throws {
        let reason = """
            the audience has grown, and the wallet lacks tokens for it: \(shortage.needed) more are needed, \
            \(shortage.available) are available
            """
        let because: [PostgresQuery] = ["\"statusReason\" = \(reason)"]
        let run = RunStatus.moving(.tokensMissing, set: because, where: "r.id = \(launch.runID)")
        let campaign = CampaignStatus.moving(.tokensMissing, set: because, where: "c.id = \(launch.campaignID)")
        try await connection.execute("WITH run AS (\(fragment: run)) \(fragment: campaign)")
        try await RunAction.record(.pause, on: launch.runID, by: .balance, reason: reason, connection)
    }

    /// Pauses a run that waits for the approval of its template: nothing of it is sent before WhatsApp reports that.
    private func hold(_ launch: LaunchProgress, on connection: PostgresConnection) async throws {
        let held = try await connection.query(
            RunStatus.moving(.pause, where: "r.id = \(launch.runID) AND r.\"templateHeldAt\" IS NOT NULL")
                + " RETURNING r.\"statusReason\""
        )
        guard let reason = try held.first?.decode(0, as: String?.self) else { return }
        let because: PostgresQuery = "\"statusReason\" = \(reason)"
        try await connection.execute(
            CampaignStatus.moving(.pause, set: [because], where: "c.id = \(launch.campaignID)")
        )
        try await RunAction.record(.pause, on: launch.runID, by: .template, reason: reason, connection)
    }

    private func insertion(_ launch: LaunchProgress, size: Int) -> PostgresQuery {
        let audience = AudienceQuery.recipients(
            tenant: launch.tenantID,
            filter: launch.audience,
            category: launch.category,
            now: launch.startedAt
        )
        return """
            WITH audience AS MATERIALIZED (
                SELECT c.id, c."contactId", \(fragment: Recipient.phone) AS phone FROM contacts c
                WHERE \(fragment: audience) AND \(fragment: launch.window) AND c."contactId" > \(launch.cursor)
                ORDER BY c."contactId" LIMIT \(size)
            ), numbered AS (
                SELECT id, "contactId", phone,
                    \(launch.nextPosition)::bigint - 1 + row_number() OVER (ORDER BY "contactId") AS position
                FROM audience
            ), inserted AS (
                INSERT INTO campaign_messages (
                    id, "runId", position, "campaignId", "tenantId", "contactId", "recipientPhone", "isBusinessInitiated"
                )
                SELECT message_id(\(launch.runID), position), \(launch.runID), position, \(launch.campaignID),
                    \(launch.tenantID), id, phone, \(launch.phase == .outOfWindow)
                FROM numbered ORDER BY position
                ON CONFLICT ("contactId", "runId", "triggerEventId") DO NOTHING
                RETURNING 1
            )
            SELECT (SELECT count(*) FROM audience) AS scanned, (SELECT count(*) FROM inserted) AS inserted,
                (SELECT max("contactId") FROM audience) AS last
            """
    }

    /// Returns the chunks of the positions written by one batch; out-of-window ones are spaced from the first of them
    /// on.
    private func chunks(_ launch: LaunchProgress, upTo end: Int) -> PostgresQuery {
        Self.chunks(
            of: launch.runID,
            tenant: launch.tenantID,
            from: launch.nextPosition,
            upTo: end,
            spacedAfter: launch.phase == .inWindow ? nil : launch.inWindowCount,
            plan: LaunchPlan(recipients: launch.expectedCount, ratePerSecond: launch.ratePerSecond),
            startedAt: launch.startedAt
        )
    }

    /// Returns the chunks of the positions from `start` to before `end`.
    ///
    /// They are spaced if `inWindow` is not `nil`: it is the number of positions before the first spaced one.
    static func chunks(
        of run: UUID,
        tenant: String,
        from start: Int,
        upTo end: Int,
        spacedAfter inWindow: Int?,
        plan: LaunchPlan,
        startedAt: Date
    ) -> PostgresQuery {
        let delay = inWindow == nil ? 0 : plan.chunkDelay.seconds
        let earlier = (start - 1 - (inWindow ?? 0)) / plan.chunkSize
        return """
            INSERT INTO campaign_chunks ("runId", "startPosition", "endPosition", "tenantId", "notBefore")
            SELECT \(run), start, least(start + \(plan.chunkSize), \(end)), \(tenant),
                \(startedAt)::timestamptz
                    + (\(max(0, earlier)) + number - 1) * \(delay)::float8 * interval '1 second'
            FROM generate_series(\(start), \(end) - 1, \(plan.chunkSize)) WITH ORDINALITY AS g(start, number)
            ON CONFLICT DO NOTHING
            """
    }

    private func decodeIDs(_ rows: PostgresRows) throws(PostgresError) -> [UUID] {
        var ids: [UUID] = []
        for row in rows { ids.append(try row.decode(0)) }
        return ids
    }
}
