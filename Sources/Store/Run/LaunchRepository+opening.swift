import Foundation
import JSON
import Postgres
import Spec

extension LaunchRepository {
    /// What a run owes its existence to.
    enum Origin: Sendable {
        /// Somebody launched it.
        case launch
        /// A time has come: of a schedule, or of a campaign that starts once.
        case occurrence(schedule: UUID?, scheduledFor: Date)
        /// A campaign that waits for events; its messages come one by one.
        case trigger
    }

    static func count(
        _ audience: AudienceFilter,
        candidate: LaunchCandidate,
        now: Date,
        on connection: PostgresConnection
    ) async throws -> AudienceSize {
        let predicate = AudienceQuery.recipients(tenant: candidate.tenantID, filter: audience, now: now)
        return try await AudienceQuery.size(of: predicate, now: now, on: connection)
    }

    /// Freezes the content and creates the run, in the caller's transaction, which holds the campaign's row.
    ///
    /// - Throws: ``LaunchError``, when the tenant's policy or its wallet stands against it; nothing was written then.
    static func insertRun(
        of candidate: LaunchCandidate,
        _ content: RevisionContent,
        size: AudienceSize,
        origin: Origin = .launch,
        now: Date,
        on connection: PostgresConnection
    ) async throws -> RunRecord {
        try await checkPolicy(candidate, size: size, on: connection)
        // First of all: whoever catches the refusal goes on with the transaction, and nothing may be left in it.
        let grant = try await WalletHold.ask(for: size.total, campaign: candidate, on: connection)
        let revision = try await freeze(content, of: candidate, on: connection)
        var random = SystemRandomNumberGenerator()
        let id = MessageID.makeRun(at: now, using: &random)
        let end = LaunchPlan.estimatedCompletion(of: size.total, ratePerSecond: candidate.ratePerSecond, from: now)
        let completion = origin.isTrigger ? nil : end
        try await connection.execute(
            """
            INSERT INTO campaign_runs (
                id, "campaignId", "tenantId", "revisionId", "senderId", "isFreeText", "windowCutoff", "expectedCount",
                "startedAt", "estimatedCompletionAt", "scheduleId", "scheduledFor", "isTriggered", status, "launchPhase"
            ) VALUES (
                \(id), \(candidate.id), \(candidate.tenantID), \(revision), \(candidate.senderID), \(content.isFreeText),
                \(now.addingTimeInterval(-AudienceQuery.windowLength)), \(size.total), \(now), \(completion),
                \(origin.schedule), \(origin.scheduledFor), \(origin.isTrigger),
                \(origin.isTrigger ? "running" : "launching"), \(origin.isTrigger ? "done" : "inWindow")
            )
            """
        )
        if let grant { try await WalletHold.open(grant, run: id, on: connection) }
        try await connection.execute(
            """
            UPDATE campaigns SET status = 'running', "statusReason" = NULL, "startedAt" = \(now), "completedAt" = NULL,
                "recipientCount" = \(size.total), "estimatedCompletionAt" = \(completion), "updatedAt" = now()
            WHERE id = \(candidate.id)
            """
        )
        // Whoever writes messages may begin at once.
        try await connection.notify(RunRepository.channel, payload: id.uuidString)
        let rows = try await connection.query("\(fragment: RunRecord.selection) WHERE r.id = \(id)")
        return try RunRecord(row: rows[0])
    }

    /// Holds a campaign against the policy of its tenant.
    ///
    /// One that a spec made was held against it in its plan, where a reviewer may have allowed more.
    private static func checkPolicy(
        _ candidate: LaunchCandidate,
        size: AudienceSize,
        on connection: PostgresConnection
    ) async throws {
        guard !candidate.isManaged else { return }
        let rows = try await connection.query(
            """
            SELECT (policy ->> 'maxRecipients')::bigint FROM tenants
            WHERE "tenantId" = \(candidate.tenantID) AND "archivedAt" IS NULL
            """
        )
        guard let allowed = try rows.first?.decode(0, as: Int?.self), size.total > allowed else { return }
        throw LaunchError.tooManyRecipients(campaign: candidate.name, recipients: size.total, allowed: allowed)
    }

    private static func freeze(
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
}

extension LaunchRepository.Origin {
    fileprivate var schedule: UUID? {
        guard case .occurrence(let schedule, _) = self else { return nil }
        return schedule
    }

    fileprivate var scheduledFor: Date? {
        guard case .occurrence(_, let time) = self else { return nil }
        return time
    }

    fileprivate var isTrigger: Bool {
        guard case .trigger = self else { return false }
        return true
    }
}
