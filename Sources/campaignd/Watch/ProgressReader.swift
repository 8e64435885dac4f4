import API
import CommandKit
import Foundation
import JSON
import Postgres
import Store

/// A run with all that its progress shows.
struct WatchedRun: Sendable {
    let run: RunRecord
    /// The run as part of its campaign's history, which JSON needs.
    var record: CampaignRunRecord?
    var outlook: RunOutlook?
    /// Failed messages by code, most frequent first.
    var failures: [(code: String, count: Int)] = []
    /// Attempts per second in the last seconds; `nil` until there are two looks, and for runs that are not running.
    var rate: Double?
}

/// Reads the progress of runs.
struct ProgressReader {
    /// The time over which a rate is measured, in seconds: long enough to be steady, short enough to follow.
    private static let window = 4.0
    private static let outlookInterval = 1.0
    private static let failureInterval = 5.0

    private let runs: RunRepository
    private let outlooks: OutlookRepository
    private let watched: WatchedRuns
    private var seen: [UUID] = []
    private var known: (at: Date, outlooks: [UUID: RunOutlook])?
    private var failures: [UUID: Failures] = [:]
    private var rates: [UUID: RateMeter] = [:]

    /// The failures of a run when they were last counted.
    private struct Failures {
        let at: Date
        let count: Int
        let codes: [(code: String, count: Int)]
    }

    init(pool: PostgresPool, watched: WatchedRuns) {
        (runs, outlooks) = (RunRepository(pool: pool), OutlookRepository(pool: pool))
        self.watched = watched
    }

    /// Reads the runs; causes and failures change more slowly than counters, and are read less often.
    mutating func read(now: Date) async throws -> [WatchedRun] {
        let records = try await runs.watched(watched, seen: seen)
        seen = records.map(\.run.id)
        // A run that has begun, ended or stopped has another outlook at once.
        let statuses = Dictionary(records.map { ($0.run.id, $0.run.status) }) { first, _ in first }
        if known.map({ now.timeIntervalSince($0.at) >= Self.outlookInterval }) ?? true || statuses != lastStatuses {
            known = (now, try await outlooks.outlooks(of: records.map(\.run)))
            lastStatuses = statuses
        }
        try await readFailures(of: records.map(\.run), now: now)
        return records.map { record in
            let run = record.run
            let rate = rates[run.id, default: RateMeter(window: Self.window)].note(run.counters.tried, at: now)
            return WatchedRun(
                run: run,
                record: record,
                outlook: known?.outlooks[run.id],
                failures: failures[run.id]?.codes ?? [],
                rate: run.status == .running ? rate : nil
            )
        }
    }

    private var lastStatuses: [UUID: RunStatus] = [:]

    private mutating func readFailures(of runs: [RunRecord], now: Date) async throws {
        let stale = runs.filter { run in
            let failed = run.counters[.failed]
            guard let known = failures[run.id] else { return failed > 0 }
            // The last count is exact, because nothing follows it.
            return failed != known.count
                && (run.status.isOver || now.timeIntervalSince(known.at) >= Self.failureInterval)
        }
        guard !stale.isEmpty else { return }
        let codes = try await self.runs.failureCodes(of: stale.map(\.id))
        for run in stale {
            failures[run.id] = Failures(at: now, count: run.counters[.failed], codes: codes[run.id] ?? [])
        }
    }
}

/// The progress of runs as lines of JSON, one for each change of a run.
struct ProgressLines {
    private var known: [UUID: JSONValue] = [:]

    mutating func update(_ runs: [WatchedRun]) -> [String] {
        runs.compactMap { watched in
            var fields = watched.record?.json(watched.outlook, []).objectValue ?? [:]
            // An end that is not in sight moves along with the clock, which would be a change each time.
            if watched.outlook?.waiting.reason.isOpenEnded ?? false { fields["estimatedCompletionAt"] = nil }
            fields["actions"] = nil
            fields["tenantId"] = .string(watched.run.tenantID)
            fields["campaign"] = .string(watched.run.campaignName)
            fields["ratePerSecond"] = .integer(watched.run.ratePerSecond)
            fields["failures"] = .array(
                watched.failures.map { ["errorCode": .string($0.code), "count": .integer($0.count)] }
            )
            let line = JSONValue.object(fields)
            guard known[watched.run.id] != line else { return nil }
            known[watched.run.id] = line
            fields["currentRate"] = watched.rate.map { .number(($0 * 10).rounded() / 10) }
            return JSONValue.object(fields).canonicalText + "\n"
        }
    }
}
