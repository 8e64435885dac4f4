import NIOCore
import NIOHTTP1
import NIOTLS
import Synchronization

/// One connection, which carries one request at a time.
final class PostConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private enum State {
        /// TCP or TLS is connecting; once TCP is connected, with the deadline of TLS.
        case opening(until: NIODeadline?)
        case open
        case closed
    }

    let channel: any Channel
    /// The instant at which it was requested.
    var beganOpening = NIODeadline.now()
    /// The instant since which it is idle.
    var idleSince = NIODeadline.now()
    /// The request that was written and has no answer yet.
    private(set) var job: PostJob?
    /// The certificate of the server that is not trusted; `nil` if there is none.
    var rejected: UntrustedCertificate?
    private let pool: ConnectionPool
    private var state = State.opening(until: nil)
    private var isHandshaken: Bool
    private var closingError: (any Error)?
    private var head: HTTPResponseHead?
    private var body = ByteBuffer()

    init(channel: any Channel, pool: ConnectionPool) {
        self.channel = channel
        self.pool = pool
        isHandshaken = pool.connector.security == nil
    }

    // MARK: Calls by the pool

    /// Handles the end of the TCP handshake.
    ///
    /// - Parameter deadline: When the connection is given up if TLS takes longer.
    func connected(by deadline: NIODeadline) {
        guard case .opening = state else { return pool.closed(self, wasOpen: false, error: closingError) }
        state = .opening(until: deadline)
        openIfReady()
    }

    /// Writes a request; the connection must be free.
    func send(_ job: PostJob) {
        self.job = job
        let head = job.request.head(for: pool.connector.origin.authority)
        let pipeline = channel.pipeline.syncOperations
        pipeline.write(NIOAny(HTTPClientRequestPart.head(head)), promise: nil)
        pipeline.write(NIOAny(HTTPClientRequestPart.body(.byteBuffer(job.request.body))), promise: nil)
        pipeline.writeAndFlush(NIOAny(HTTPClientRequestPart.end(nil)), promise: nil)
    }

    /// Closes the connection; a request in flight is lost.
    func close(because reason: String) { close(.lost(reason: reason)) }

    /// Closes the connection if it exceeds a deadline.
    func sweep(at now: NIODeadline) {
        if case .opening(let deadline?) = state, deadline <= now {
            close(.lost(reason: "not open yet"), error: ChannelError.connectTimeout(.zero))
        } else if let job, job.deadline <= now {
            close(because: "no answer within \(pool.connector.configuration.requestTimeout)")
        }
    }

    // MARK: Calls by the channel

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent {
            isHandshaken = true
            openIfReady()
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body(var part): take(&part)
        case .end: answered(isWhole: true)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        close(.lost(reason: "no answer: \(pool.connector.reason(of: error))"), error: rejected ?? error)
    }

    func channelInactive(context: ChannelHandlerContext) {
        close(because: "no answer: the connection was closed")
    }

    // MARK: -

    private func openIfReady() {
        guard case .opening(_?) = state, isHandshaken else { return }
        state = .open
        pool.opened(self)
    }

    private func take(_ part: inout ByteBuffer) {
        let room = pool.connector.configuration.largestAnswer - body.readableBytes
        if part.readableBytes <= room {
            // Most answers come in one piece, which then needs no copy.
            if body.readableBytes == 0 { body = part } else { body.writeBuffer(&part) }
        } else {
            body.writeBytes(part.readableBytesView.prefix(room))
            answered(isWhole: false)
        }
    }

    private func answered(isWhole: Bool) {
        guard let job, let head else { return }
        self.job = nil
        self.head = nil
        let answer = PostAnswer(status: Int(head.status.code), headers: head.headers, body: body, isWhole: isWhole)
        body = ByteBuffer()
        job.end(.answered(answer))
        if isWhole && head.isKeepAlive { pool.isFree(self) } else { close(because: "not to be used again") }
    }

    /// The answer so far, if its head says that the request was refused: the rest of the body does not change that.
    private var refusal: PostOutcome? {
        guard let head, (400..<500).contains(head.status.code) else { return nil }
        return .answered(
            PostAnswer(status: Int(head.status.code), headers: head.headers, body: body, isWhole: false)
        )
    }

    private func close(_ outcome: PostOutcome, error: (any Error)? = nil) {
        if case .closed = state { return }
        var wasOpen = false
        if case .open = state { wasOpen = true }
        state = .closed
        closingError = error
        job?.end(refusal ?? outcome)
        job = nil
        channel.close(promise: nil)
        pool.closed(self, wasOpen: wasOpen, error: error)
    }
}

/// A request and the continuation that waits for its outcome.
///
/// Used only on its event loop, and in one place at a time: the queue of its pool or a connection. Whichever removes it
/// from there ends it.
struct PostJob: Sendable {
    let request: PostRequest
    /// The deadline of the answer.
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

/// Identifies a request, and remembers its cancellation.
final class PostTicket: Sendable {
    private let cancelled = Atomic(false)

    var isCancelled: Bool { cancelled.load(ordering: .acquiring) }

    func cancel() { cancelled.store(true, ordering: .releasing) }
}
