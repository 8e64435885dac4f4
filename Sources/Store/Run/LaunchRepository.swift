public import Foundation
public import Postgres
import Spec

/// Turns a campaign into a run with its messages, resumable after a crash between any two steps.
public struct LaunchRepository: Sendable {
    /// What became of the wish to launch.
    public enum Opening: Sendable {
        /// A new run, whose messages are still to be written.
        case opened(RunRecord)
        /// The campaign has a run under way already: launching twice is one run.
        case underWay(RunRecord)
        /// The campaign has been sent.
        case over(RunRecord)
    }

    let pool: PostgresPool

    public init(pool: PostgresPool) {
        self.pool = pool
    }

    /// Freezes the campaign's content and creates its run, in state `launching`.
    ///
    /// - Parameters:
    ///   - campaign: The name of the campaign.
    ///   - tenant: Whose campaign it is.
    ///   - now: The instant against which the 24 hour window is measured for the whole launch.
    /// - Returns: The new run, or the one that exists.
    /// - Throws: ``LaunchError`` when the campaign cannot be launched.
    public func open(campaign: String, tenant: String, now: Date) async throws -> Opening {
        try await open(.name(campaign), tenant: tenant, now: now).opening
    }

    /// The same for a campaign by its name or its id, with the quota that the new run was checked against.
    ///
    /// - Returns: What became of the wish, and the quota; `nil` when there was a run before.
    /// - Throws: ``LaunchError`` when the campaign cannot be launched.
    public func open(
        _ key: CampaignKey,
        tenant: String,
        now: Date
    ) async throws -> (opening: Opening, quota: QuotaCheck?) {
        do {
            return try await pool.transaction(deadline: .seconds(120)) { connection -> (Opening, QuotaCheck?) in
                let candidate = try await LaunchCandidate.lock(key, tenant: tenant, on: connection)
                let campaign = candidate.name
                if let run = try await latestRun(of: candidate.id, on: connection) {
                    return (run.status.isOver ? .over(run) : .underWay(run), nil)
                }
                let content = try candidate.content()
                guard let audience = content.audience else { throw LaunchError.noAudience(campaign: campaign) }
                let size = try await count(audience, candidate: candidate, now: now, on: connection)
                guard size.total > 0 else { throw LaunchError.emptyAudience(campaign: campaign) }
                let quota = try await QuotaRepository().check(
                    sender: candidate.senderID,
                    audience: size,
                    now: now,
                    on: connection
                )
                guard quota.canProceed else {
                    throw LaunchError.quotaExhausted(campaign: campaign, problem: quota.warning ?? "")
                }
                let revision = try await freeze(content, of: candidate, on: connection)
                let run = try await insertRun(
                    candidate,
                    content,
                    revision: revision,
                    size: size,
                    now: now,
                    on: connection
                )
                return (.opened(run), quota)
            }
        } catch let error as PostgresError where error.isUniqueViolation {
            // Somebody else opened it in the same instant.
            return try await open(key, tenant: tenant, now: now)
        }
    }

    /// Compares what is still to be sent of a run with the quota that its sender has left.
    ///
    /// - Returns: `nil` when there is no such run.
    public func quota(of run: UUID, now: Date) async throws -> QuotaCheck? {
        try await pool.transaction { connection in
            let rows = try await connection.query("\(fragment: RunRecord.selection) WHERE r.id = \(run)")
            guard let record = try rows.first.map(RunRecord.init(row:)) else { return nil }
            let audience = AudienceSize(total: record.recipientCount, inWindow: record.inWindowCount)
            return try await QuotaRepository().check(
                sender: record.senderID,
                audience: audience,
                now: now,
                on: connection
            )
        }
    }

    private func latestRun(of campaign: UUID, on connection: PostgresConnection) async throws -> RunRecord? {
        let rows = try await connection.query(
            """
            \(fragment: RunRecord.selection) WHERE r."campaignId" = \(campaign) ORDER BY r."createdAt" DESC LIMIT 1
            """
        )
        return try rows.first.map(RunRecord.init(row:))
    }

    private func count(
        _ audience: AudienceFilter,
        candidate: LaunchCandidate,
        now: Date,
        on connection: PostgresConnection
    ) async throws -> AudienceSize {
        let predicate = AudienceQuery.recipients(tenant: candidate.tenantID, filter: audience, now: now)
        return try await AudienceQuery.size(of: predicate, now: now, on: connection)
    }

    private func freeze(
        _ content: RevisionContent,
        of candidate: LaunchCandidate,
        on connection: PostgresConnection
    ) async throws -> UUID {
        let rows = try await connection.query(
            """
            INSERT INTO campaign_revisions ("campaignId", "tenantId", number, digest, content)
            SELECT \(candidate.id)::uuid, \(candidate.tenantID)::text,
                coalesce((SELECT max(number) FROM campaign_revisions WHERE "campaignId" = \(candidate.id)), 0) + 1,
                \(content.digest)::text, \(PostgresJSON(text: content.json.canonicalText))::jsonb
            ON CONFLICT ("campaignId", digest) DO UPDATE SET digest = excluded.digest
            RETURNING id
            """
        )
        return try rows[0].decode(0)
    }

    private func insertRun(
        _ candidate: LaunchCandidate,
        _ content: RevisionContent,
        revision: UUID,
        size: AudienceSize,
        now: Date,
        on connection: PostgresConnection
    ) async throws -> RunRecord {
        var random = SystemRandomNumberGenerator()
        let id = MessageID.makeRun(at: now, using: &random)
        let end = LaunchPlan.estimatedCompletion(of: size.total, ratePerSecond: candidate.ratePerSecond, from: now)
        try await connection.execute(
            """
            INSERT INTO campaign_runs (
                id, "campaignId", "tenantId", "revisionId", "senderId", "isFreeText", "windowCutoff", "expectedCount",
                "startedAt", "estimatedCompletionAt"
            ) VALUES (
                \(id), \(candidate.id), \(candidate.tenantID), \(revision), \(candidate.senderID), \(content.isFreeText),
                \(now.addingTimeInterval(-AudienceQuery.windowLength)), \(size.total), \(now), \(end)
            )
            """
        )
        try await connection.execute(
            """
            UPDATE campaigns SET status = 'running', "statusReason" = NULL, "startedAt" = \(now), "completedAt" = NULL,
                "recipientCount" = \(size.total), "estimatedCompletionAt" = \(end), "updatedAt" = now()
            WHERE id = \(candidate.id)
            """
        )
        let rows = try await connection.query("\(fragment: RunRecord.selection) WHERE r.id = \(id)")
        return try RunRecord(row: rows[0])
    }
}
