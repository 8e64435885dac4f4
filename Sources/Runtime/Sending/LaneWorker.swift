import Foundation
import Logging
import Postgres
import Redis
import ServiceLifecycle
package import Store
import Synchronization

/// Sends the messages of one lane: takes timed slots, asks Postgres whether the messages may go, sends each at its slot
/// and records what came of it.
///
/// A graceful shutdown takes no more slots; messages whose slot has not come are given back, those under way are
/// finished and recorded before ``run()`` returns. Cancellation stops in the middle: the leases run out and what may
/// have been written becomes unconfirmed.
package final class LaneWorker: Sendable {
    /// Most messages of one reservation: small enough to be fired well within their use-by.
    static let largestReservation = 128
    /// What is worth a reservation when permits are scarce; a line may be shorter all the same.
    ///
    /// Each costs some thirty commands of Redis and a part of two statements, however few messages it is for.
    private static let smallestReservation = 64
    /// An idle lane looks again after this time, should a wake-up get lost.
    private static let idle = Duration.seconds(1)

    package let queue: LaneQueue
    private let services: LaneServices
    private let record: Mutex<LaneRecord>
    private let isRetired = Mutex(false)
    private let wakeup = WakeSignal()
    private let clock = ContinuousClock()
    private let logger: Logger

    init(lane: LaneRecord, services: LaneServices) {
        self.services = services
        record = Mutex(lane)
        queue = LaneQueue(
            redis: services.redis,
            quotaGroup: lane.quotaGroup,
            sender: lane.id,
            leases: services.leases
        )
        var logger = services.logger
        logger[metadataKey: "tenant"] = "\(lane.tenantID)"
        logger[metadataKey: "sender"] = "\(lane.name)"
        self.logger = logger
    }

    /// The lane as it is now: rate, token and epoch may change while it runs.
    package var lane: LaneRecord { record.withLock { $0 } }

    /// Takes over changes of the sender, and looks for work.
    func update(_ lane: LaneRecord) {
        record.withLock { $0 = lane }
        wakeup.notify()
    }

    /// Has it end after what it has in hand.
    func retire() {
        isRetired.withLock { $0 = true }
        wakeup.notify()
    }

    /// Looks for work at once.
    func wake() {
        wakeup.notify()
    }

    func run() async {
        let (statements, permits, sender) = (services.statements, services.permits, lane.id)
        let writer = OutcomeWriter(
            record: { outcomes throws(PostgresError) in try await statements.record(outcomes, of: sender) },
            lane: queue,
            logger: logger,
            clock: clock,
            metrics: services.metrics.send,
            ended: { permits.give(back: $0) }
        )
        // The first shows how long connections take to open.
        services.transport.prepare(for: 1)
        await withDiscardingTaskGroup { group in
            group.addTask { await writer.run() }
            await withDiscardingTaskGroup { batches in
                while !Task.isShuttingDownGracefully && !Task.isCancelled && !isRetired.withLock({ $0 }) {
                    guard let batch = await nextBatch() else { continue }
                    batches.addTask { await self.deliver(batch, writer: writer) }
                    // Less than asked for: the pace is the bound, or the line is short. Come back when half of the
                    // granted time has passed, for a batch of decent size.
                    if batch.slots.count < batch.wanted { await sleep((batch.slots.last?.offset ?? .zero) / 2) }
                }
            }
            writer.finish()
        }
    }

    /// Reserves slots; waits and returns `nil` when there is nothing to do now.
    private func nextBatch() async -> ReservedBatch? {
        let lane = self.lane
        guard lane.quietFor == .zero else {
            // The keeper tells once a second how long it lasts; Postgres is asked again before anything is sent.
            await idle(upTo: min(lane.quietFor, Self.idle))
            return nil
        }
        let token: AccessToken
        do {
            token = try services.tokens.token(for: lane.accessToken)
        } catch {
            logger.error("The lane waits", metadata: ["error": "\(error)"])
            await sleep(.seconds(15))
            return nil
        }
        let probe: Int?
        let wanted: Int
        switch services.gate.admit() {
        case .open(let room): (probe, wanted) = (nil, min(room, Self.largestReservation, Pace(lane).mostAtOnce))
        case .probe(let number): (probe, wanted) = (number, 1)
        case .wait(let duration):
            await sleep(duration)
            return nil
        }
        return await reserve(wanted, probe: probe, token: token, lane: lane)
    }

    private func reserve(_ wanted: Int, probe: Int?, token: AccessToken, lane: LaneRecord) async -> ReservedBatch? {
        let permits = await services.permits.take(upTo: wanted, minimum: Self.smallestReservation)
        let lease = Int64.random(in: 1...Int64.max)
        do {
            let reservation = try await queue.reserve(
                permits,
                pace: Pace(lane),
                lead: lead,
                quota: lane.dailyLimit,
                epoch: lane.epoch,
                lease: lease
            )
            if case .slots(let slots, let exhausted) = reservation {
                services.transport.prepare(for: slots.count)
                services.permits.give(back: permits - slots.count)
                if let exhausted { await waitForQuota(exhausted) }
                return ReservedBatch(
                    slots: slots,
                    wanted: permits,
                    lease: lease,
                    reservedAt: clock.now,
                    token: token,
                    lane: lane,
                    probe: probe
                )
            }
            services.permits.give(back: permits)
            // A lane without anything to send leaves the probe to another one.
            services.gate.abandon(probe: probe)
            await wait(for: reservation)
        } catch {
            services.permits.give(back: permits)
            services.gate.abandon(probe: probe)
            logger.warning("Redis gives no slots, trying again", metadata: ["error": "\(error)"])
            await sleep(.milliseconds(500))
        }
        return nil
    }

    /// How long before its slot a message is reserved: until then it is prepared, and has a connection.
    private var lead: Duration {
        max(services.preparation.current.duration, min(services.transport.expectedWait, LeadTime.longest))
    }

    private func wait(for reservation: Reservation) async {
        switch reservation {
        case .slots: break
        case .wait(let duration): await sleep(min(duration, .seconds(1)))
        case .empty(let nextRetry, let exhausted):
            if let exhausted { await waitForQuota(exhausted) }
            await idle(upTo: min(nextRetry ?? Self.idle, Self.idle))
        case .paused(let duration): await idle(upTo: min(duration, .seconds(5)))
        // The keeper of the lanes rebuilds it, and wakes us with the new epoch.
        case .stale: await idle(upTo: .milliseconds(500))
        }
    }

    /// Pauses the campaigns whose messages find no quota.
    ///
    /// Postgres first: ids that stay in the lane by a crash in between are found again, and change nothing.
    private func waitForQuota(_ duration: Duration) async {
        do {
            var messages: [UUID]
            repeat {
                messages = try await queue.waitingForQuota()
                for run in try await services.runs.waitForQuota(messages, for: duration) {
                    let wait: Logger.Metadata = ["seconds": "\(duration.components.seconds)"]
                    let metadata = await services.runs.metadata(of: run, wait)
                    logger.warning("The quota is used up, campaign paused", metadata: metadata)
                }
                try await queue.withdraw(messages)
            } while messages.count == LaneQueue.largestBatch
        } catch {
            logger.warning("Messages without quota cannot be put back, trying again", metadata: ["error": "\(error)"])
        }
    }

    private func idle(upTo limit: Duration) async {
        // A shutdown ends the wait, and then the loop.
        await cancelWhenGracefulShutdown { await self.wakeup.wait(upTo: limit, clock: self.clock) }
    }

    private func sleep(_ duration: Duration) async {
        // Ends early by shutdown or cancellation only, which end the loop.
        try? await cancelWhenGracefulShutdown { try await self.clock.sleep(for: duration) }
    }

    private func deliver(_ batch: ReservedBatch, writer: OutcomeWriter) async {
        let delivery = BatchDelivery(batch: batch, queue: queue, services: services, writer: writer, logger: logger)
        await delivery.run()
        services.gate.abandon(probe: batch.probe)
    }
}

extension Pace {
    init(_ lane: LaneRecord) {
        self.init(ratePerSecond: lane.ratePerSecond)
    }
}
