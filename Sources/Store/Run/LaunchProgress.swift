import Foundation
import JSON
import Postgres
import Spec

/// How far the launch of a run has come, with its row locked.
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
    /// Contacts up to this `contactId` have been looked at in this phase; empty at its start.
    let cursor: String
    let nextPosition: Int
    let inWindowCount: Int
    let expectedCount: Int
    let ratePerSecond: Int
    let startedAt: Date
    private let windowCutoff: Date

    /// Locks the run if its launch is not complete; `nil` when there is nothing left to do.
    static func lock(run: UUID, on connection: PostgresConnection) async throws -> LaunchProgress? {
        let rows = try await connection.query(
            """
            SELECT r.*, s."ratePerSecond", v.content
            FROM campaign_runs r
            JOIN senders s ON s.id = r."senderId"
            JOIN campaign_revisions v ON v.id = r."revisionId"
            WHERE r.id = \(run) AND r.status = 'launching'
            FOR UPDATE OF r
            """
        )
        guard let row = rows.first else { return nil }
        let stored = try JSONValue(parsing: try row.decode("content", as: PostgresJSON.self).text)
        // Without a filter nobody is meant, rather than everybody.
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
            windowCutoff: try row.decode("windowCutoff")
        )
    }

    /// The contacts of this phase.
    ///
    /// The second phase takes everybody who has no message yet, also those who have come into the window since the first
    /// phase passed them: a webhook may be late, so the time they wrote says nothing. The look-up is a scalar subquery
    /// because an EXISTS might be answered by reading all messages, batch after batch.
    var window: PostgresQuery {
        phase == .inWindow
            ? "c.\"lastSeen\" > \(windowCutoff)"
            : """
            (c."lastSeen" IS NULL OR c."lastSeen" <= \(windowCutoff) OR (
                SELECT m.id FROM campaign_messages m
                WHERE m."contactId" = c.id AND m."runId" = \(runID) AND m."triggerEventId" IS NULL
            ) IS NULL)
            """
    }
}
