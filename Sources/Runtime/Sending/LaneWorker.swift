import Foundation
import Logging
import Redis
import ServiceLifecycle
import Settings
package import Store
import Synchronization

/// The worker of one lane: reserves timed slots, and delivers each reservation as a batch; see ``BatchDelivery``.
///
/// A graceful shutdown reserves no more slots; messages whose slot has not come are given back, requests under way are
/// finished and recorded before ``run()`` returns. Cancellation stops in the middle: the leases expire, and messages that
/// may have been written become unconfirmed.
package final class LaneWorker: Sendable {
    /// Most messages of one reservation: few enough to be sent well before their slots expire.
    static let largestReservation = 128
    /// Least number of permits that a reservation waits for when they are scarce.
    ///
    /// A reservation costs about thirty Redis commands and a part of two statements, however few messages it is for.
    private static let smallestReservation = 64
    /// Time after which a missing access token is looked for again.
    private static let patienceForToken = Duration.seconds(5)
    /// Time after which an idle lane looks for messages again, in case a wake-up was lost.
    private static let idle = Duration.seconds(1)

    package let queue: LaneQueue
    /// The cause for which it does not send.
    package let condition: LaneCondition
    /// Notified when the maintenance of the lane should look at once; it is its only waiter.
    let upkeep = WakeSignal()
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
        let reports = services.reports
        condition = LaneCondition(logger: logger, changed: { reports.notify() })
    }

    /// The current state of the lane: rate, token and epoch may change while the worker runs.
    package var lane: LaneRecord { record.withLock { $0 } }

    /// Applies changes of the sender, and looks for work.
    func update(_ lane: LaneRecord) {
        record.withLock { $0 = lane }
        wakeup.notify()
    }

    /// Stops the worker after its current batches.
    func retire() {
        isRetired.withLock { $0 = true }
        wakeup.notify()
    }

    /// Makes the worker look for work at once.
    func wake() {
        wakeup.notify()
    }

    func run() async {
        let (statements, permits, sender) = (services.statements, services.permits, lane.id)
        let writer = OutcomeWriter(
            record: { outcomes in try await statements.record(outcomes, of: sender) },
            lane: queue,
            logger: logger,
            clock: clock,
            metrics: services.metrics.send.of(tenant: lane.tenantID, sender: lane.name),
            ended: { permits.give(back: $0) }
        )
        // The first connection shows how long opening one takes.
        services.channel.prepare(for: 1)
        await withDiscardingTaskGroup { group in
            group.addTask { await writer.run() }
            await withDiscardingTaskGroup { batches in
                while !Task.isShuttingDownGracefully && !Task.isCancelled && !isRetired.withLock({ $0 }) {
                    guard let batch = await nextBatch() else { continue }
                    batches.addTask { await self.deliver(batch, writer: writer) }
                    // Fewer slots than wanted: the pace is the limit, or few messages are ready. Waiting for half of the
                    // granted time makes the next batch larger.
                    if batch.slots.count < batch.wanted { await sleep((batch.slots.last?.offset ?? .zero) / 2) }
                }
            }
            writer.finish()
        }
    }

    /// Reserves slots; waits and returns `nil` when nothing can be sent now.
    private func nextBatch() async -> ReservedBatch? {
        let lane = self.lane
        let access = Result { () throws(TokenError) in try services.tokens.token(for: lane.accessToken) }
        noteFacts(of: lane, access)
        guard lane.quietFor == .zero else {
            // Quiet hours: the lane keeper updates their rest once a second, and the claim in Postgres checks them again.
            await idle(upTo: min(lane.quietFor, Self.idle))
            return nil
        }
        guard case .success(let token) = access else {
            await idle(upTo: Self.patienceForToken)
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

    /// Notes what is known without asking Redis.
    private func noteFacts(of lane: LaneRecord, _ access: Result<AccessToken, TokenError>) {
        let outage = services.gate.problem
        let problem = services.workers.storeProblem
        condition.note { facts in
            facts.postgresProblem = problem
            facts.tokenProblem = nil
            if case .failure(let error) = access { facts.tokenProblem = error.problem }
            facts.outage = outage
            facts.quotaUntil = lane.quotaUntil
            facts.quietUntil = lane.quietFor > .zero ? Date() + lane.quietFor / .seconds(1) : nil
            // Redis is not asked then.
            if facts.quietUntil != nil || facts.tokenProblem != nil { facts.redisProblem = nil }
        }
    }

    /// Notes what Redis answered.
    private func note(_ reservation: Reservation) {
        condition.note { facts in
            facts.redisProblem = nil
            if case .paused(let duration) = reservation {
                facts.pausedUntil = Date() + duration / .seconds(1)
            } else {
                facts.pausedUntil = nil
            }
        }
    }

    private func reserve(_ wanted: Int, probe: Int?, token: AccessToken, lane: LaneRecord) async -> ReservedBatch? {
        let permits = await services.permits.take(upTo: wanted, minimum: Self.smallestReservation)
        let lease = services.presence.lease()
        do {
            let reservation = try await queue.reserve(
                permits,
                pace: Pace(lane),
                lead: lead,
                quota: lane.dailyLimit,
                epoch: lane.epoch,
                lease: lease
            )
            note(reservation)
            if case .slots(let slots, let exhausted) = reservation {
                services.channel.prepare(for: slots.count)
                services.permits.give(back: permits - slots.count)
                if let exhausted { await waitForQuota(exhausted, of: lane) }
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
            // Another lane may send the probe instead.
            services.gate.abandon(probe: probe)
            await wait(for: reservation, of: lane)
        } catch {
            services.permits.give(back: permits)
            services.gate.abandon(probe: probe)
            condition.note { $0.redisProblem = "Redis: \(error)" }
            logger.warning("Could not reserve slots, trying again", metadata: ["error": "\(error)"])
            await sleep(.milliseconds(500))
        }
        return nil
    }

    /// Time between a reservation and its first slot, in which messages are prepared and connections opened.
    private var lead: Duration {
        max(services.preparation.current.duration, min(services.channel.expectedWait, LeadTime.longest))
    }

    private func wait(for reservation: Reservation, of lane: LaneRecord) async {
        switch reservation {
        case .slots: break
        case .wait(let duration): await sleep(min(duration, .seconds(1)))
        case .empty(let nextRetry, let exhausted):
            if let exhausted { await waitForQuota(exhausted, of: lane) }
            await idle(upTo: min(nextRetry ?? Self.idle, Self.idle))
        case .paused(let duration): await idle(upTo: min(duration, .seconds(5)))
        // The lane's maintenance rebuilds it, and wakes the worker with the new epoch.
        case .stale: await idle(upTo: .milliseconds(500))
        }
    }

    /// Pauses the campaigns of messages that wait for quota, and takes these messages out of the lane.
    ///
    /// Postgres comes first: if a crash leaves ids in the lane, they are found again and do no harm.
    private func waitForQuota(_ duration: Duration, of lane: LaneRecord) async {
        do {
            // A limit that was raised a moment ago must not pause for a day what was resumed because of it.
            guard try await services.lanes.hasLimit(lane.dailyLimit, sender: lane.id) else { return }
            var messages: [UUID]
            repeat {
                messages = try await queue.waitingForQuota()
                for run in try await services.runs.waitForQuota(messages, for: duration) {
                    let wait: Logger.Metadata = ["seconds": "\(duration.components.seconds)"]
                    let metadata = await services.runs.metadata(of: run, wait)
                    logger.warning("Quota used up, campaign paused", metadata: metadata)
                }
                try await queue.withdraw(messages)
            } while messages.count == LaneQueue.largestBatch
        } catch {
            logger.warning("Could not pause campaigns without quota, trying again", metadata: ["error": "\(error)"])
        }
    }

    private func idle(upTo limit: Duration) async {
        // A shutdown ends the wait, and then the loop.
        await cancelWhenGracefulShutdown { await self.wakeup.wait(upTo: limit, clock: self.clock) }
    }

    private func sleep(_ duration: Duration) async {
        // Only shutdown or cancellation ends the sleep early; both also end the loop.
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
