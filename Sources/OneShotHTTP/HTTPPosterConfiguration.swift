public import NIOSSL

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
