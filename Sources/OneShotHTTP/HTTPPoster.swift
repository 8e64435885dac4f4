public import NIOCore
public import NIOHTTP1
public import NIOPosix
public import NIOSSL

/// Posts each request once over pooled HTTP/1.1 connections; unlike async-http-client it knows whether a request was
/// written, and takes a deadline until which it may be written.
///
/// Outcomes are in ``PostOutcome``. The poster implements only what delivery needs, at about a quarter of the CPU of a
/// general client: no redirects, cookies, streams or retries. Parsing, TLS and connecting are SwiftNIO's.
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

    /// Makes a poster; the first request opens the first connection.
    ///
    /// - Parameters:
    ///   - origin: The server.
    ///   - configuration: Limits.
    ///   - group: The event loops over which connections are spread.
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
            // Older versions must not be used (RFC 8996).
            if tls.minimumTLSVersion != .tlsv13 { tls.minimumTLSVersion = .tlsv12 }
            // Reads the machine's certificates.
            security = try await NIOThreadPool.singleton.runIfActive { [tls] in
                try NIOSSLContext(configuration: tls)
            }
        }
        let loops = Array(group.makeIterator())
        // Requests go to the loop with the fewest in flight, so no loop has more than its share.
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
    /// Cancellation ends the wait at once; a request that was written is lost.
    ///
    /// - Parameters:
    ///   - request: The request to post.
    ///   - patience: Time limit for being written; `nil` allows as long as the answer may take.
    /// - Returns: The outcome.
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

    /// Closes all connections; requests in flight are lost, later ones are not written.
    public func shutdown() async {
        for pool in pools {
            let closed = pool.loop.flatSubmit { pool.pool.value.shutdown() }
            // Fails only if it is closed already.
            try? await closed.get()
        }
    }

    /// The number of connections that wait for a request.
    var idleConnections: Int { pools.reduce(0) { $0 + $1.gauge.idle } }

    /// Expected wait for a connection; zero if one is free or opens at once.
    public var expectedWait: Duration {
        if pools.contains(where: { $0.gauge.idle > 0 }) { return .zero }
        return pools.map(\.gauge.expectedOpening).min().map { .nanoseconds($0.nanoseconds) } ?? .zero
    }

    /// Announces requests: if connections take long to open, they are opened now.
    ///
    /// - Parameter requests: How many at once, at most.
    public func prepare(for requests: Int) {
        let share = (requests + pools.count - 1) / pools.count
        for pool in pools where pool.gauge.idle < share && pool.gauge.expectedOpening > .zero {
            pool.loop.execute { pool.pool.value.prepare(for: share) }
        }
    }

    /// The loop with the fewest requests in flight; loops with a free connection come first.
    private var nextPool: LoopPool {
        var (next, fewest) = (pools[0], Int.max)
        for pool in pools {
            let count = pool.gauge.underWay + (pool.gauge.idle > 0 ? 0 : Self.many)
            if count < fewest { (next, fewest) = (pool, count) }
        }
        return next
    }

    /// An upper bound of requests in flight.
    private static let many = 1 << 32
}

/// The connection pool of one event loop, as other threads see it.
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
    /// Time limit for opening a connection, TLS included.
    public var connectTimeout: Duration
    /// Time limit of an answer, from the call on.
    ///
    /// Deadlines are checked sixteen times within that time, so a request may last a sixteenth longer.
    public var requestTimeout: Duration
    /// Idle time after which a connection is closed.
    ///
    /// Common servers close theirs after 5 s; a request on a connection that is being closed may or may not have been
    /// read.
    public var idleTimeout: Duration
    /// Maximum number of connections; further requests wait for a free one.
    public var connections: Int
    /// Maximum size of an answer's body in bytes; the rest is not read.
    public var largestAnswer: Int
    /// The TLS settings of encrypted connections; versions before 1.2 are never used.
    public var tls: TLSConfiguration
    /// The proxy of encrypted connections; `nil` to connect directly.
    public var proxy: HTTPProxy?

    public init(
        connectTimeout: Duration = .seconds(5),
        requestTimeout: Duration = .seconds(30),
        idleTimeout: Duration = .seconds(3),
        connections: Int = 512,
        largestAnswer: Int = 64 * 1024,
        tls: TLSConfiguration = .makeClientConfiguration(),
        proxy: HTTPProxy? = nil
    ) {
        self.connectTimeout = connectTimeout
        self.requestTimeout = requestTimeout
        self.idleTimeout = idleTimeout
        self.connections = connections
        self.largestAnswer = largestAnswer
        self.tls = tls
        self.proxy = proxy
    }

    /// Trusts the certificates of a file, and no others.
    ///
    /// - Parameter path: A file of certificates in PEM.
    /// - Throws: ``UnusableCertificates``.
    public mutating func trust(certificatesIn path: String) throws(UnusableCertificates) {
        // The error names the file once more, and nothing else.
        guard let certificates = try? NIOSSLCertificate.fromPEMFile(path), !certificates.isEmpty else {
            throw UnusableCertificates(path: path)
        }
        tls.trustRoots = .certificates(certificates)
    }

    /// Interval at which deadlines are checked.
    var sweepInterval: Duration {
        let shortest = min(requestTimeout, min(connectTimeout, idleTimeout))
        return max(.milliseconds(5), min(shortest / 16, .milliseconds(500)))
    }
}

/// A file from which no certificate can be read.
public struct UnusableCertificates: Error, CustomStringConvertible {
    public let path: String

    public var description: String { "`\(path)` has no certificates in PEM that can be read" }
}

/// A request to post, or to read with `GET`.
public struct PostRequest: Sendable {
    public var method = HTTPMethod.POST
    /// The path, starting with a slash, with the query if there is one.
    public var path: String
    /// The headers, without `Host` and `Content-Length`, which are added.
    public var headers: HTTPHeaders
    public var body: ByteBuffer

    /// Makes a request that reads, and has no body.
    public static func get(_ path: String, headers: HTTPHeaders = [:]) -> PostRequest {
        var request = PostRequest(path: path, headers: headers, body: ByteBuffer())
        request.method = .GET
        return request
    }

    public init(path: String, headers: HTTPHeaders = [:], body: ByteBuffer) {
        self.path = path
        self.headers = headers
        self.body = body
    }

    /// Explains why this cannot be sent: a line break in it would start another header or request.
    ///
    /// `nil` if it can.
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
        if method != .GET { all.add(name: "Content-Length", value: String(body.readableBytes)) }
        return HTTPRequestHead(version: .http1_1, method: method, uri: path, headers: all)
    }
}

/// The outcome of a request.
public enum PostOutcome: Sendable {
    case answered(PostAnswer)
    /// No byte was written: the server does not know of the request.
    case notWritten(reason: String)
    /// No connection became free before the write deadline; no byte was written.
    case expired
    /// The request was written, at least in part, and no complete answer came: it may have been carried out.
    ///
    /// An answer whose head says that the request was refused (4xx) counts even if its body is cut off.
    case lost(reason: String)
}

/// The answer of the server, with any status.
public struct PostAnswer: Sendable {
    public let status: Int
    public let headers: HTTPHeaders
    public let body: ByteBuffer
    /// False if the body ended early or was too long, and only its beginning is here.
    public var isWhole = true
}
