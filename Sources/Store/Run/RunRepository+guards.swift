public import Foundation
import Postgres
import Spelling

/// The pause of a run by a guard.
public struct GuardPause: Hashable, Sendable {
    public enum Guard: String, CaseIterable, Sendable {
        /// Messages in a row fail with the same code.
        case alike
        /// The share of failed messages is above the tenant's policy.
        case share

        var actor: RunActor { .guardRail(rawValue) }
    }

    public let run: UUID
    public let guarding: Guard
    /// The reason, for people; it names the guard, the code, the count and the command that goes on.
    public let reason: String
}

extension RunRepository {
    /// Settled messages from which on the share of failures counts.
    public static let smallestShare = 200

    /// Pauses a run whose messages fail alike.
    ///
    /// - Returns: `nil` if it does not send, or if a message succeeded or a person resumed it meanwhile.
    public func pause(_ alike: AlikeRefusals) async throws -> GuardPause? {
        let refusals = alike.isReported ? "reports of failure" : "refusals"
        let reason = """
            alike guard: \(alike.count.grouped) \(refusals) in a row with code \(alike.code)\(Self.quoted(alike.message)), \
            \(alike.isReported ? "nothing delivered" : "nothing accepted") since; mend the cause and resume, or go on \
            without the guards: \(try await resumeCommand(alike.run))
            """
        let source: AlikeRefusals.Source = alike.isReported ? .report : .answer
        let isPaused = try await pause(
            alike.run,
            reason: reason,
            by: GuardPause.Guard.alike.actor,
            if: """
                EXISTS (
                    SELECT FROM run_refusals s WHERE s."runId" = r.id AND s.source = \(source.rawValue)
                        AND \(fragment: AlikeRefusals.isOver) AND \(fragment: AlikeRefusals.isLatest)
                )
                """
        )
        return isPaused ? GuardPause(run: alike.run, guarding: .alike, reason: reason) : nil
    }

    /// Pauses running runs that a guard stops: those with too many failures, and those whose messages fail alike, if the
    /// daemon that counted them died.
    public func pauseGuarded() async throws -> [GuardPause] {
        var paused: [GuardPause] = []
        for alike in try await alikeRefusals(of: nil) {
            if let pause = try await pause(alike) { paused.append(pause) }
        }
        try await noteHours()
        for share in try await failureShares() {
            if let pause = try await pause(share) { paused.append(pause) }
        }
        return paused
    }

    /// Returns the runs, of those given or of all that send, that the alike guard is to pause.
    func alikeRefusals(of runs: [UUID]?) async throws(PostgresError) -> [AlikeRefusals] {
        let sending: PostgresQuery =
            if let runs {
                """
                (SELECT DISTINCT id FROM unnest(\(runs)::uuid[]) AS o(id)) o
                CROSS JOIN LATERAL (SELECT * FROM campaign_runs WHERE id = o.id OFFSET 0) r
                """
            } else {
                "campaign_runs r"
            }
        let rows = try await pool.query(
            """
            SELECT \(fragment: AlikeRefusals.columns)
            FROM \(fragment: sending) JOIN run_refusals s ON \(key: #"s."runId""#, of: "r.id")
            WHERE \(fragment: Self.live) AND \(fragment: AlikeRefusals.isOver) AND \(fragment: AlikeRefusals.isLatest)
            """
        )
        return try AlikeRefusals.read(rows)
    }

    /// Returns the command that resumes a run without guards.
    private func resumeCommand(_ run: UUID) async throws -> String {
        let record = try await find(run)
        let path = record.map { "\($0.tenantID)/\($0.campaignName)" } ?? run.uuidString.lowercased()
        let isPlain = path.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
            case UInt8(ascii: "-"), UInt8(ascii: "/"), UInt8(ascii: "_"), UInt8(ascii: "."): true
            default: false
            }
        }
        return "campaignd resume \(isPlain ? path : "'\(path)'") --ignore-guard"
    }

    /// Returns a text in parentheses, cut to a length that a line of a log can hold.
    private static func quoted(_ text: String) -> String {
        guard !text.isEmpty else { return "" }
        return text.count > 200 ? " (\(text.prefix(199))…)" : " (\(text))"
    }
}

extension RunRepository {
    /// Pauses a run because WhatsApp reports that none of its messages can be delivered.
    ///
    /// A report from before the run was resumed is about the past, and pauses nothing.
    ///
    /// - Returns: False if it does not send, or was resumed meanwhile.
    public func pause(_ stop: StatusEffects.Stop, reason: String) async throws -> Bool {
        try await pause(
            stop.run,
            reason: reason,
            by: .guardRail(for: stop.failure.scope, otherwise: .webhook),
            templateHeldAt: stop.failure.consequence == .holdsRun ? stop.failedAt : nil,
            if: "\(stop.failedAt)::timestamptz > coalesce(r.\"guardsSince\", '-infinity')"
        )
    }
}

extension RunRepository {
    private struct FailureShare {
        let run: UUID
        let failed: Int
        let settled: Int
        let limit: Int
    }

    /// Notes the counters of standing runs once an hour, and drops those that no share needs any more.
    private func noteHours() async throws {
        let noted = try await pool.execute(
            """
            INSERT INTO run_hours ("runId", hour, "tenantId", settled, failed)
            SELECT r.id, date_trunc('hour', now()), r."tenantId", \(fragment: Self.settled), r.failed
            FROM (
                -- In the order that only the index of open runs has.
                SELECT * FROM campaign_runs WHERE "isTriggered" AND status = \(run: .running) ORDER BY "senderId" OFFSET 0
            ) r
            JOIN tenants t ON t."tenantId" = r."tenantId" AND t."archivedAt" IS NULL
            WHERE t.policy ? 'maxFailurePercent' AND NOT EXISTS (
                SELECT FROM run_hours h
                WHERE \(key: #"h."runId""#, of: "r.id") AND h.hour >= date_trunc('hour', now())
            )
            ON CONFLICT DO NOTHING
            """
        )
        guard noted > 0 else { return }
        try await pool.execute("DELETE FROM run_hours WHERE hour < now() - interval '26 hours'")
    }

    private func failureShares() async throws -> [FailureShare] {
        let rows = try await pool.query(
            """
            SELECT x.id, x.failed, x.settled, x."limit" FROM (
                SELECT r.id, r.failed - coalesce(h.failed, r."guardFailed") AS failed,
                    \(fragment: Self.settled) - coalesce(h.settled, r."guardSettled") AS settled,
                    (t.policy ->> 'maxFailurePercent')::int AS "limit"
                FROM campaign_runs r
                JOIN tenants t ON t."tenantId" = r."tenantId" AND t."archivedAt" IS NULL
                LEFT JOIN LATERAL (
                    SELECT h.settled, h.failed FROM run_hours h
                    WHERE r."isTriggered" AND h."runId" = r.id AND h.hour > coalesce(r."guardsSince", '-infinity')
                        AND h.hour <= now() - interval '24 hours'
                    ORDER BY h.hour DESC LIMIT 1
                ) h ON true
                WHERE r.status = \(run: .running) AND r.failed > r."guardFailed" AND NOT r."ignoresGuards"
                    AND t.policy ? 'maxFailurePercent'
            ) x
            WHERE x.settled >= \(Self.smallestShare)::int AND x.failed * 100 > x."limit" * x.settled
            """
        )
        return try rows.map { row in
            FailureShare(
                run: try row.decode(0),
                failed: try row.decode(1),
                settled: try row.decode(2),
                limit: try row.decode(3)
            )
        }
    }

    private func pause(_ share: FailureShare) async throws -> GuardPause? {
        let top = try await mostFrequentFailure(of: share.run)
        let most = top.map { ", most of them with code \($0.code)\(Self.quoted($0.message))" } ?? ""
        let reason = """
            failure share guard: \(share.failed.grouped) of \(share.settled.grouped) messages failed, more than the \(share.limit) % of \
            `policy.maxFailurePercent`\(most); mend the cause and resume, or go on without the guards: \
            \(try await resumeCommand(share.run))
            """
        let isPaused = try await pause(
            share.run,
            reason: reason,
            by: GuardPause.Guard.share.actor,
            if: "NOT r.\"ignoresGuards\""
        )
        return isPaused ? GuardPause(run: share.run, guarding: .share, reason: reason) : nil
    }

    private func mostFrequentFailure(of run: UUID) async throws -> FailureCount? {
        let rows = try await pool.query(
            """
            SELECT m."errorCode", max(coalesce(m."errorMessage", '')), count(*) FROM campaign_messages m
            WHERE m."runId" = \(run) AND m."failedAt" IS NOT NULL AND m.status = \(message: .failed)
                AND m."errorCode" IS NOT NULL
            GROUP BY 1 ORDER BY 3 DESC, 1 LIMIT 1
            """,
            deadline: .seconds(60)
        )
        return try rows.first.map { row in
            FailureCount(code: try row.decode(0), message: try row.decode(1), count: try row.decode(2))
        }
    }

    /// The messages of a run `r` of which WhatsApp has told whether it takes them.
    private static let settled: PostgresQuery = "r.sent + r.delivered + r.read + r.failed"

    /// Makes the guards of the resumed runs `r` count from now on.
    static func guardsAnew(ignored: Bool) -> [PostgresQuery] {
        [
            "\"ignoresGuards\" = \(ignored)", "\"guardsSince\" = now()",
            "\"guardAccepted\" = \(fragment: AlikeRefusals.Source.answer.successes)",
            "\"guardDelivered\" = \(fragment: AlikeRefusals.Source.report.successes)",
            "\"guardSettled\" = \(fragment: settled)", "\"guardFailed\" = r.failed",
        ]
    }
}
