import Foundation
import JSON
import Postgres
import Spec

/// A campaign that waits for events of a batch, with its standing run.
struct TriggeredCampaign: Sendable {
    /// The state of the campaign: it takes messages, or refuses them for a reason.
    enum State: Sendable {
        /// The standing run, the position of its next message, and whether it is billed.
        case open(run: UUID, nextPosition: Int, isPaid: Bool)
        case refused(TriggerRefusal)
    }

    let id: UUID
    let name: String
    /// The events that it waits for, as their indices in the batch; at least one.
    let events: [Int]
    /// The shortest time between two messages to one contact, in seconds.
    let cooldown: Int?
    let audience: AudienceFilter?
    let isFreeText: Bool
    /// The category by which contacts who get its messages are chosen.
    let category: TemplateSpec.Category
    /// The business number whose own 24 hour window counts; `nil` if any of the tenant's does.
    var windowNumber: String?
    let state: State

    /// The run that takes its messages; `nil` if it takes no messages.
    var standingRun: UUID? {
        guard case .open(let run, _, _) = state else { return nil }
        return run
    }

    /// True if its messages are billed.
    var isPaid: Bool {
        guard case .open(_, _, let isPaid) = state else { return false }
        return isPaid
    }

    /// Finds the campaigns of a tenant that wait for one of these events, with their standing runs.
    ///
    /// Many campaigns may wait for one kind of event, each with its own `triggerConfig`. An index finds those that may
    /// wait for these events, and each of them is then compared in full.
    ///
    /// A campaign that waits for the first time gets its standing run now. One whose content has changed gets a new
    /// run, and the former one ends when its messages have ended.
    ///
    /// Two events of a contact are never decided at the same time: every transaction that adds messages locks the run
    /// first, or fails if the run has more messages at its end than it had here.
    static func find(
        for batch: TriggerBatch,
        tenant: String,
        source: TriggerSource,
        now: Date,
        locksRuns: Bool,
        on connection: isolated PostgresConnection
    ) async throws -> [TriggeredCampaign] {
        let contexts = Set(batch.open.compactMap { batch.contexts[$0] })
        let rows = try await connection.query(
            """
            WITH wanted AS MATERIALIZED (
                SELECT array_agg(DISTINCT trigger_field_key(f.key, f.value)) || 0::bigint AS keys
                FROM unnest(\(contexts.map(PostgresJSON.init(text:)))::jsonb[]) c (context)
                CROSS JOIN LATERAL jsonb_each(CASE jsonb_typeof(c.context) WHEN 'object' THEN c.context END) f
                WHERE jsonb_typeof(f.value) IN ('string', 'number', 'boolean')
            ), waiting AS MATERIALIZED (
                \(fragment: source.campaigns(of: tenant)) ORDER BY c.id
            ), standing AS MATERIALIZED (
                \(fragment: standing(of: "waiting", isLocked: locksRuns))
            )
            SELECT c.id, t.cooldown, c.name, c."triggerConfig", c."messageTemplate", c."audienceFilter", c."templateText",
                c."onUserCap", s.*
            FROM waiting c
            LEFT JOIN LATERAL (
                SELECT t.id, t.cooldown FROM campaign_triggers t
                WHERE t."isActive" AND t."archivedAt" IS NULL AND \(only: #"t."campaignId""#, is: "c.id")
            ) t ON true
            LEFT JOIN standing s ON s.campaign = c.id
            WHERE c.status IN \(anyOf: CampaignStatus.listening)
                OR (c.status = \(campaign: .draft) AND (t.id IS NOT NULL OR \(source.isDirect)))
            ORDER BY c.id
            """
        )
        var campaigns: [TriggeredCampaign] = []
        var isLocked = locksRuns
        for row in rows {
            let events = try batch.matching(row, source)
            guard !events.isEmpty else { continue }
            let cooldown = try row.decode("cooldown", as: String?.self).flatMap(SpecDuration.init(_:))?.seconds
            let id = try row.decode("id", as: UUID.self)
            do {
                if let campaign = try current(row, id, events, cooldown: cooldown) {
                    campaigns.append(campaign)
                    continue
                }
                if !isLocked {
                    // Runs are locked before campaigns, everywhere.
                    try await lock(rows.compactMap { try $0.decode("run", as: UUID?.self) }, on: connection)
                    isLocked = true
                }
                if let campaign = try await reopen(
                    id,
                    for: batch,
                    source: source,
                    cooldown: cooldown,
                    now: now,
                    locksRuns: locksRuns,
                    on: connection
                ) {
                    campaigns.append(campaign)
                }
            } catch  where !(error is PostgresError) && !(error is CancellationError) {
                // A campaign that was stored in a form that nobody can read must not keep the event from the others.
                campaigns.append(try unreadable(row, id, events))
            }
        }
        return campaigns
    }

    /// Selects the standing runs of campaigns; a CTE, because only in a CTE they may be missing.
    ///
    /// They can be locked, in the order of their ids.
    private static func standing(of campaigns: PostgresQuery, isLocked: Bool) -> PostgresQuery {
        """
        SELECT s.campaign, r.id AS run, r."nextPosition", r."isMarketing", r."needsNumber", v.digest,
            r."senderId" IS NOT DISTINCT FROM s.sender AS "hasSameSender",
            r.status = \(run: .paused) AND r."quotaUntil" IS NULL AS "isPaused",
            (SELECT \(fragment: ContactWindow.numberOfSender) FROM senders s WHERE \(key: "s.id", of: #"r."senderId""#))
                AS "windowNumber",
            coalesce((SELECT h."closedAt" IS NULL FROM wallet_holds h WHERE h."runId" = r.id), false) AS "isPaid"
        FROM (
            SELECT c.id AS campaign, c."senderId" AS sender, o.run FROM \(fragment: campaigns) c
            CROSS JOIN LATERAL (
                SELECT r.id AS run FROM campaign_runs r
                WHERE r."isTriggered" AND r."supersededAt" IS NULL AND r.status IN \(anyOf: RunStatus.launched)
                    AND \(only: #"r."campaignId""#, is: "c.id")
            ) o
        ) s
        JOIN campaign_runs r ON \(key: "r.id", of: "s.run")
        JOIN campaign_revisions v ON \(key: "v.id", of: #"r."revisionId""#)
        WHERE r."supersededAt" IS NULL AND r.status::text IN \(anyOf: RunStatus.launched)
        ORDER BY s.run \(fragment: isLocked ? "FOR NO KEY UPDATE OF r" : "")
        """
    }

    /// Locks runs in the order in which all lock them, with the next statement.
    static func lock(_ runs: [UUID], on connection: isolated PostgresConnection) async throws {
        guard !runs.isEmpty else { return }
        try await connection.enqueue(
            """
            SELECT 1 FROM unnest(\(runs.sorted { $0.uuidString < $1.uuidString })::uuid[]) AS o(id)
            JOIN campaign_runs r ON \(key: "r.id", of: "o.id") ORDER BY o.id FOR NO KEY UPDATE OF r
            """
        )
    }

    private static func unreadable(_ row: PostgresRow, _ id: UUID, _ events: [Int]) throws -> TriggeredCampaign {
        TriggeredCampaign(
            id: id,
            name: try row.decode("name"),
            events: events,
            cooldown: nil,
            audience: nil,
            isFreeText: false,
            category: .marketing,
            state: .refused(.campaignIncomplete)
        )
    }

    /// Opens a standing run in place of a former one, unless another transaction has just done it.
    private static func reopen(
        _ id: UUID,
        for batch: TriggerBatch,
        source: TriggerSource,
        cooldown: Int?,
        now: Date,
        locksRuns: Bool,
        on connection: isolated PostgresConnection
    ) async throws -> TriggeredCampaign? {
        let rows = try await connection.query(
            """
            SELECT name, status, "triggerConfig", EXISTS (
                SELECT FROM campaign_runs r
                WHERE r."campaignId" = c.id AND NOT r."isTriggered" AND r.status IN \(anyOf: RunStatus.open)
            ) AS "isBusy"
            FROM campaigns c WHERE id = \(id) FOR NO KEY UPDATE OF c
            """
        )
        guard let row = rows.first else { return nil }
        // The awaited event may have changed while we waited for the lock.
        let events = try batch.matching(row, source)
        guard !events.isEmpty else { return nil }
        // Another transaction may have opened the run.
        let again = try await connection.query(
            """
            WITH standing AS MATERIALIZED (
                \(fragment: standing(of: "(SELECT * FROM campaigns WHERE id = \(id) OFFSET 0)", isLocked: locksRuns))
            )
            SELECT c.name, c."messageTemplate", c."audienceFilter", c."templateText", c."onUserCap", s.*
            FROM standing s JOIN campaigns c ON \(key: "c.id", of: "s.campaign")
            """
        )
        if let found = again.first, let campaign = try current(found, id, events, cooldown: cooldown) {
            return campaign
        }
        let name = try row.decode(0, as: String.self)
        func campaign(
            _ content: RevisionContent?,
            category: TemplateSpec.Category = .marketing,
            number: String? = nil,
            _ state: State
        ) -> TriggeredCampaign {
            TriggeredCampaign(
                id: id,
                name: name,
                events: events,
                cooldown: cooldown,
                audience: content?.audience,
                isFreeText: content?.isFreeText ?? false,
                category: category,
                windowNumber: number,
                state: state
            )
        }
        let status = try row.decode(1, as: CampaignStatus.self)
        if status == .paused { return campaign(nil, .refused(.campaignPaused)) }
        // A campaign of a module may be sent to its whole audience, too.
        if try row.decode("isBusy", as: Bool.self) { return campaign(nil, .refused(.campaignBusy)) }
        guard CampaignStatus.sources(of: .startByEvent).contains(status) else { return nil }
        do {
            guard let candidate = try await LaunchCandidate.lock(id: id, needsAudience: false, on: connection) else {
                return nil
            }
            let content = try candidate.content(for: .startByEvent)
            try await connection.execute(
                """
                UPDATE campaign_runs SET "supersededAt" = now()
                WHERE "campaignId" = \(id) AND "isTriggered" AND "supersededAt" IS NULL
                    AND status IN \(anyOf: RunStatus.open)
                """
            )
            let run = try await LaunchRepository.insertRun(
                of: candidate,
                content,
                by: .startByEvent,
                size: AudienceSize(total: 0, inWindow: 0),
                origin: .trigger,
                now: now,
                on: connection
            )
            try await RunAction.record(.send, on: run.id, by: .trigger, connection)
            return campaign(
                content,
                category: try await candidate.reach(of: content, on: connection),
                number: candidate.windowNumber,
                .open(run: run.id, nextPosition: 1, isPaid: true)
            )
        } catch let error as LaunchError {
            return campaign(nil, .refused(error.isRuled ? .policyViolated : .campaignIncomplete))
        }
    }

    /// Returns the campaign with its standing run; `nil` if it has no standing run, or the campaign's content has
    /// changed since.
    private static func current(
        _ row: PostgresRow,
        _ id: UUID,
        _ events: [Int],
        cooldown: Int?
    ) throws -> TriggeredCampaign? {
        guard let run = try row.decode("run", as: UUID?.self) else { return nil }
        let content = try RevisionContent(
            message: JSONValue(parsing: row.decode("messageTemplate", as: PostgresJSON.self).text),
            audience: try row.json("audienceFilter"),
            templateText: try row.decode("templateText"),
            onUserCap: try row.json("onUserCap")
        )
        let isPaused = try row.decode("isPaused", as: Bool.self)
        let isUpToDate =
            try row.decode("digest", as: String.self) == content.digest && row.decode("hasSameSender", as: Bool.self)
        guard isPaused || isUpToDate else { return nil }
        return TriggeredCampaign(
            id: id,
            name: try row.decode("name"),
            events: events,
            cooldown: cooldown,
            audience: content.audience,
            isFreeText: content.isFreeText,
            category: TemplateSpec.Category(
                isMarketing: try row.decode("isMarketing"),
                needsNumber: try row.decode("needsNumber")
            ),
            windowNumber: try row.decode("windowNumber"),
            state: isPaused
                ? .refused(.campaignPaused)
                : .open(
                    run: run,
                    nextPosition: try row.decode("nextPosition"),
                    isPaid: try row.decode("isPaid")
                )
        )
    }
}
