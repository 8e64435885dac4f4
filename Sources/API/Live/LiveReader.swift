package import Foundation
import Postgres
import Store

/// The lanes in Redis, as the daemon lets the API see them.
package struct LiveLanes: Sendable {
    /// The ids in one lane.
    package struct Lane: Hashable, Sendable {
        let ready: Int
        let delayed: Int
        /// Ids under a lease: messages that are being sent.
        let held: Int
        /// The messages that are next to be sent.
        let front: [UUID]

        package init(ready: Int, delayed: Int, held: Int, front: [UUID]) {
            (self.ready, self.delayed, self.held, self.front) = (ready, delayed, held, front)
        }
    }

    /// Reads the lanes of senders by their ids, given their quota groups; throws if Redis does not answer in time.
    package typealias Read =
        @Sendable (
            _ groups: [UUID: String], _ deadline: ContinuousClock.Instant
        ) async throws -> [UUID: Lane]

    let read: Read
    /// Returns the state of this daemon's circuit breaker: `closed`, `open` or `halfOpen`.
    let circuit: @Sendable () -> String

    package init(read: @escaping Read, circuit: @escaping @Sendable () -> String) {
        (self.read, self.circuit) = (read, circuit)
    }
}

/// The present state of some tenants, read once for all who watch.
struct LiveReading: Sendable {
    /// The clock of Postgres.
    var at: Date
    var daemons: [LiveDaemon] = []
    var senders: [SenderOverview] = []
    var runs: [LiveRun] = []
    var outlooks: [UUID: RunOutlook] = [:]
    /// The lanes by sender; `nil` if Redis did not answer.
    var lanes: [UUID: LiveLanes.Lane]? = [:]
    /// The times at which the first message of each lane became due, by sender.
    var oldest: [UUID: Date] = [:]
    /// The last ten minutes of each run; runs without an accepted or failed message are left out.
    var minutes: [UUID: [LiveMinute]] = [:]
    /// The number of rate limits of each sender within 15 minutes.
    var throttles: [UUID: Int] = [:]
    /// Messages without an answer, by tenant.
    var unconfirmed: [String: Int] = [:]
    /// The latest failures, of all tenants.
    var troubles: [TenantTrouble] = []
    /// The alarms about this daemon.
    var ofDaemon: [LiveAlarm] = []
    var circuit = "closed"
    /// The state of continuous reconciling, if this daemon does it.
    var specs: SpecsState?
}

/// Reads the state from Postgres and Redis.
struct LiveReader: Sendable {
    /// The longest time of one statement or of the look at Redis.
    private let patience: Duration

    private let live: LiveRepository
    private let senders: SenderOverviewRepository
    private let outlooks: OutlookRepository
    private let backlog: BacklogRepository
    let lanes: LiveLanes
    private let specs: (@Sendable () -> SpecsState)?

    init(pool: PostgresPool, lanes: LiveLanes, specs: (@Sendable () -> SpecsState)?, patience: Duration) {
        live = LiveRepository(pool: pool)
        senders = SenderOverviewRepository(pool: pool)
        outlooks = OutlookRepository(pool: pool)
        backlog = BacklogRepository(pool: pool)
        (self.lanes, self.specs, self.patience) = (lanes, specs, patience)
    }

    /// Reads the state of tenants, one statement after another, so that it takes one connection of the pool at a time.
    ///
    /// - Parameters:
    ///   - tenants: The tenants.
    ///   - seen: Runs that were read before and are to be read again.
    /// - Returns: The state; without lanes if Redis does not answer.
    /// - Throws: `PostgresError`.
    func read(_ tenants: [String], seen: [UUID]) async throws -> LiveReading {
        try await StatementLimit.$current.withValue(patience) { try await readAll(tenants, seen: seen) }
    }

    private func readAll(_ tenants: [String], seen: [UUID]) async throws -> LiveReading {
        let (now, daemons) = try await live.daemons(deadline: patience)
        var reading = LiveReading(at: now, daemons: daemons, circuit: lanes.circuit(), specs: specs?())
        reading.runs = try await live.runs(of: tenants, seen: seen, deadline: patience)
        reading.outlooks = try await outlooks.outlooks(of: reading.runs.map(\.run))
        reading.minutes = try await live.minutes(of: reading.runs.map(\.run.id), deadline: patience)
        reading.senders = try await senders.all(tenants: tenants)
        reading.throttles = try await live.throttles(of: reading.senders.map(\.id), deadline: patience)
        reading.troubles = try await live.troubles(of: tenants, deadline: patience)
        for tenant in try await backlog.tenants(deadline: patience) where tenants.contains(tenant.tenantID) {
            reading.unconfirmed[tenant.tenantID] = tenant.unconfirmed
        }
        await readLanes(of: &reading)
        return reading
    }

    private func readLanes(of reading: inout LiveReading) async {
        let groups = Dictionary(reading.senders.map { ($0.id, $0.quotaGroup) }) { first, _ in first }
        do {
            let found = try await lanes.read(groups, .now + patience)
            reading.lanes = found
            let front = found.values.flatMap(\.front)
            guard !front.isEmpty else { return }
            let ages = try await backlog.dueFor(front, deadline: patience)
            for (sender, lane) in found {
                guard let age = lane.front.compactMap({ ages[$0] }).max() else { continue }
                reading.oldest[sender] = reading.at.addingTimeInterval(-(age / .seconds(1)))
            }
        } catch {
            // The lanes are shown as unknown, and an alarm says so.
            reading.lanes = nil
        }
    }
}
