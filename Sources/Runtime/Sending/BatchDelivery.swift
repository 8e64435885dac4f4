import Foundation
import Logging
import Redis
import ServiceLifecycle
import Settings
import Spec
import Store

/// Sends the messages of one reservation: claims them in Postgres, renders them, waits for each slot, asks Redis for
/// clearance, sends the request and hands the outcome to the writer.
///
/// The order of the steps makes crashes safe: Postgres and Redis know that a message may have been written before it is.
struct BatchDelivery: Sendable {
    /// A message that is rendered and waits for its slot.
    private struct Ready: Sendable {
        let message: ClaimedMessage
        let body: [UInt8]
        /// The ids of the files in it, by their digests; empty for most messages.
        let mediaIDs: [String: String]
        let slot: ContinuousClock.Instant
    }

    /// Slots this close to each other get their clearance together.
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

    /// Returns when each message has an outcome, which the writer stores in Postgres, or has lost its lease.
    ///
    /// Each message gives its permit back, through the writer or here.
    func run() async {
        CrashPoint.beginning.reach()
        let begun: [ClaimedMessage]
        do {
            begun = try await services.statements.begin(
                SendClaim(
                    batch.slots.map(\.messageID),
                    charged: batch.charged,
                    lease: batch.lease,
                    windowNumber: batch.lane.windowNumber,
                    hasContactClocks: batch.lane.hasContactClocks
                ),
                of: batch.lane.id
            )
        } catch {
            // It is unknown whether they were claimed. Nothing was sent: after the leases expire, Postgres decides.
            logger.warning("Could not claim messages, their leases expire", metadata: ["error": "\(error)"])
            await mark(batch.slots.map(\.messageID), isBeingPrepared: false)
            services.permits.give(back: batch.slots.count)
            return
        }
        CrashPoint.begun.reach()
        let sendable = begun.filter { $0.status == .sending }
        await release(Set(batch.slots.map(\.messageID)).subtracting(sendable.map(\.id)), claimed: begun)
        let ready = await prepare(sendable)
        let preparedAt = clock.now
        services.preparation.note(preparedAt - batch.reservedAt)
        await withDiscardingTaskGroup { requests in
            await fire(ready, preparedAt: preparedAt, requests: &requests)
        }
    }

    /// Ends the leases of messages that Postgres does not allow to be sent now.
    private func release(_ ids: Set<UUID>, claimed: [ClaimedMessage]) async {
        guard !ids.isEmpty else { return }
        services.permits.give(back: ids.count)
        let returning = claimed.filter { $0.status == .queued }.map { message in
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
            logger.debug("Could not end leases, they expire", metadata: ["error": "\(error)"])
        }
    }

    /// Renders messages, and marks in the lane which of them are being rendered, so that a crash is counted against them.
    ///
    /// Messages that may have crashed a daemon before (poison messages) are rendered one at a time, while no other message
    /// is marked: a crash is then counted against that message alone.
    private func prepare(_ messages: [ClaimedMessage]) async -> [Ready] {
        let (suspects, others) = messages.split { $0.crashes > 0 }
        var ready = await render(others)
        if suspects.isEmpty {
            // Messages that are due soon are marked by their clearance.
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
            // A crash now would be counted against the wrong messages, or none; only three in a row park a message.
            logger.debug("Could not mark messages in their lease", metadata: ["error": "\(error)"])
        }
    }

    private func render(_ messages: [ClaimedMessage]) async -> [Ready] {
        let offsets = Dictionary(batch.slots.map { ($0.messageID, $0.offset) }) { first, _ in first }
        var ready: [Ready] = []
        ready.reserveCapacity(messages.count)
        for message in messages {
            if let problem = message.problem {
                end(message, .failed(.init(code: "unreadable_row", message: problem)))
                continue
            }
            do {
                let prepared = try await services.payloads.payload(of: message.revisionID)
                let values = PlaceholderValues(contact: message.contact, context: message.context)
                let files = prepared.payload.files { values[$0] }
                guard let mediaIDs = await mediaIDs(of: files, for: message) else { continue }
                let body = try prepared.payload.body(
                    recipient: message.address,
                    messageID: message.id,
                    templateText: prepared.templateText ?? message.templateText,
                    mediaIDs: mediaIDs
                ) { values[$0] }
                let slot = batch.reservedAt + (offsets[message.id] ?? .zero)
                ready.append(Ready(message: message, body: body, mediaIDs: mediaIDs, slot: slot))
            } catch let error as TextTemplate.MissingValue {
                end(message, .failed(MessageOutcome.Failure(error, contact: message.contact)))
            } catch let error as UnsendableText {
                end(message, .failed(MessageOutcome.Failure(code: error.code, message: error.description)))
            } catch let error as PayloadError {
                let failure = MessageOutcome.Failure(
                    code: "unusable_message",
                    message: error.description,
                    scope: .campaign,
                    consequence: .counted
                )
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
            // A shutdown or cancellation ends the sleep early.
            try? await cancelWhenGracefulShutdown { try await self.clock.sleep(until: first.slot, tolerance: .zero) }
            if Task.isShuttingDownGracefully || Task.isCancelled { break }
            let now = clock.now
            let due = rest.prefix { $0.slot <= now + Self.together }
            rest = rest.dropFirst(due.count)
            let (late, timely) = due.split { isLate($0, at: now) }
            release(late)
            // A message that was not ready by its slot is no sign of too many at once: the lead time grows for it.
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

    /// Asks Redis for clearance, and sends the messages that get it.
    ///
    /// - Returns: False when the rest of the batch must not go out now either.
    private func clear(_ timely: [Ready], requests: inout DiscardingTaskGroup) async -> Bool {
        let clearance: Clearance
        do {
            clearance = try await queue.fire(timely.map(\.message.id), epoch: batch.lane.epoch, lease: batch.lease)
        } catch {
            logger.warning("Could not get clearance from Redis, messages released", metadata: ["error": "\(error)"])
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

    /// Returns the end of a slot.
    private func lastInstant(of ready: Ready) -> ContinuousClock.Instant { ready.slot + Pace(batch.lane).useBy }

    private func release(_ messages: [Ready]) {
        for ready in messages { end(ready.message, .released(after: .zero)) }
    }

    /// Undoes the claim of a message whose lease another daemon has taken over.
    ///
    /// If the claim is still ours in Postgres, that daemon found the message being sent and dropped its id: it has to
    /// return to the lane.
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
            logger.debug(
                "Could not return a message to its lane, the lane's maintenance will",
                metadata: ["error": "\(error)"]
            )
        }
    }

    private func send(_ ready: Ready) async {
        // On a busy machine the slot may have expired while this task waited for a thread.
        let now = clock.now
        if isLate(ready, at: now) { services.permits.miss(at: now) }
        guard !isLate(ready, at: now), services.gate.begin(probe: batch.probe) else {
            return end(ready.message, .released(after: .zero))
        }
        let request = OutboundRequest(
            sender: batch.lane.phoneNumberID,
            token: batch.token,
            body: ready.body,
            writeBy: lastInstant(of: ready)
        )
        CrashPoint.requestWritten.reach(after: .milliseconds(200))
        let start = clock.now
        guard let answer = await services.channel.send(request) else {
            // No connection was free; one is being opened for the next slot.
            services.gate.withdraw(probe: batch.probe)
            return end(ready.message, .released(after: .zero))
        }
        services.metrics.send.count(answer, after: clock.now - start)
        CrashPoint.answerRead.reach()
        let isDown = services.gate.end(answer, probe: batch.probe)
        // During an outage a request that was not written is not counted as an attempt.
        if isDown, case .notWritten = answer { return end(ready.message, .released(after: .zero)) }
        if case .accepted(let id, _, let recipient?) = answer,
            let learned = LearnedIDs(
                messageID: ready.message.id,
                waMessageID: id,
                waID: recipient.waID,
                userIDs: [recipient.userID].compactMap(\.self)
            )
        {
            services.statements.learn(learned)
        }
        let decision = SendDecision(answer, pairLimit: batch.lane.pairLimit, retries: services.retries)
        if case .refused(let refusal) = answer, await hasForgotten(ready.mediaIDs, refusal) {
            return end(ready.message, .released(after: MediaUploads.shortestDelay))
        }
        let result = await result(of: decision, for: ready.message)
        end(ready.message, result, messageStatus: decision.messageStatus)
    }

    func end(_ message: ClaimedMessage, _ result: MessageOutcome.Result, messageStatus: String? = nil) {
        // The contact wrote meanwhile, so the message is in-window and its quota charge is given back.
        let isFree = batch.charged.contains(message.id) && !message.isBusinessInitiated
        writer.add(outcome(message, result, messageStatus: messageStatus), isFree: isFree)
    }

    private func outcome(
        _ message: ClaimedMessage,
        _ result: MessageOutcome.Result,
        messageStatus: String? = nil
    ) -> MessageOutcome {
        MessageOutcome(messageID: message.id, lease: batch.lease, result: result, messageStatus: messageStatus)
    }
}

extension BatchDelivery {
    /// Applies a decision to the lane or the campaign, and returns the result for the message.
    func result(of decision: SendDecision, for message: ClaimedMessage) async -> MessageOutcome.Result {
        switch decision {
        case .sent(let id, _): return .sent(waMessageID: id)
        case .fail(let failure): return .failed(failure)
        case .unconfirmed(let failure, let reason):
            if let reason { await pauseCampaign(of: message, reason: reason, by: .answer) }
            return .unconfirmed(failure)
        case .deferRecipient(let delay): return .released(after: delay)
        case .retry(let failure):
            let delay = services.retries.delay(afterAttempts: message.attempts + 1, random: .random(in: 0...1))
            return delay.map { .retry(after: $0, failure) } ?? .failed(failure)
        case .pauseLane(let duration, let reason):
            await pauseLane(for: duration, reason: reason)
            return .released(after: .zero)
        case .pauseCampaign(let reason, let actor, let isHold):
            await pauseCampaign(of: message, reason: reason, by: actor, isHold: isHold)
            return .withdrawn
        }
    }

    private func pauseLane(for duration: Duration, reason: String) async {
        services.metrics.send.countRateLimit(tenant: batch.lane.tenantID, sender: batch.lane.name)
        logger.warning(
            "Rate limited by \(services.channel.name), lane paused",
            metadata: ["seconds": "\(duration.components.seconds)", "reason": "\(reason)"]
        )
        do {
            // Redis comes first, because every daemon asks it before it sends.
            try await queue.pause(for: duration)
            try await services.lanes.pause(batch.lane.id, for: duration, reason: reason)
        } catch {
            logger.error("Could not store the lane pause", metadata: ["error": "\(error)"])
        }
    }

    private func pauseCampaign(
        of message: ClaimedMessage,
        reason: String,
        by actor: RunActor,
        isHold: Bool = false
    ) async {
        do {
            let isPaused = try await services.runs.pause(
                message.runID,
                reason: reason,
                by: actor,
                templateHeldAt: isHold ? Date() : nil
            )
            if isPaused {
                let ids: Logger.Metadata = [
                    "message": "\(message.id.uuidString.lowercased())", "reason": "\(reason)", "who": "\(actor)",
                ]
                let metadata = await services.runs.metadata(of: message.runID, ids)
                logger.error("Campaign paused", metadata: metadata)
            }
        } catch {
            let run = message.runID.uuidString.lowercased()
            logger.error("Could not pause the campaign", metadata: ["run": "\(run)", "error": "\(error)"])
        }
    }
}

extension MessageOutcome.Failure {
    /// Tells a value that the contact does not have from one that its row holds and that cannot be read.
    fileprivate init(_ missing: TextTemplate.MissingValue, contact: ContactFields) {
        let column: ContactColumn? =
            switch missing.path {
            case .contact(let column): column
            case .metadata: .metadata
            case .context: nil
            }
        if let reason = column.flatMap({ contact.unreadable[$0] }) {
            self.init(code: "unreadable_value", message: "{{\(missing.path)}}: \(reason); correct it in `contacts`")
        } else {
            self.init(code: "missing_value", message: missing.description)
        }
    }
}

/// The slots of one reservation, with their common properties.
struct ReservedBatch: Sendable {
    let slots: [TimedSlot]
    /// Number of slots that were requested.
    let wanted: Int
    /// The id of the reservation, in Redis and in Postgres.
    let lease: Int64
    /// The instant from which slot offsets are counted.
    let reservedAt: ContinuousClock.Instant
    let token: AccessToken
    let lane: LaneRecord
    /// Number of the circuit breaker's probe, which the one message of this batch is; `nil` for all other batches.
    let probe: Int?
    /// Messages that were charged to the 24 h quota.
    let charged: Set<UUID>

    init(
        slots: [TimedSlot],
        wanted: Int,
        lease: Int64,
        reservedAt: ContinuousClock.Instant,
        token: AccessToken,
        lane: LaneRecord,
        probe: Int? = nil
    ) {
        self.slots = slots
        self.wanted = wanted
        self.lease = lease
        self.reservedAt = reservedAt
        self.token = token
        self.lane = lane
        self.probe = probe
        precondition(lease > 0, "a lease of 0 would match messages without one")
        charged = Set(slots.lazy.filter(\.isCharged).map(\.messageID))
    }
}

extension Collection {
    /// Returns the elements that satisfy the condition, and all others.
    fileprivate func split(_ condition: (Element) -> Bool) -> (matching: [Element], others: [Element]) {
        reduce(into: ([], [])) { parts, element in
            if condition(element) { parts.0.append(element) } else { parts.1.append(element) }
        }
    }
}
