import NIOCore
import NIOPosix
import Synchronization

/// A TCP proxy on the loopback interface whose connections go wrong on demand.
final class FaultProxy: Sendable {
    private struct State: Sendable {
        var fault = LinkFault.none
        var upstreams: [Int]
        var random: SeededGenerator
        var channels: [ObjectIdentifier: any Channel] = [:]
    }

    private let state: Mutex<State>
    private let listener: Mutex<(any Channel)?> = Mutex(nil)

    /// Makes a proxy; it listens after ``listen()``.
    ///
    /// - Parameters:
    ///   - upstreams: Ports of servers; the first that answers gets the connection.
    ///   - seed: Of what is left to chance.
    init(to upstreams: [Int], seed: UInt64) {
        state = Mutex(State(upstreams: upstreams, random: SeededGenerator(seed: seed)))
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
        // A listener that is closed already is what we want.
        try? await listener.withLock { $0 }?.close()
        reset()
    }

    /// What is wrong now.
    var fault: LinkFault { state.withLock { $0.fault } }

    /// Changes what is wrong; connections that lost bytes do not survive it.
    func set(_ fault: LinkFault) {
        let lost = state.withLock { state in
            defer { state.fault = fault }
            return state.fault.losesBytes
        }
        if lost { reset() }
    }

    /// Leads to other servers from now on; connections to the old ones end.
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
                // A socket that is gone already has nothing to reset.
                options.setSoLinger(lingering).whenComplete { _ in channel.close(promise: nil) }
            } else {
                channel.close(promise: nil)
            }
        }
    }

    /// A number from 0 up to but not including 1.
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
