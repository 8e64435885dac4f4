/// What is wrong with a connection between two parties.
struct LinkFault: Sendable {
    /// How new connections are met.
    enum Welcome: Sendable {
        case normal
        /// Reset at once.
        case refuse
        /// Accepted, and then nothing.
        case halfOpen
    }

    var welcome = Welcome.normal
    /// How much later bytes arrive, drawn anew for each portion, without overtaking.
    var latency: ClosedRange<Int> = 0...0
    /// `nil` is as fast as it goes.
    var bytesPerSecond: Int?
    /// Portions arrive byte by byte.
    var isSliced = false
    /// Bytes that the server must not see vanish, and the sender does not learn it.
    var dropsRequests = false
    /// Bytes that the client must not see vanish.
    var dropsReplies = false
    /// Share of replies instead of which the connection is reset: the request has arrived.
    var cutShare = 0.0
    /// Share of Redis replies that become one of ``rewritten``.
    var rewriteShare = 0.0
    /// Error replies with their line end.
    var rewritten: [String] = []

    static let none = LinkFault()
    /// Nothing comes through in either direction, and nobody is told.
    static let blackhole = LinkFault(welcome: .halfOpen, dropsRequests: true, dropsReplies: true)
    static let refused = LinkFault(welcome: .refuse)

    /// Whether bytes have been lost, so that connections cannot go on after it.
    var losesBytes: Bool { dropsRequests || dropsReplies || welcome == .halfOpen }
}
