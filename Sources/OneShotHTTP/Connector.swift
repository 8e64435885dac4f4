import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Opens connections of one event loop to one server.
struct Connector: Sendable {
    let origin: HTTPOrigin
    /// `nil` when connections are not encrypted.
    let security: NIOSSLContext?
    let loop: any EventLoop
    let configuration: HTTPPosterConfiguration

    /// Has the runtime make the type of the decoder, once and for all.
    ///
    /// Swift 6.3.1 crashes now and then when two threads need a generic type over a generic class for the first time at
    /// once (`swift_checkMetadataState` of a superclass that is not there yet), as event loops do.
    static let hasTypes: Bool = {
        _ = ByteToMessageHandler(HTTPResponseDecoder())
        return true
    }()

    /// Connects for a pool of the loop; with TLS, the handshake is still to come.
    func connect(for pool: ConnectionPool) -> EventLoopFuture<PostConnection> {
        let pool = NIOLoopBound(pool, eventLoop: loop)
        // A name with many addresses has many channels, until the first of them is connected.
        return ClientBootstrap(group: loop)
            .connectTimeout(TimeAmount(configuration.connectTimeout))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try prepare(channel, for: pool.value) }
            }
            .connect(host: origin.host, port: origin.port)
            .flatMapThrowing { try $0.pipeline.syncOperations.handler(type: PostConnection.self) }
    }

    private func prepare(_ channel: any Channel, for pool: ConnectionPool) throws {
        let pipeline = channel.pipeline.syncOperations
        if let security {
            try pipeline.addHandler(NIOSSLClientHandler(context: security, serverHostname: origin.serverName))
        }
        try pipeline.addHandler(HTTPRequestEncoder())
        try pipeline.addHandler(ByteToMessageHandler(HTTPResponseDecoder(leftOverBytesStrategy: .dropBytes)))
        try pipeline.addHandler(PostConnection(channel: channel, pool: pool))
    }

    /// What a connection that did not open means, for people.
    func explain(_ error: any Error) -> String {
        let place = "\(origin.host):\(origin.port)"
        switch error {
        case let error as NIOConnectionError:
            if let first = error.connectionErrors.first {
                return "cannot connect to \(place): \(reason(of: first.error))"
            }
            return "cannot connect to \(place): the name has no address"
        case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError: return "cannot connect to \(place): TLS: \(error)"
        default: return "cannot connect to \(place): \(reason(of: error))"
        }
    }

    private func reason(of error: any Error) -> String {
        switch error {
        case let error as IOError where error.errnoCode == ECONNREFUSED: "connection refused"
        case ChannelError.connectTimeout: "no connection within \(configuration.connectTimeout)"
        case ChannelError.eof: "the connection was closed"
        default: "\(error)"
        }
    }
}
