import NIOCore
import Synchronization

/// A request on its way, and who waits for its outcome.
///
/// Only its event loop has it, in one place at a time: the line of its pool, or a connection. Who takes it out of there
/// ends it.
struct PostJob: Sendable {
    let request: PostRequest
    /// When it is given up.
    let deadline: NIODeadline
    /// The last instant at which it may be written; `nil` when only its answer has a deadline.
    let writeBy: NIODeadline?
    let ticket: PostTicket
    private let waiter: CheckedContinuation<PostOutcome, Never>

    init(
        request: PostRequest,
        deadline: NIODeadline,
        writeBy: NIODeadline?,
        ticket: PostTicket,
        waiter: CheckedContinuation<PostOutcome, Never>
    ) {
        self.request = request
        self.deadline = deadline
        self.writeBy = writeBy
        self.ticket = ticket
        self.waiter = waiter
    }

    func isExpired(at now: NIODeadline) -> Bool { writeBy.map { $0 < now } ?? false }

    func end(_ outcome: PostOutcome) { waiter.resume(returning: outcome) }
}

/// Names a request, and remembers that nobody wants its answer any more.
final class PostTicket: Sendable {
    private let cancelled = Atomic(false)

    var isCancelled: Bool { cancelled.load(ordering: .acquiring) }

    func cancel() { cancelled.store(true, ordering: .releasing) }
}
