public import NIOCore
public import NIOPosix
import NIOSSL

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
        precondition(Connector.hasTypes)
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
    ///
    /// - Parameters:
    ///   - request: What is posted.
    ///   - patience: How long it may wait for a connection; `nil` for as long as its answer may take.
    /// - Returns: What became of it.
    public func post(_ request: PostRequest, waitingFor patience: Duration? = nil) async -> PostOutcome {
        if let problem = request.problem { return .notWritten(reason: problem) }
        let pool = nextPool
        pool.gauge.began()
        defer { pool.gauge.ended() }
        let ticket = PostTicket()
        let now = NIODeadline.now()
        return await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let job = PostJob(
                    request: request,
                    deadline: now + timeout,
                    writeBy: patience.map { now + TimeAmount($0) },
                    ticket: ticket,
                    waiter: waiter
                )
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

    /// How long a request that came now might wait for a connection; zero when one is free, or opens at once.
    public var expectedWait: Duration {
        if pools.contains(where: { $0.gauge.idle > 0 }) { return .zero }
        return pools.map(\.gauge.expectedOpening).min().map { .nanoseconds($0.nanoseconds) } ?? .zero
    }

    /// Says that requests are about to come: where connections take long to open, they are opened now.
    ///
    /// - Parameter requests: How many at once, at most.
    public func prepare(for requests: Int) {
        let share = (requests + pools.count - 1) / pools.count
        for pool in pools where pool.gauge.idle < share && pool.gauge.expectedOpening > .zero {
            pool.loop.execute { pool.pool.value.prepare(for: share) }
        }
    }

    /// Where the fewest are under way, first among those that have a connection free.
    private var nextPool: LoopPool {
        var (next, fewest) = (pools[0], Int.max)
        for pool in pools {
            let count = pool.gauge.underWay + (pool.gauge.idle > 0 ? 0 : Self.many)
            if count < fewest { (next, fewest) = (pool, count) }
        }
        return next
    }

    /// More than can be under way.
    private static let many = 1 << 32
}

/// The connections of one event loop, as others see them.
private final class LoopPool: Sendable {
    let loop: any EventLoop
    let pool: NIOLoopBoundBox<ConnectionPool>
    let gauge: PoolGauge

    init(_ connector: Connector, limit: Int) {
        let gauge = PoolGauge()
        self.gauge = gauge
        loop = connector.loop
        pool = .makeBoxSendingValue(
            ConnectionPool(connector: connector, limit: limit, gauge: gauge),
            eventLoop: connector.loop
        )
    }
}
