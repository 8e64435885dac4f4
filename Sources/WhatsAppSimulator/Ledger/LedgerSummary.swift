/// What a ledger amounts to: how much was accepted, what was sent twice, and how fast it came.
public struct LedgerSummary: Sendable {
    /// All requests.
    public private(set) var requests = 0
    /// Requests whose message was taken, whether or not the caller learned it.
    public private(set) var accepted = 0
    /// Requests whose message was not taken.
    public private(set) var rejected = 0
    /// Requests among ``accepted`` whose caller did not learn it.
    public private(set) var lost = 0
    /// Rejections by error code; 0 stands for answers without a code.
    public private(set) var rejectedByCode: [Int: Int] = [:]

    private var acceptedByRecipient: [String: Int] = [:]
    private var requestSeconds: [String: SlidingSecond] = [:]
    private var acceptedSeconds: [String: SlidingSecond] = [:]

    /// Makes the summary of an empty ledger.
    public init() {}

    /// How many different recipients were sent at least one message.
    public var recipients: Int { acceptedByRecipient.count }

    /// How many messages were accepted, for each recipient with more than one.
    public var repeatedRecipients: [String: Int] { acceptedByRecipient.filter { $0.value > 1 } }

    /// The most requests in any sliding second, by phone number id.
    public var mostRequestsInOneSecond: [String: Int] { requestSeconds.mapValues(\.most) }

    /// The most accepted requests in any sliding second, by phone number id.
    public var mostAcceptedInOneSecond: [String: Int] { acceptedSeconds.mapValues(\.most) }

    /// How many messages `recipient` was sent; the number as the caller wrote it.
    public func acceptedCount(of recipient: String) -> Int { acceptedByRecipient[recipient] ?? 0 }

    /// Adds the next entry; times must not go back, as in a ledger.
    public mutating func add(_ entry: LedgerEntry) {
        requests += 1
        requestSeconds[entry.phoneNumberId, default: SlidingSecond()].add(entry.monotonic)
        guard entry.answer != .rejected else {
            rejected += 1
            rejectedByCode[entry.code ?? 0, default: 0] += 1
            return
        }
        accepted += 1
        if entry.answer == .lost { lost += 1 }
        acceptedByRecipient[entry.recipient, default: 0] += 1
        acceptedSeconds[entry.phoneNumberId, default: SlidingSecond()].add(entry.monotonic)
    }
}
