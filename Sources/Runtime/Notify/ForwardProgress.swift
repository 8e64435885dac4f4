/// The outcome of one post of a webhook.
enum ForwardOutcome: Hashable, Sendable {
    case taken
    /// The receiver answered with an error, which may be about this webhook alone.
    case refused(String)
    /// Nothing can be posted now.
    case failed(String, retryAfter: Duration)
}

/// Decides how a batch of webhooks goes on: an error may be about one webhook, or about the receiver.
///
/// It is about one webhook if the receiver takes another one of the batch. So one that is refused does not hold up those
/// behind it. If several in a row are refused, the receiver is to blame, and all of them keep their places.
struct ForwardProgress: Sendable {
    /// The number of refusals in a row after which the receiver is to blame.
    let patience: Int
    private(set) var taken: [Int64] = []
    /// Those that are put off, if the receiver works.
    private var refused: [Int64] = []
    private var refusedInARow = 0
    private var refusal = ""
    private var stop: (reason: String, retryAfter: Duration)?

    init(patience: Int) {
        self.patience = patience
    }

    /// Records the outcomes of webhooks that were posted together.
    ///
    /// - Returns: False if no more are to be posted.
    mutating func note(_ outcomes: [(id: Int64, outcome: ForwardOutcome)]) -> Bool {
        for (id, outcome) in outcomes {
            switch outcome {
            case .taken:
                taken.append(id)
                refusedInARow = 0
            case .refused(let reason):
                refused.append(id)
                refusedInARow += 1
                refusal = reason
            case .failed(let reason, let retryAfter):
                stop = (reason, max(retryAfter, stop?.retryAfter ?? .zero))
            }
        }
        if stop == nil, refusedInARow >= patience { stop = (refusal, .zero) }
        return stop == nil
    }

    /// Those to put off.
    var putOff: [Int64] { taken.isEmpty ? [] : Array(refused.dropLast(stop == nil ? 0 : refusedInARow)) }

    /// The reason why the receiver is left alone for a while, and for how long it asked; `nil` if it works.
    var failure: (reason: String, retryAfter: Duration)? {
        stop ?? (taken.isEmpty && !refused.isEmpty ? (refusal, .zero) : nil)
    }
}
