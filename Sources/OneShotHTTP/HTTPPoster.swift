public import NIOCore
public import NIOHTTP1
public import NIOPosix
public import NIOSSL

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

/// Limits of an ``HTTPPoster``.
public struct HTTPPosterConfiguration: Sendable {
    /// How long a connection may take to open, TLS included.
    public var connectTimeout: Duration
    /// How long an answer may take, from when the request was handed in.
    ///
    /// It is looked at sixteen times within that time, so a request may last a sixteenth longer.
    public var requestTimeout: Duration
    /// How long a connection is kept that nobody needs.
    ///
    /// Common servers close theirs after 5 s; who writes to one that is being closed does not know whether it was read.
    public var idleTimeout: Duration
    /// Most connections; requests beyond wait for one to be free.
    public var connections: Int
    /// Most bytes of an answer's body; the rest of a larger one is not read.
    public var largestAnswer: Int
    /// Whom connections trust, and what they speak, where they are encrypted.
    public var tls: TLSConfiguration

    public init(
        connectTimeout: Duration = .seconds(5),
        requestTimeout: Duration = .seconds(30),
        idleTimeout: Duration = .seconds(3),
        connections: Int = 512,
        largestAnswer: Int = 64 * 1024,
        tls: TLSConfiguration = .makeClientConfiguration()
    ) {
        self.connectTimeout = connectTimeout
        self.requestTimeout = requestTimeout
        self.idleTimeout = idleTimeout
        self.connections = connections
        self.largestAnswer = largestAnswer
        self.tls = tls
    }

    /// How often deadlines are looked at.
    var sweepInterval: Duration {
        let shortest = min(requestTimeout, min(connectTimeout, idleTimeout))
        return max(.milliseconds(5), min(shortest / 16, .milliseconds(500)))
    }
}

/// What is posted.
public struct PostRequest: Sendable {
    /// From the slash on, with the query if there is one.
    public var path: String
    /// All but `Host` and `Content-Length`, which are added.
    public var headers: HTTPHeaders
    public var body: ByteBuffer

    public init(path: String, headers: HTTPHeaders = [:], body: ByteBuffer) {
        self.path = path
        self.headers = headers
        self.body = body
    }

    /// Why this cannot be a request: it would end a line early, and what follows would be read as something else.
    var problem: String? {
        if !path.hasPrefix("/") || path.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F }) {
            return "the path of the request holds a space or a control character, or does not begin with a slash"
        }
        for (name, value) in headers where value.utf8.contains(where: { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F }) {
            return "the value of \(name) holds a control character"
        }
        return nil
    }

    func head(for authority: String) -> HTTPRequestHead {
        var all = HTTPHeaders()
        all.reserveCapacity(headers.count + 2)
        all.add(name: "Host", value: authority)
        all.add(contentsOf: headers)
        all.add(name: "Content-Length", value: String(body.readableBytes))
        return HTTPRequestHead(version: .http1_1, method: .POST, uri: path, headers: all)
    }
}

/// What became of a request.
public enum PostOutcome: Sendable {
    case answered(PostAnswer)
    /// Not a byte of it has left: whoever was asked does not know of it.
    case notWritten(reason: String)
    /// No connection was free for as long as it was to wait for one; not a byte of it has left.
    case expired
    /// It was written, at least in part, and no whole answer came: it may have been carried out.
    case lost(reason: String)
}

/// An answer of a server, whatever it says.
public struct PostAnswer: Sendable {
    public let status: Int
    public let headers: HTTPHeaders
    public let body: ByteBuffer
}
