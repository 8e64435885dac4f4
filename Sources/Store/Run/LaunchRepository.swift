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
    ///   - now: The instant against which the 24 hour window is measured for the whole launch, and from which its
    ///     messages may be sent; `nil` takes Postgres's clock, which all daemons share.
    /// - Returns: The new run, or the one that exists.
    /// - Throws: ``LaunchError`` when the campaign cannot be launched.
    public func open(campaign: String, tenant: String, now: Date? = nil) async throws -> Opening {
        try await open(.name(campaign), tenant: tenant, now: now).opening
    }

    /// The same for a campaign by its name or its id, with the quota that the new run was checked against.
    ///
    /// - Returns: What became of the wish, and the quota; `nil` when there was a run before.
    /// - Throws: ``LaunchError`` when the campaign cannot be launched.
    public func open(
        _ key: CampaignKey,
        tenant: String,
        now given: Date? = nil
    ) async throws -> (opening: Opening, quota: QuotaCheck?) {
        do {
            return try await pool.transaction(deadline: .seconds(120)) { connection -> (Opening, QuotaCheck?) in
                let present = try await connection.query("SELECT coalesce(\(given)::timestamptz, clock_timestamp())")
                let now = try present[0].decode(0, as: Date.self)
                let candidate = try await LaunchCandidate.lock(key, tenant: tenant, on: connection)
                let campaign = candidate.name
                if let run = try await latestRun(of: candidate.id, on: connection) {
                    return (run.status.isOver ? .over(run) : .underWay(run), nil)
                }
                let content = try candidate.content()
                if candidate.isTriggered {
                    let nobody = AudienceSize(total: 0, inWindow: 0)
                    let run = try await Self.insertRun(
                        of: candidate,
                        content,
                        size: nobody,
                        origin: .trigger,
                        now: now,
                        on: connection
                    )
                    return (.opened(run), nil)
                }
                guard let audience = content.audience else { throw LaunchError.noAudience(campaign: campaign) }
                let size = try await Self.count(audience, candidate: candidate, now: now, on: connection)
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
                let run = try await Self.insertRun(of: candidate, content, size: size, now: now, on: connection)
                return (.opened(run), quota)
            }
        } catch let error as PostgresError where error.isUniqueViolation {
            // Somebody else opened it in the same instant.
            return try await open(key, tenant: tenant, now: given)
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
}
