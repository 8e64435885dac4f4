import Foundation
import Synchronization

/// Decides every request, one at a time, and writes it to the ledger in that order.
final class AdmissionControl: Sendable {
    private struct State: Sendable {
        var faults: ActiveFaults
        var summary = SimulatorSummary()
        var tallies: [UInt64: RecipientTally] = [:]
        var senders: [String: SenderRecord] = [:]
        var serial: UInt64 = 0
        var rules: RuleState
    }

    private let configuration: SimulatorConfiguration
    private let dice: Dice
    private let ladder: StatusLadder
    private let queue: WebhookQueue
    private let ledger: Ledger?
    /// Makes the ids of this process different from those of others.
    private let origin: String
    private let state: Mutex<State>

    init(configuration: SimulatorConfiguration, queue: WebhookQueue, ledger: Ledger?) {
        self.configuration = configuration
        self.queue = queue
        self.ledger = ledger
        dice = Dice(seed: configuration.seed)
        ladder = StatusLadder(configuration: configuration.webhooks, dice: dice)
        origin = Self.hex(.random(in: .min ... .max))
        state = Mutex(
            State(
                faults: ActiveFaults(configuration.faults, now: MonotonicTime.now()),
                rules: RuleState(configuration.rules)
            )
        )
    }

    var faults: SimulatorFaults {
        get { state.withLock { $0.faults.faults } }
        set { state.withLock { $0.faults = ActiveFaults(newValue, now: MonotonicTime.now()) } }
    }

    var rules: SimulatorRules { state.withLock { $0.rules.rules } }

    /// Replaces the rules, releases messages that were held for templates with another status now, and returns those
    /// templates.
    func setRules(_ rules: SimulatorRules) -> [SimulatorRules.Template] {
        state.withLock { state in
            let now = MonotonicTime.now()
            let (changed, released) = state.rules.replace(rules)
            for (subject, code) in released {
                let rungs = ladder.rungs(
                    for: subject.message,
                    attempt: 0,
                    faults: state.faults.faults,
                    failure: code.map { .failed(code: $0) }
                )
                queue.admit(subject, rungs: rungs, now: now)
            }
            return changed
        }
    }

    /// Takes a message of a contact, which opens its window, and returns the id of the message.
    func takeInbound(from recipient: Recipient, phoneNumberID: String) -> String {
        state.withLock { state in
            state.rules.open(recipient, phoneNumberID: phoneNumberID, now: MonotonicTime.now())
            state.serial += 1
            return "wamid.HBg\(origin)\(Self.hex(state.serial))"
        }
    }

    /// Records whether a contact wants marketing.
    func prefer(_ isWanted: Bool, _ recipient: Recipient) {
        state.withLock { $0.rules.prefer(isWanted, recipient) }
    }

    /// The counts so far.
    var summary: SimulatorSummary {
        state.withLock { state in
            var summary = state.summary
            summary.mostRequestsInOneSecond = state.senders.mapValues(\.requests.most)
            summary.mostAcceptedInOneSecond = state.senders.mapValues(\.accepted.most)
            summary.webhooks = queue.summary
            return summary
        }
    }

    func acceptedCount(of recipient: Recipient) -> Int {
        state.withLock { Int($0.tallies[recipient.key]?.accepted ?? 0) }
    }

    /// Clears counts and limits, and restores the initial faults; the ledger keeps its lines.
    func reset() {
        state.withLock { state in
            let faults = ActiveFaults(configuration.faults, now: MonotonicTime.now())
            state = State(faults: faults, serial: state.serial, rules: RuleState(configuration.rules))
        }
        queue.reset()
    }

    private static func hex(_ value: UInt64) -> String {
        let digits = String(value, radix: 16, uppercase: true)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }
}

extension AdmissionControl {
    /// Records a request that is rejected because its form is wrong.
    func refuse(_ error: GraphError, phoneNumberID: String, recipient: String, callbackData: String?) {
        state.withLock { state in
            let now = MonotonicTime.now()
            state.senders[phoneNumberID, default: SenderRecord(limits: configuration.limits)].requests.add(now)
            count(.rejected(error), &state)
            ledger?.append(
                LedgerEntry(
                    monotonic: now,
                    wall: MonotonicTime.wall(),
                    phoneNumberId: phoneNumberID,
                    recipient: recipient,
                    callbackData: callbackData,
                    status: error.status,
                    answer: .rejected,
                    code: error.code
                )
            )
        }
    }

    /// Decides a well-formed request, and schedules its statuses if it is accepted.
    func decide(_ message: AdmittedMessage, phoneNumberID: String) -> Verdict {
        state.withLock { state in
            let now = MonotonicTime.now()
            let key = message.recipient.key
            let attempt = UInt64(state.tallies[key]?.requests ?? 0)
            state.tallies[key, default: RecipientTally()].requests += 1
            let outcome = outcome(of: message, attempt: attempt, phoneNumberID: phoneNumberID, now: now, &state)
            count(outcome, &state)
            enter(outcome, of: message, phoneNumberID: phoneNumberID, now: now)
            return Verdict(
                outcome: outcome,
                latency: state.faults.latency(of: key, attempt: attempt, dice: dice),
                messageStatus: message.isHeld
                    ? "held_for_quality_assessment"
                    : state.faults.messageStatus(of: key, attempt: attempt, dice: dice)
            )
        }
    }

    private func outcome(
        of message: AdmittedMessage,
        attempt: UInt64,
        phoneNumberID: String,
        now: Int64,
        _ state: inout State
    ) -> Verdict.Outcome {
        let key = message.recipient.key
        let forced = state.faults.outcome(
            of: key,
            attempt: attempt,
            number: state.summary.requests + 1,
            phoneNumberID: phoneNumberID,
            now: now,
            dice: dice
        )
        let broken = forced == nil ? state.rules.failure(of: message, phoneNumberID: phoneNumberID, now: now) : nil
        // The real service accepts such a message and reports its failure; without a webhook the answer has to say it.
        let early = forced ?? (queue.url == nil ? broken.map { .rejected(GraphError(code: $0)) } : nil)
        let refusal = accept(key, phoneNumberID: phoneNumberID, now: now, isForced: early != nil, &state)
        if let early { return early }
        if let refusal { return .rejected(refusal) }
        state.serial += 1
        let wamid = "wamid.HBg\(origin)\(Self.hex(state.serial))"
        if queue.url != nil {
            let failure =
                broken.map { .failed(code: $0) } ?? state.faults.failure(of: key, attempt: attempt, dice: dice)
            let isFree = state.rules.isFree(
                message,
                category: message.category ?? configuration.webhooks.pricingCategory,
                phoneNumberID: phoneNumberID,
                now: now,
                date: Date()
            )
            let subject = PendingMessage.Subject(
                wamid: wamid,
                phoneNumberID: phoneNumberID,
                message: message,
                isFree: isFree
            )
            if message.isHeld, failure == nil {
                state.rules.hold(subject)
            } else {
                let rungs = ladder.rungs(for: message, attempt: attempt, faults: state.faults.faults, failure: failure)
                queue.admit(subject, rungs: rungs, now: now)
            }
        }
        guard state.faults.isLost(key, attempt: attempt, dice: dice) else { return .accepted(wamid: wamid) }
        return .lost(wamid: wamid, state.faults.faults.lostAnswers)
    }

    /// Counts the request of its sender and, unless it is rejected, the message as well.
    private func accept(
        _ recipient: UInt64,
        phoneNumberID: String,
        now: Int64,
        isForced: Bool,
        _ state: inout State
    ) -> GraphError? {
        let limits = configuration.limits
        // Changed in place: a copy would copy the times of a whole second.
        let refusal = { (sender: inout SenderRecord) -> GraphError? in
            sender.requests.add(now)
            guard !isForced else { return nil }
            if let refusal = sender.refusal(of: recipient, at: now, limits: limits) { return refusal }
            sender.add(recipient, at: now, limits: limits)
            return nil
        }(&state.senders[phoneNumberID, default: SenderRecord(limits: limits)])
        guard !isForced, refusal == nil else { return refusal }
        state.tallies[recipient, default: RecipientTally()].accepted += 1
        switch state.tallies[recipient]?.accepted {
        case 1: state.summary.recipients += 1
        case 2: state.summary.recipientsAcceptedMoreThanOnce += 1
        default: break
        }
        return nil
    }

    private func count(_ outcome: Verdict.Outcome, _ state: inout State) {
        state.summary.requests += 1
        switch outcome {
        case .accepted: state.summary.accepted += 1
        case .lost:
            state.summary.accepted += 1
            state.summary.lost += 1
        case .rejected(let error):
            state.summary.rejected += 1
            state.summary.rejectedByCode[error.code, default: 0] += 1
        case .page:
            state.summary.rejected += 1
            state.summary.rejectedByCode[0, default: 0] += 1
        }
    }

    private func enter(_ outcome: Verdict.Outcome, of message: AdmittedMessage, phoneNumberID: String, now: Int64) {
        guard let ledger else { return }
        var entry = LedgerEntry(
            monotonic: now,
            wall: MonotonicTime.wall(),
            phoneNumberId: phoneNumberID,
            recipient: message.recipient.input,
            callbackData: message.callbackData,
            status: 200,
            answer: .accepted
        )
        switch outcome {
        case .accepted(let wamid): entry.wamid = wamid
        case .lost(let wamid, let fault):
            entry.wamid = wamid
            entry.answer = .lost
            entry.status = fault.mode == .garbled ? 200 : 0
        case .rejected(let error):
            entry.answer = .rejected
            entry.status = error.status
            entry.code = error.code
        case .page(let page):
            entry.answer = .rejected
            entry.status = page.status
        }
        ledger.append(entry)
    }
}

/// The decision on one request.
struct Verdict: Sendable {
    enum Outcome: Sendable {
        case accepted(wamid: String)
        case rejected(GraphError)
        /// A page without an error code.
        case page(SimulatorFaults.PageFault)
        /// Accepted, but the caller gets no complete answer.
        case lost(wamid: String, SimulatorFaults.LostAnswerFault)
    }

    let outcome: Outcome
    /// The delay of the answer.
    var latency: Duration = .zero
    /// The `message_status` of an accepted template.
    var messageStatus = "accepted"
}

/// The state of one phone number: its rate and its limits.
struct SenderRecord: Sendable {
    var requests = SlidingSecond()
    var accepted = SlidingSecond()
    var quota = DailyQuota()
    var pairs: PairLimit?

    init(limits: SimulatorLimits) {
        pairs = limits.pairInterval.map { PairLimit(interval: $0.nanoseconds, burst: limits.pairBurst) }
    }

    /// Returns the error of the first limit that a message to `recipient` would break at `now`.
    mutating func refusal(of recipient: UInt64, at now: Int64, limits: SimulatorLimits) -> GraphError? {
        if let rate = limits.ratePerSecond, accepted.count(at: now) >= rate {
            return GraphError(code: 130_429, details: "more than \(rate) messages in one second")
        }
        if let pairs, !pairs.admits(recipient, at: now) {
            return GraphError(code: 131_056, details: "too many messages to this recipient")
        }
        if let limit = limits.dailyLimit, !quota.admits(recipient, at: now, limit: limit) {
            return GraphError(code: 131_048, details: "more than \(limit) recipients in 24 hours")
        }
        return nil
    }

    /// Counts an accepted message.
    mutating func add(_ recipient: UInt64, at now: Int64, limits: SimulatorLimits) {
        accepted.add(now)
        pairs?.add(recipient, at: now)
        if limits.dailyLimit != nil { quota.add(recipient, at: now) }
    }
}

/// Number of requests to and accepted messages of one recipient; 8 bytes, because there are millions.
struct RecipientTally: Sendable {
    var requests: UInt32 = 0
    var accepted: UInt32 = 0
}

/// The counts of a simulator since its start or last reset.
public struct SimulatorSummary: Codable, Hashable, Sendable {
    /// All send requests.
    public var requests = 0
    /// Accepted requests, also those without a complete answer to the caller.
    public var accepted = 0
    /// Rejected requests.
    public var rejected = 0
    /// Requests among ``accepted`` without a complete answer to the caller.
    public var lost = 0
    /// Rejections by error code; 0 counts answers without a code.
    public var rejectedByCode: [Int: Int] = [:]
    /// Different recipients with at least one accepted message.
    public var recipients = 0
    /// Different recipients with more than one accepted message.
    public var recipientsAcceptedMoreThanOnce = 0
    /// The most requests in any sliding second, by phone number id.
    public var mostRequestsInOneSecond: [String: Int] = [:]
    /// The most accepted requests in any sliding second, by phone number id.
    public var mostAcceptedInOneSecond: [String: Int] = [:]
    /// The outcome of the statuses.
    public var webhooks = WebhookSummary()

    /// Makes an empty summary.
    public init() {}
}
