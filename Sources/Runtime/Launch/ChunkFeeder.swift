import Foundation
import Logging
import Redis
import ServiceLifecycle
import Settings
import Spec
package import Store

/// Periodically moves due chunks into their lanes (the dispatcher of bulk messages), up to the lane's window.
///
/// The window bounds the memory of Redis for campaigns of any size. A graceful shutdown ends after the current chunk.
package final class ChunkFeeder: Service, Sendable {
    private static let interval = Duration.milliseconds(250)
    private static let idleInterval = Duration.seconds(1)
    /// Least time between two rounds, so that a thousand events a second are fed in batches.
    private static let shortestInterval = Duration.milliseconds(20)

    private let chunks: ChunkRepository
    private let services: LaneServices
    private let wakeup: WakeSignal

    /// Makes a feeder.
    ///
    /// - Parameters:
    ///   - chunks: The table of chunks.
    ///   - services: Parts that all lanes share.
    ///   - wakeup: Notified when runs change; this service is its only waiter.
    package init(chunks: ChunkRepository, services: LaneServices, wakeup: WakeSignal) {
        self.chunks = chunks
        self.services = services
        self.wakeup = wakeup
    }

    func run() async {
        let loop = PeriodicLoop(
            every: Self.idleInterval,
            atMostEvery: Self.shortestInterval,
            wakeup: wakeup,
            logger: services.logger,
            failure: "Could not feed chunks, trying again"
        )
        await loop.runAdaptively { () async throws -> PeriodicLoop.Next in
            try await feedAll() ? .waitFor(Self.interval) : .wait
        }
    }

    /// Feeds all lanes.
    ///
    /// - Returns: True if there are runs to feed.
    private func feedAll() async throws -> Bool {
        // Before chunks are claimed, so that none of a zone goes out whose time was missed.
        for missed in try await chunks.settleZones() {
            let metadata = await services.runs.metadata(of: missed.runID, ["zones": "\(missed.words)"])
            services.logger.warning("Missed the time of a schedule in zones", metadata: metadata)
        }
        let runs = try await services.runs.running()
        var failure: (any Error)?
        for (sender, runs) in Dictionary(grouping: runs, by: \.senderID) {
            guard let worker = services.workers.worker(of: sender) else {
                // The lane keeper does not hear of events; it wakes this service when the worker runs.
                services.changes.notify()
                continue
            }
            do {
                try await feed(runs, of: worker)
            } catch {
                // A lane that takes nothing must not keep the others from being fed.
                failure = error
            }
        }
        if let failure { throw failure }
        return !runs.isEmpty
    }

    private func feed(_ runs: [RunRecord], of worker: LaneWorker) async throws {
        let window = Self.window(ratePerSecond: worker.lane.ratePerSecond)
        var room = window - (try await worker.queue.depth().ready)
        // Triggered messages go first: they have as much room again after bulk messages filled the window.
        for run in runs where run.isTriggered && run.counters[.pending] > 0 && room > -window {
            room -= try await feed(run, worker: worker, room: max(room, min(window / 2, window + room)))
        }
        // Waits until half of the window is free, because large batches are cheaper.
        guard room >= window / 2 else { return }
        let bulk = runs.filter { !$0.isTriggered || $0.counters[.pending] == 0 }
        for (index, run) in bulk.enumerated() where run.counters[.pending] + run.counters[.queued] > 0 {
            room -= try await feed(run, worker: worker, room: room / (bulk.count - index))
        }
    }

    /// Returns how many ids a lane may hold: ten seconds of sending, within bounds.
    static func window(ratePerSecond: Int) -> Int {
        LaneWork.window(ratePerSecond: ratePerSecond)
    }

    /// Returns true if a run waits for the upload of a file.
    ///
    /// Nothing keeps that anywhere: each daemon asks for the id before it feeds, so a crash leaves no run waiting.
    private func waitsForFile(_ run: RunRecord, of lane: LaneRecord) async throws -> Bool {
        let files: Set<String>
        do {
            files = try await services.payloads.payload(of: run.revisionID).payload.files
        } catch is PayloadError {
            // Its messages say why they cannot be sent.
            return false
        }
        // Without a token its lane sends nothing.
        guard !files.isEmpty, let token = try? services.tokens.token(for: lane.accessToken) else { return false }
        return services.media.isAwaited(files, tenant: lane.tenantID, number: lane.phoneNumberID, token: token)
    }

    private func feed(_ run: RunRecord, worker: LaneWorker, room: Int) async throws -> Int {
        guard try await !waitsForFile(run, of: worker.lane) else { return 0 }
        // Chunks of events have any size, from one message on, and so have those of zones with few contacts.
        let plan = LaunchPlan(recipients: run.expectedCount, ratePerSecond: run.ratePerSecond)
        let size = run.isTriggered ? 1 : run.hasZones ? max(1, plan.chunkSize / 16) : plan.chunkSize
        guard
            let claim = try await chunks.claim(
                run: run.id,
                hasZones: run.hasZones,
                limit: max(1, room / size),
                room: max(1, room)
            )
        else { return 0 }
        CrashPoint.chunkClaimed.reach()
        let isPushed: Bool
        do {
            isPushed = try await worker.queue.push(
                claim.messages,
                run: run.id,
                isTriggered: run.isTriggered,
                epoch: worker.lane.epoch
            )
        } catch {
            try await chunks.abandon(claim)
            throw error
        }
        guard isPushed else {
            try await chunks.abandon(claim)
            return 0
        }
        CrashPoint.idsPushed.reach()
        try await chunks.finish(claim)
        await wakeWorkers(of: run.senderID)
        return claim.messages.count
    }

    private func wakeWorkers(of sender: UUID) async {
        services.workers.wake(sender)
        do {
            let channel = LaneKeys.wakeChannel(prefix: services.redis.configuration.keyPrefix)
            _ = try await services.redis.send(RedisCommand("PUBLISH", .text(channel), .text(sender.uuidString)))
        } catch {
            // Their workers look for work within a second anyway.
            services.logger.debug("Could not wake the workers of other daemons", metadata: ["error": "\(error)"])
        }
    }
}
