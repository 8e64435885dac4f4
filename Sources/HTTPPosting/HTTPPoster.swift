public import NIOCore
public import NIOPosix
import NIOSSL
import Synchronization

/// Posts requests to one server, over HTTP/1.1 connections that it keeps.
///
/// It does what delivering messages needs, and that for a quarter of what a client for everything takes: no redirects,
/// no cookies, no proxies, no streams, and above all no second try. Parsing, TLS and connecting are SwiftNIO's. What it
/// tells exactly is whether a request may have been read by the other side, see ``PostOutcome``.
///
///     let poster = try await HTTPPoster.make(for: origin)
///     let outcome = await poster.post(PostRequest(path: "/v23.0/1001/messages", body: body))
///     await poster.shutdown()
public final class HTTPPoster: Sendable {
    private let pools: [LoopPool]
    private let timeout: TimeAmount

    private init(pools: [LoopPool], timeout: TimeAmount) {
        self.pools = pools
        self.timeout = timeout
    }

    /// Makes one; it opens no connection before it is asked for something.
    ///
    /// - Parameters:
    ///   - origin: The server.
    ///   - configuration: Limits.
    ///   - group: Where connections live; they are spread over its event loops.
    /// - Returns: A poster, which must be shut down.
    /// - Throws: `NIOSSLError` and its kind when the certificates to trust cannot be read.
    public static func make(
        for origin: HTTPOrigin,
        configuration: HTTPPosterConfiguration = HTTPPosterConfiguration(),
        group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    ) async throws -> HTTPPoster {
        var security: NIOSSLContext?
        if origin.isSecure {
            var tls = configuration.tls
            tls.applicationProtocols = ["http/1.1"]
            // Reads the machine's certificates.
            security = try await NIOThreadPool.singleton.runIfActive { [tls] in
                try NIOSSLContext(configuration: tls)
            }
        }
        let loops = Array(group.makeIterator())
        // Requests go where the fewest are under way, so none has more than its part.
        let limit = max(1, (configuration.connections + loops.count - 1) / loops.count)
        let pools = loops.map { loop in
            LoopPool(
                Connector(origin: origin, security: security, loop: loop, configuration: configuration),
                limit: limit
            )
        }
        return HTTPPoster(pools: pools, timeout: TimeAmount(configuration.requestTimeout))
    }

    /// Sends a request and waits for its answer, for as long as the configuration says.
    ///
    /// Cancellation ends the wait at once; what was written stays written, and is lost.
    public func post(_ request: PostRequest) async -> PostOutcome {
        if let problem = request.problem { return .notWritten(reason: problem) }
        let pool = leastBusy
        pool.underWay.add(1, ordering: .relaxed)
        defer { pool.underWay.subtract(1, ordering: .relaxed) }
        let ticket = PostTicket()
        let deadline = NIODeadline.now() + timeout
        return await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let job = PostJob(request: request, deadline: deadline, ticket: ticket, waiter: waiter)
                pool.loop.execute { pool.pool.value.start(job) }
            }
        } onCancel: {
            ticket.cancel()
            pool.loop.execute { pool.pool.value.cancel(ticket) }
        }
    }

    /// Closes all connections; requests under way are lost, those to come are not written.
    public func shutdown() async {
        for pool in pools {
            let closed = pool.loop.flatSubmit { pool.pool.value.shutdown() }
            // Closing twice is the only way to fail, and means that it is closed.
            try? await closed.get()
        }
    }

    private var leastBusy: LoopPool {
        var (least, fewest) = (pools[0], Int.max)
        for pool in pools {
            let count = pool.underWay.load(ordering: .relaxed)
            if count < fewest { (least, fewest) = (pool, count) }
        }
        return least
    }
}

/// The connections of one event loop, as others see them.
private final class LoopPool: Sendable {
    let loop: any EventLoop
    let pool: NIOLoopBoundBox<ConnectionPool>
    let underWay = Atomic(0)

    init(_ connector: Connector, limit: Int) {
        loop = connector.loop
        pool = .makeBoxSendingValue(ConnectionPool(connector: connector, limit: limit), eventLoop: connector.loop)
    }
}
