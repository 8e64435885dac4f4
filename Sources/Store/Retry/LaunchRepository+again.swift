public import Foundation
import Postgres
import Spec

extension LaunchRepository {
    /// The result of a request to send a campaign once more.
    public struct Repetition: Sendable {
        public let run: RunRecord
        /// False if an earlier request with the same key opened the run.
        public let isNew: Bool
        /// The last run before it.
        public let previous: RunRecord?
        /// The quota that the run was checked against; `nil` if it is not new.
        public let quota: QuotaCheck?
    }

    /// Opens a new run of a campaign that has been sent, to its present audience and with its present content.
    ///
    /// The campaign's row is locked, so of several requests at once one opens a run. A request may be repeated under its
    /// key: it gets the run that the first one opened, whatever has become of it.
    ///
    /// - Parameters:
    ///   - campaign: The name or id of the campaign.
    ///   - tenant: The owner of the campaign.
    ///   - key: The caller's own name for the request, 1 to 200 characters; one name opens one run of the campaign.
    ///   - given: The instant of the launch; `nil` takes Postgres's clock, which all daemons share.
    ///   - actor: Who launches it.
    /// - Returns: The run, whose messages are still to be written if it is new.
    /// - Throws: ``LaunchError`` if a run of the campaign is open, it was never sent, or it cannot be launched.
    public func openAgain(
        _ campaign: CampaignKey,
        tenant: String,
        key: String,
        now given: Date? = nil,
        by actor: RunActor = .daemon
    ) async throws -> Repetition {
        try await pool.transaction(deadline: .seconds(120)) { connection in
            let now = try await Self.present(given, on: connection)
            let candidate = try await LaunchCandidate.lock(campaign, tenant: tenant, on: connection)
            if let known = try await Self.run(of: candidate, key: key, isRetry: false, on: connection) {
                let previous = try await Self.lastRun(of: candidate.id, before: known.id, on: connection)
                return Repetition(run: known, isNew: false, previous: previous, quota: nil)
            }
            let previous = try await Self.closedRun(of: candidate, on: connection)
            let content = try candidate.content(for: .sendAgain)
            let (run, quota) = try await Self.openCounted(
                candidate,
                content,
                by: .sendAgain,
                origin: .again(key: key),
                now: now,
                on: connection
            )
            try await RunAction.record(.again, on: run.id, by: actor, connection)
            return Repetition(run: run, isNew: true, previous: previous, quota: quota)
        }
    }

    /// Returns the last run of a campaign that may get another one.
    ///
    /// - Throws: ``LaunchError`` if a run is open, there was none, or the campaign gets its messages by events.
    static func closedRun(of candidate: LaunchCandidate, on connection: PostgresConnection) async throws -> RunRecord {
        guard let run = try await lastRun(of: candidate.id, before: nil, on: connection) else {
            guard !candidate.isTriggered else { throw LaunchError.triggered(campaign: candidate.name) }
            throw LaunchError.neverSent(campaign: candidate.name)
        }
        guard !candidate.isTriggered, !run.isTriggered else {
            throw LaunchError.triggered(campaign: candidate.name)
        }
        let open = try await connection.query(
            """
            SELECT 1 FROM campaign_runs
            WHERE "campaignId" = \(candidate.id) AND status IN \(anyOf: RunStatus.open) LIMIT 1
            """
        )
        guard open.isEmpty else { throw LaunchError.runOpen(campaign: candidate.name, status: candidate.status) }
        return run
    }

    /// Returns the run that an earlier request with the same key opened.
    ///
    /// - Throws: ``LaunchError/keyOfAnother(campaign:)`` if that request was of the other kind.
    static func run(
        of candidate: LaunchCandidate,
        key: String,
        isRetry: Bool,
        on connection: PostgresConnection
    ) async throws -> RunRecord? {
        let rows = try await connection.query(
            """
            \(fragment: RunRecord.selection) WHERE r."campaignId" = \(candidate.id) AND r."launchKey" = \(key)
            """
        )
        let run = try rows.first.map(RunRecord.init(row:))
        if let run, (run.retryOf != nil) != isRetry { throw LaunchError.keyOfAnother(campaign: candidate.name) }
        return run
    }

    static func lastRun(
        of campaign: UUID,
        before run: UUID?,
        on connection: PostgresConnection
    ) async throws -> RunRecord? {
        let rows = try await connection.query(
            """
            \(fragment: RunRecord.selection)
            WHERE r."campaignId" = \(campaign) AND (\(run)::uuid IS NULL OR r.id < \(run)::uuid)
            ORDER BY r."createdAt" DESC, r.id DESC LIMIT 1
            """
        )
        return try rows.first.map(RunRecord.init(row:))
    }
}
