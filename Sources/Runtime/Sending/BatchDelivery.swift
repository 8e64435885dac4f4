import Foundation
import Logging
import Redis
import ServiceLifecycle
import Spec
import Store

/// Takes the messages of one reservation through `begin`, their slots and the request to their outcomes.
struct BatchDelivery: Sendable {
    /// A message that may go out at its slot.
    private struct Ready: Sendable {
        let message: ClaimedMessage
        let body: [UInt8]
        let slot: ContinuousClock.Instant
    }

    /// Slots this close are fired together.
    private static let together = Duration.milliseconds(1)

    let batch: ReservedBatch
    let queue: LaneQueue
    let services: LaneServices
    let writer: OutcomeWriter
    let logger: Logger
    private let clock = ContinuousClock()

    init(batch: ReservedBatch, queue: LaneQueue, services: LaneServices, writer: OutcomeWriter, logger: Logger) {
        self.batch = batch
        self.queue = queue
        self.services = services
        self.writer = writer
        self.logger = logger
    }

    /// Returns when every message has its outcome, which the writer takes to Postgres, or is not ours any more.
    ///
    /// Each gives its permit back, by the writer or here.
    func run() async {
        CrashPoint.beginning.reach()
        let begun: [ClaimedMessage]
        do {
            begun = try await services.statements.begin(
                SendClaim(batch.slots.map(\.messageID), charged: batch.charged, lease: batch.lease),
                of: batch.lane.id
            )
        } catch {
            // Whether they were begun is unknown. Nothing was written: the leases run out, and then Postgres tells.
            logger.warning("Messages cannot be begun, their leases run out", metadata: ["error": "\(error)"])
            await mark(batch.slots.map(\.messageID), isBeingPrepared: false)
            services.permits.give(back: batch.slots.count)
            return
        }
        CrashPoint.begun.reach()
        let sendable = begun.filter { $0.status == .sending }
        await drop(Set(batch.slots.map(\.messageID)).subtracting(sendable.map(\.id)), begun: begun)
        let ready = await prepare(sendable)
        let preparedAt = clock.now
        services.preparation.note(preparedAt - batch.reservedAt)
        await withDiscardingTaskGroup { requests in
            await fire(ready, preparedAt: preparedAt, requests: &requests)
        }
    }

    /// Ends the leases of messages that are not to be sent now; Postgres says so.
    private func drop(_ ids: Set<UUID>, begun: [ClaimedMessage]) async {
        guard !ids.isEmpty else { return }
        services.permits.give(back: ids.count)
        let returning = begun.filter { $0.status == .queued }.map { message in
            LeaseEnding(
                messageID: message.id,
                lease: batch.lease,
                end: message.delay > .zero ? .delay(message.delay) : .release,
                isBusinessInitiated: message.isBusinessInitiated
            )
        }
        let others = ids.subtracting(returning.map(\.messageID)).map {
            LeaseEnding(messageID: $0, lease: batch.lease, end: .void)
        }
        do {
            try await queue.settle(returning + others)
        } catch {
            logger.debug("Leases cannot be ended, they run out", metadata: ["error": "\(error)"])
        }
    }

    /// Renders messages, and has the lane know which of them would be to blame if this daemon died.
    ///
    /// Those of which one may have died already are rendered alone, while everything else is out of danger: whatever
    /// happens then, no other message is counted with them.
    private func prepare(_ messages: [ClaimedMessage]) async -> [Ready] {
        let (suspects, others) = messages.split { $0.crashes > 0 }
        var ready = await render(others)
        if suspects.isEmpty {
            // Those that are due are marked by their clearance.
            let soon = clock.now + .milliseconds(5)
            await mark(ready.filter { $0.slot > soon }.map(\.message.id), isBeingPrepared: false)
            return ready
        }
        await mark(messages.map(\.id), isBeingPrepared: false)
        _ = await services.suspects.take(upTo: 1)
        for suspect in suspects {
            await mark([suspect.id], isBeingPrepared: true)
            ready += await render([suspect])
            await mark([suspect.id], isBeingPrepared: false)
        }
        services.suspects.give(back: 1)
        return ready.sorted { $0.slot < $1.slot }
    }

    private func mark(_ messages: [UUID], isBeingPrepared: Bool) async {
        do {
            try await queue.mark(messages, isBeingPrepared: isBeingPrepared, lease: batch.lease)
        } catch {
            // A death now would count against the wrong messages, or none: it takes three to matter.
            logger.debug("Messages cannot be marked", metadata: ["error": "\(error)"])
        }
    }

    private func render(_ messages: [ClaimedMessage]) async -> [Ready] {
        let offsets = Dictionary(batch.slots.map { ($0.messageID, $0.offset) }) { first, _ in first }
        var ready: [Ready] = []
        ready.reserveCapacity(messages.count)
        for message in messages {
            do {
                let payload = try await services.payloads.payload(of: message.revisionID)
                let values = PlaceholderValues(contact: message.contact, context: message.context)
                let body = try payload.body(recipient: message.recipientPhone, messageID: message.id) { values[$0] }
                let slot = batch.reservedAt + (offsets[message.id] ?? .zero)
                ready.append(Ready(message: message, body: body, slot: slot))
            } catch let error as TextTemplate.MissingValue {
                let failure = MessageOutcome.Failure(code: "missing_value", message: error.description)
                end(message, .failed(failure))
            } catch let error as PayloadError {
                let failure = MessageOutcome.Failure(code: "unusable_message", message: error.description)
                end(message, .failed(failure))
            } catch {
                end(message, .released(after: .seconds(1)))
            }
        }
        return ready.sorted { $0.slot < $1.slot }
    }

    private func fire(
        _ ready: [Ready],
        preparedAt: ContinuousClock.Instant,
        requests: inout DiscardingTaskGroup
    ) async {
        var rest = ready[...]
        while let first = rest.first {
            // Ends early by shutdown or cancellation, which is asked for next.
            try? await cancelWhenGracefulShutdown { try await self.clock.sleep(until: first.slot, tolerance: .zero) }
            if Task.isShuttingDownGracefully || Task.isCancelled { break }
            let now = clock.now
            let due = rest.prefix { $0.slot <= now + Self.together }
            rest = rest.dropFirst(due.count)
            let (late, timely) = due.split { isLate($0, at: now) }
            release(late)
            // Whoever was not ready needs a longer lead, and will have it.
            if late.contains(where: { $0.slot > preparedAt }) || services.preparation.current.isExceeded {
                services.permits.miss(at: now)
            }
            if services.gate.isShut && batch.probe == nil {
                release(timely)
                break
            }
            if !timely.isEmpty, !(await clear(timely, requests: &requests)) { break }
        }
        release(Array(rest))
    }

    /// Sends those that Redis clears.
    ///
    /// - Returns: False when the rest of the batch must not go out now either.
    private func clear(_ timely: [Ready], requests: inout DiscardingTaskGroup) async -> Bool {
        let clearance: Clearance
        do {
            clearance = try await queue.fire(timely.map(\.message.id), epoch: batch.lane.epoch, lease: batch.lease)
        } catch {
            logger.warning("Redis gives no clearance", metadata: ["error": "\(error)"])
            release(timely)
            return false
        }
        guard case .answers(let answers) = clearance else {
            release(timely)
            return false
        }
        CrashPoint.cleared.reach()
        let now = clock.now
        var met = 0
        for (ready, isOurs) in zip(timely, answers) {
            if !isOurs {
                requests.addTask { await self.returnToLane(ready) }
            } else if isLate(ready, at: now) {
                release([ready])
                services.permits.miss(at: now)
            } else {
                met += 1
                requests.addTask { await self.send(ready) }
            }
        }
        services.permits.meet(met)
        return true
    }

    private func isLate(_ ready: Ready, at now: ContinuousClock.Instant) -> Bool { now > lastInstant(of: ready) }

    /// Until when a slot can be used.
    private func lastInstant(of ready: Ready) -> ContinuousClock.Instant { ready.slot + Pace(batch.lane).useBy }

    private func release(_ messages: [Ready]) {
        for ready in messages { end(ready.message, .released(after: .zero)) }
    }

    /// Undoes `begin` for a message whose lease was taken from us.
    ///
    /// If it is still ours in Postgres, then whoever took
    /// the lease has found it being sent, and forgotten it: it has to come back into the lane.
    private func returnToLane(_ ready: Ready) async {
        await writer.write(outcome(ready.message, .released(after: .zero)))
        do {
            let message = FedMessage(
                id: ready.message.id,
                delay: .zero,
                isBusinessInitiated: ready.message.isBusinessInitiated
            )
            _ = try await queue.push([message], run: ready.message.runID, epoch: batch.lane.epoch)
        } catch {
            logger.debug("A message is not back in its lane, the keeper will see", metadata: ["error": "\(error)"])
        }
    }

    private func send(_ ready: Ready) async {
        // On a busy machine this task had to wait for its turn: a slot is for its instant only.
        let now = clock.now
        if isLate(ready, at: now) { services.permits.miss(at: now) }
        guard !isLate(ready, at: now), services.gate.begin(probe: batch.probe) else {
            return end(ready.message, .released(after: .zero))
        }
        let request = OutboundRequest(
            phoneNumberID: batch.lane.phoneNumberID,
            token: batch.token,
            body: ready.body,
            writeBy: lastInstant(of: ready)
        )
        CrashPoint.requestWritten.reach(after: .milliseconds(200))
        let start = clock.now
        guard let answer = await services.transport.send(request) else {
            // Connections are being opened; the next slot finds one.
            services.gate.withdraw(probe: batch.probe)
            return end(ready.message, .released(after: .zero))
        }
        services.metrics.send.count(answer, after: clock.now - start)
        CrashPoint.answerRead.reach()
        let isDown = services.gate.end(answer, probe: batch.probe)
        // The outage is the reason, not the message: what never was written is no attempt then.
        if isDown, case .notWritten = answer { return end(ready.message, .released(after: .zero)) }
        let decision = SendDecision(answer, pairLimit: batch.lane.pairLimit, retries: services.retries)
        end(ready.message, await result(of: decision, for: ready.message))
    }

    private func end(_ message: ClaimedMessage, _ result: MessageOutcome.Result) {
        // The contact has written meanwhile: what was taken from the quota is not used.
        let isFree = batch.charged.contains(message.id) && !message.isBusinessInitiated
        writer.add(outcome(message, result), isFree: isFree)
    }

    private func outcome(_ message: ClaimedMessage, _ result: MessageOutcome.Result) -> MessageOutcome {
        MessageOutcome(messageID: message.id, lease: batch.lease, result: result)
    }
}

extension Collection {
    /// The elements in two parts: those that satisfy the condition, and all others.
    fileprivate func split(_ condition: (Element) -> Bool) -> (matching: [Element], others: [Element]) {
        reduce(into: ([], [])) { parts, element in
            if condition(element) { parts.0.append(element) } else { parts.1.append(element) }
        }
    }
}
