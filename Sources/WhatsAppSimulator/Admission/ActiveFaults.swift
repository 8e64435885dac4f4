/// Faults prepared for fast decisions: recipients by key, and the end of rejecting everything.
struct ActiveFaults: Sendable {
    let faults: SimulatorFaults
    private let rejectUntil: Int64
    private let errorByRecipient: [UInt64: Int]
    private let failureByRecipient: [UInt64: Int]
    /// The keys of the only recipients of errors and failures, in the order of these.
    private let errorRecipients: [UInt64?]
    private let failureRecipients: [UInt64?]

    init(_ faults: SimulatorFaults, now: Int64) {
        self.faults = faults
        rejectUntil = faults.rejectEverything.map { now + Int64($0.seconds * 1e9) } ?? now
        errorByRecipient = Self.byKey(faults.recipientErrors)
        failureByRecipient = Self.byKey(faults.recipientFailures)
        errorRecipients = faults.errors.map { $0.recipient.flatMap(Self.key) }
        failureRecipients = faults.failures.map { $0.recipient.flatMap(Self.key) }
    }

    /// Returns the `failed` status that an accepted message of this recipient gets.
    func failure(of recipient: UInt64, attempt: UInt64, dice: Dice) -> PendingMessage.Status? {
        if let code = failureByRecipient[recipient] { return .failed(code: code) }
        for (index, failure) in faults.failures.enumerated()
        where failureRecipients[index] ?? recipient == recipient
            && failure.share > dice.roll(.failure, recipient: recipient, attempt: attempt, index: index)
        {
            return .failed(code: failure.code, details: failure.details)
        }
        return nil
    }

    /// Returns the `message_status` of an accepted template.
    func messageStatus(of recipient: UInt64, attempt: UInt64, dice: Dice) -> String {
        for (index, fault) in faults.messageStatuses.enumerated()
        where fault.share > dice.roll(.messageStatus, recipient: recipient, attempt: attempt, index: index) {
            return fault.status
        }
        return "accepted"
    }

    /// Returns the outcome that a fault forces on a request, before any limit is looked at; `number` counts all
    /// requests from 1.
    func outcome(
        of recipient: UInt64,
        attempt: UInt64,
        number: Int,
        phoneNumberID: String,
        now: Int64,
        dice: Dice
    ) -> Verdict.Outcome? {
        for (index, page) in faults.pages.enumerated()
        where number.isMultiple(of: page.every ?? 1)
            && page.share > dice.roll(.page, recipient: recipient, attempt: attempt, index: index)
        {
            return .page(page)
        }
        if now < rejectUntil, let reject = faults.rejectEverything,
            reject.phoneNumberId ?? phoneNumberID == phoneNumberID
        {
            return .rejected(GraphError(code: reject.code, status: reject.status, details: "rejecting everything"))
        }
        if let code = errorByRecipient[recipient] {
            return .rejected(GraphError(code: code, details: "set for this recipient"))
        }
        if faults.serverErrors.share > dice.roll(.serverError, recipient: recipient, attempt: attempt) {
            return .page(SimulatorFaults.PageFault(status: faults.serverErrors.status))
        }
        for (index, error) in faults.errors.enumerated()
        where error.phoneNumberId ?? phoneNumberID == phoneNumberID && errorRecipients[index] ?? recipient == recipient
            && number.isMultiple(of: error.every ?? 1)
        {
            guard error.share > dice.roll(.errorFault, recipient: recipient, attempt: attempt, index: index) else {
                continue
            }
            return .rejected(
                GraphError(
                    code: error.code,
                    subcode: error.subcode,
                    status: error.status,
                    details: error.details ?? (error.subcode == nil ? "injected by a fault" : nil),
                    retryAfterSeconds: error.retryAfterSeconds
                )
            )
        }
        return nil
    }

    func isLost(_ recipient: UInt64, attempt: UInt64, dice: Dice) -> Bool {
        faults.lostAnswers.share > dice.roll(.lostAnswer, recipient: recipient, attempt: attempt)
    }

    func latency(of recipient: UInt64, attempt: UInt64, dice: Dice) -> Duration {
        let range = faults.latency
        guard range.maximumMilliseconds > 0 else { return .zero }
        let roll = dice.roll(.latency, recipient: recipient, attempt: attempt)
        let spread = Double(range.maximumMilliseconds - range.minimumMilliseconds) * 1_000
        return .microseconds(range.minimumMilliseconds * 1_000 + Int(spread * roll))
    }

    private static func byKey(_ codes: [String: Int]) -> [UInt64: Int] {
        var byKey: [UInt64: Int] = [:]
        for (number, code) in codes {
            if let recipient = key(number) { byKey[recipient] = code }
        }
        return byKey
    }

    private static func key(_ number: String) -> UInt64? { Recipient(to: number, requiresPlus: false)?.key }
}

/// Repeatable random decisions: each roll depends only on the seed, the recipient and the kind of decision.
struct Dice: Sendable {
    /// The kind of a random decision; each kind has a roll of its own.
    enum Purpose: UInt64, Sendable {
        case serverError = 1, errorFault, latency, lostAnswer
        case outcome, omittedDelivered, sentDelay, deliveredDelay, readDelay
        case dropped, duplicated, reordered, delayed
        case page, failure, messageStatus
        case review, management
    }

    let seed: UInt64

    /// Returns a number from 0 up to but not including 1.
    func roll(_ purpose: Purpose, recipient: UInt64, attempt: UInt64, index: Int = 0) -> Double {
        var value = Self.mix(seed ^ 0x9E37_79B9_7F4A_7C15)
        value = Self.mix(value ^ recipient)
        value = Self.mix(value ^ (attempt &* 0xD6E8_FEB8_6659_FD93))
        value = Self.mix(value ^ (purpose.rawValue << 32 | UInt64(truncatingIfNeeded: index)))
        return Double(value >> 11) / Double(1 << 53)
    }

    /// Applies the finaliser of SplitMix64: every input bit changes about half of the output bits.
    static func mix(_ input: UInt64) -> UInt64 {
        var value = input &+ 0x9E37_79B9_7F4A_7C15
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
