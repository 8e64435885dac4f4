import Synchronization

/// Holds messages until their statuses are due, and returns those in batches.
final class WebhookQueue: Sendable {
    private struct State: Sendable {
        var url: String?
        var messages = DueHeap<PendingMessage>()
        var retries = DueHeap<StatusBatch>()
        var retryStatuses = 0
        var underWay = 0
        var lastFlush: Int64 = 0
        var wasFull = false
        /// Once set, everything is due at once, and nothing is held longer than this.
        var deadline: Int64?
        var summary = WebhookSummary()
    }

    let configuration: WebhookConfiguration
    private let payload: StatusPayload
    private let state: Mutex<State>

    init(configuration: WebhookConfiguration, payload: StatusPayload) {
        self.configuration = configuration
        self.payload = payload
        state = Mutex(State(url: configuration.url))
    }

    var url: String? { state.withLock { $0.url } }

    /// True if so much is pending that callers should wait.
    var isCrowded: Bool {
        state.withLock { $0.messages.count + $0.retryStatuses > configuration.maximumPending }
    }

    var summary: WebhookSummary {
        state.withLock { state in
            var summary = state.summary
            summary.pending = state.messages.count + state.retryStatuses
            return summary
        }
    }

    /// Changes the address for all statuses not yet posted; `nil` drops them.
    func setURL(_ url: String?) {
        state.withLock { state in
            state.url = url
            if url == nil { Self.forget(&state) }
        }
    }

    /// Takes a message with its statuses `rungs`, the first one first.
    func admit(_ subject: PendingMessage.Subject, rungs: [PendingMessage.Rung], now: Int64) {
        guard let first = rungs.first else { return }
        let message = PendingMessage(
            subject: subject,
            due: now + first.delay,
            next: first,
            later: rungs.dropFirst().reversed()
        )
        state.withLock { state in
            guard state.url != nil else { return }
            state.messages.insert(message, due: message.due)
        }
    }

    /// Takes the body of a webhook with something else than statuses, and posts it at once.
    func post(_ body: [UInt8], now: Int64) {
        state.withLock { state in
            guard state.url != nil else { return }
            state.retryStatuses += 1
            state.retries.insert(StatusBatch(body: body, count: 1, firstTry: now), due: now)
        }
    }

    /// Clears all pending statuses and all counts.
    func reset() {
        state.withLock { state in
            Self.forget(&state)
            state.summary = WebhookSummary()
        }
    }

    /// Makes everything due at once, and gives up what is left at `deadline`.
    func finish(by deadline: Int64) { state.withLock { $0.deadline = deadline } }

    private static func forget(_ state: inout State) {
        state.messages.removeAll()
        state.retries.removeAll()
        state.retryStatuses = 0
    }
}

extension WebhookQueue {
    /// The next step of a worker.
    enum Work: Sendable {
        case post(StatusBatch, url: String)
        case wait
        case stop
    }

    /// Returns the next thing to do at `now`; a batch that is handed out must come back to
    /// ``settle(_:isDelivered:now:)``.
    func next(now: Int64, wall: Int64) -> Work {
        state.withLock { state in
            if let deadline = state.deadline {
                let isEmpty = state.messages.isEmpty && state.retries.isEmpty && state.underWay == 0
                if isEmpty || now >= deadline {
                    state.summary.dropped += state.messages.count + state.retryStatuses
                    Self.forget(&state)
                    return .stop
                }
            }
            guard let url = state.url else { return .wait }
            if let retry = state.retries.popDue(by: now) {
                state.retryStatuses -= retry.count
                state.underWay += 1
                return .post(retry, url: url)
            }
            let events = dueEvents(&state, now: now)
            guard !events.isEmpty else { return .wait }
            state.underWay += 1
            let body = payload.body(of: events, at: wall / 1_000)
            return .post(StatusBatch(body: body, count: events.count, firstTry: now), url: url)
        }
    }

    /// Takes back a batch that was posted: counts it, or keeps it for another try.
    func settle(_ batch: StatusBatch, isDelivered: Bool, now: Int64) {
        state.withLock { state in
            state.underWay -= 1
            state.summary.requests += 1
            guard !isDelivered else {
                state.summary.statusesSent += batch.count
                return
            }
            state.summary.failedRequests += 1
            var batch = batch
            batch.attempts += 1
            // 0.1, 0.2, 0.4 … up to 5 seconds: soon enough for a restart, rare enough for an outage.
            let pause = min(5_000_000_000, 100_000_000 << Int64(min(batch.attempts - 1, 10))) as Int64
            let isHopeless =
                batch.attempts >= configuration.maximumAttempts
                || now + pause - batch.firstTry > configuration.retryTimeout.nanoseconds
            guard !isHopeless, state.url != nil else {
                state.summary.dropped += batch.count
                return
            }
            state.retryStatuses += batch.count
            state.retries.insert(batch, due: now + pause)
        }
    }

    /// Takes out what is due, once per flush interval or as long as batches are full.
    private func dueEvents(_ state: inout State, now: Int64) -> [StatusEvent] {
        let isDraining = state.deadline != nil
        let isFlushTime = now - state.lastFlush >= configuration.flushInterval.nanoseconds
        guard isFlushTime || state.wasFull || isDraining else { return [] }
        state.lastFlush = now
        var events: [StatusEvent] = []
        while events.count < configuration.batchSize {
            guard let message = state.messages.popDue(by: isDraining ? .max : now) else { break }
            climb(message, &state, events: &events)
        }
        state.wasFull = events.count == configuration.batchSize
        return events
    }

    private func climb(_ message: PendingMessage, _ state: inout State, events: inout [StatusEvent]) {
        if message.next.isDropped {
            state.summary.dropped += 1
        } else {
            events.append(StatusEvent(subject: message.subject, status: message.next.status))
        }
        if message.next.isDuplicated, !message.next.isDropped {
            let again = PendingMessage.Rung(status: message.next.status, delay: 0)
            let due = message.due + 200_000_000
            state.messages.insert(.init(subject: message.subject, due: due, next: again, later: []), due: due)
        }
        var message = message
        guard let next = message.later.popLast() else { return }
        message.next = next
        message.due += next.delay
        state.messages.insert(message, due: message.due)
    }
}

/// Keeps elements by the time they are due, the earliest on top; equal times in no order.
struct DueHeap<Element: Sendable>: Sendable {
    private var nodes: [(due: Int64, element: Element)] = []

    var count: Int { nodes.count }
    var isEmpty: Bool { nodes.isEmpty }
    /// The time of the earliest element.
    var earliest: Int64? { nodes.first?.due }

    mutating func insert(_ element: Element, due: Int64) {
        nodes.append((due, element))
        var child = nodes.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard nodes[child].due < nodes[parent].due else { return }
            nodes.swapAt(child, parent)
            child = parent
        }
    }

    /// Takes the earliest element out, if it is due by `now`.
    mutating func popDue(by now: Int64) -> Element? {
        guard let first = nodes.first, first.due <= now else { return nil }
        nodes.swapAt(0, nodes.count - 1)
        nodes.removeLast()
        sink()
        return first.element
    }

    mutating func removeAll() { nodes = [] }

    private mutating func sink() {
        var parent = 0
        while true {
            var smallest = parent
            for child in (2 * parent + 1)...(2 * parent + 2)
            where child < nodes.count && nodes[child].due < nodes[smallest].due {
                smallest = child
            }
            guard smallest != parent else { return }
            nodes.swapAt(parent, smallest)
            parent = smallest
        }
    }
}

/// An accepted message with its remaining statuses.
struct PendingMessage: Sendable {
    enum Status: Hashable, Sendable {
        case sent, delivered, read
        case failed(code: Int, details: String? = nil)

        var isFailure: Bool {
            guard case .failed = self else { return false }
            return true
        }
    }

    /// One later status: its delay after the previous one, and its faults.
    struct Rung: Hashable, Sendable {
        var status: Status
        var delay: Int64
        var isDropped = false
        var isDuplicated = false
    }

    /// The common data of all statuses of a message, shared by all its waiting entries.
    final class Subject: Sendable {
        let wamid: String
        let phoneNumberID: String
        let message: AdmittedMessage
        /// True if the message costs nothing.
        let isFree: Bool

        init(wamid: String, phoneNumberID: String, message: AdmittedMessage, isFree: Bool) {
            self.wamid = wamid
            self.phoneNumberID = phoneNumberID
            self.message = message
            self.isFree = isFree
        }
    }

    let subject: Subject
    /// The time of the next status, in monotonic nanoseconds.
    var due: Int64
    /// The next status.
    var next: Rung
    /// The statuses after it, the last one first.
    var later: [Rung]
}

/// One status of one message, ready to be posted.
struct StatusEvent: Sendable {
    let subject: PendingMessage.Subject
    let status: PendingMessage.Status
}

/// Statuses that share one request, as the bytes that are signed and posted, now or again.
struct StatusBatch: Sendable {
    let body: [UInt8]
    /// Number of statuses in it.
    let count: Int
    /// Number of failed attempts.
    var attempts = 0
    /// The time of the first try, in monotonic nanoseconds.
    let firstTry: Int64
}

/// The outcome of the statuses so far.
public struct WebhookSummary: Codable, Hashable, Sendable {
    /// Statuses that the receiver answered with 200; duplicates count each time.
    public var statusesSent = 0
    /// Requests made, also those that failed.
    public var requests = 0
    /// Requests that were not answered with 200 in time.
    public var failedRequests = 0
    /// Statuses that will never be sent: by fault, for too many failures, or because a shutdown took too long.
    public var dropped = 0
    /// Messages that wait for their next status, and statuses that wait to be tried again.
    public var pending = 0

    /// Makes an empty summary.
    public init() {}
}
