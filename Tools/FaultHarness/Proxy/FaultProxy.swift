import NIOCore
import NIOPosix
import Randomness
import Synchronization

/// A TCP proxy on the loopback interface that injects faults.
final class FaultProxy: Sendable {
    private struct State: Sendable {
        var fault = LinkFault.none
        var upstreams: [Int]
        var random: SplitMix64
        var channels: [ObjectIdentifier: any Channel] = [:]
    }

    private let state: Mutex<State>
    private let listener: Mutex<(any Channel)?> = Mutex(nil)

    /// Creates a proxy; it listens after ``listen()``.
    ///
    /// - Parameters:
    ///   - upstreams: Ports of servers; the first that accepts gets the connection.
    ///   - seed: Seed of the random decisions.
    init(to upstreams: [Int], seed: UInt64) {
        state = Mutex(State(upstreams: upstreams, random: SplitMix64(seed: seed)))
    }

    /// Takes a free port and serves on it.
    ///
    /// - Returns: The port.
    func listen() async throws -> Int {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.backlog, value: 256)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { self.accept($0) }
            .bind(host: "127.0.0.1", port: 0).get()
        listener.withLock { $0 = channel }
        return channel.localAddress?.port ?? 0
    }

    func close() async {
        // An error means that the listener is closed already.
        try? await listener.withLock { $0 }?.close()
        reset()
    }

    /// The current fault.
    var fault: LinkFault { state.withLock { $0.fault } }

    /// Changes the fault; connections that have lost bytes are reset.
    func set(_ fault: LinkFault) {
        let lost = state.withLock { state in
            defer { state.fault = fault }
            return state.fault.losesBytes
        }
        if lost { reset() }
    }

    /// Redirects to other servers and resets all connections.
    func redirect(to upstreams: [Int]) {
        state.withLock { $0.upstreams = upstreams }
        reset()
    }

    /// Resets all connections.
    func reset() {
        for channel in state.withLock({ Array($0.channels.values) }) { Self.reset(channel) }
    }

    static func reset(_ channel: any Channel) {
        channel.eventLoop.execute {
            let lingering = linger(l_onoff: 1, l_linger: 0)
            if let options = channel as? any SocketOptionProvider {
                // A socket that is closed already needs no reset.
                options.setSoLinger(lingering).whenComplete { _ in channel.close(promise: nil) }
            } else {
                channel.close(promise: nil)
            }
        }
    }

    /// Returns a random number from 0 up to but not including 1.
    func roll() -> Double { state.withLock { Double.random(in: 0..<1, using: &$0.random) } }

    func pick(_ range: ClosedRange<Int>) -> Int { state.withLock { Int.random(in: range, using: &$0.random) } }

    private func accept(_ client: any Channel) -> EventLoopFuture<Void> {
        register(client)
        switch fault.welcome {
        case .refuse:
            Self.reset(client)
            return client.eventLoop.makeSucceededVoidFuture()
        case .halfOpen:
            return client.setOption(.autoRead, value: true)
        case .normal:
            connect(client, to: state.withLock { $0.upstreams[...] })
            return client.eventLoop.makeSucceededVoidFuture()
        }
    }

    private func connect(_ client: any Channel, to ports: ArraySlice<Int>) {
        guard let port = ports.first else { return Self.reset(client) }
        ClientBootstrap(group: client.eventLoop)
            .connectTimeout(.seconds(2))
            .channelOption(.autoRead, value: false)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .connect(host: "127.0.0.1", port: port)
            .whenComplete { result in
                switch result {
                case .failure: self.connect(client, to: ports.dropFirst())
                case .success(let server): self.join(client, server)
                }
            }
    }

    private func join(_ client: any Channel, _ server: any Channel) {
        register(server)
        do {
            try client.pipeline.syncOperations.addHandler(Relay(to: server, isRequest: true, proxy: self))
            try server.pipeline.syncOperations.addHandler(Relay(to: client, isRequest: false, proxy: self))
            for channel in [client, server] { channel.setOption(.autoRead, value: true).whenComplete { _ in } }
        } catch {
            for channel in [client, server] { Self.reset(channel) }
        }
    }

    private func register(_ channel: any Channel) {
        let key = ObjectIdentifier(channel)
        state.withLock { $0.channels[key] = channel }
        channel.closeFuture.whenComplete { _ in _ = self.state.withLock { $0.channels.removeValue(forKey: key) } }
    }
}

/// A fault of a connection.
struct LinkFault: Sendable {
    /// Treatment of new connections.
    enum Welcome: Sendable {
        case normal
        /// Reset at once.
        case refuse
        /// Accepted and never answered.
        case halfOpen
    }

    var welcome = Welcome.normal
    /// Delay in milliseconds, drawn anew for each portion; portions stay in order.
    var latency: ClosedRange<Int> = 0...0
    /// The bandwidth; `nil` means unlimited.
    var bytesPerSecond: Int?
    /// True if portions arrive byte by byte.
    var isSliced = false
    /// True if bytes to the server vanish, without an error for the sender.
    var dropsRequests = false
    /// True if bytes to the client vanish.
    var dropsReplies = false
    /// Share of replies that are replaced by a reset; their requests have arrived.
    var cutShare = 0.0
    /// Share of Redis replies that become one of ``rewritten``.
    var rewriteShare = 0.0
    /// Error replies, each with its line end.
    var rewritten: [String] = []

    static let none = LinkFault()
    /// A fault that drops all bytes in both directions.
    static let blackhole = LinkFault(welcome: .halfOpen, dropsRequests: true, dropsReplies: true)
    static let refused = LinkFault(welcome: .refuse)

    /// True if bytes were lost, so that connections cannot continue.
    var losesBytes: Bool { dropsRequests || dropsReplies || welcome == .halfOpen }
}
