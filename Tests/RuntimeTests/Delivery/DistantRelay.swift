import NIOCore
import NIOPosix
import NIOSSL
import OneShotHTTP
import TestSupport
import Testing

@testable import Runtime

/// A relay to a server to which connections open slowly, as across an ocean.
///
/// It delays the start of TLS, and passes later bytes on at once.
enum DistantRelay {
    /// Runs the body with a client that reaches a port of this machine through such a relay.
    ///
    /// Both ends have threads of their own, so that handshakes of one daemon do not delay requests of others.
    static func withClient(
        of target: Int,
        opening delay: Duration,
        _ body: (WhatsAppChannel) async throws -> Void
    ) async throws {
        let certificate = try TestCertificate()
        let context = try certificate.serverContext()
        let (there, here) = (
            MultiThreadedEventLoopGroup(numberOfThreads: 1), MultiThreadedEventLoopGroup(numberOfThreads: 1)
        )
        let channel = try await ServerBootstrap(group: there)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(Delay(TimeAmount(delay)))
                    try pipeline.addHandler(NIOSSLServerHandler(context: context))
                    try pipeline.addHandler(Relay(to: target))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let result: Result<Void, any Error>
        do {
            let port = try #require(channel.localAddress?.port)
            result = .success(try await withClient(at: port, trusting: certificate.roots, group: here, body))
        } catch {
            result = .failure(error)
        }
        try await channel.close()
        try await here.shutdownGracefully()
        try await there.shutdownGracefully()
        try result.get()
    }

    private static func withClient(
        at port: Int,
        trusting roots: [NIOSSLCertificate],
        group: any EventLoopGroup,
        _ body: (WhatsAppChannel) async throws -> Void
    ) async throws {
        let api = try WhatsAppAPI(url: "https://localhost:\(port)/v23.0")
        var configuration = WhatsAppChannel.configuration(connections: 256)
        configuration.tls.trustRoots = .certificates(roots)
        let poster = try await HTTPPoster.make(for: api.origin, configuration: configuration, group: group)
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(WhatsAppChannel(poster: poster, api: api)))
        } catch {
            result = .failure(error)
        }
        await poster.shutdown()
        try result.get()
    }
}

/// Delays the first bytes of a connection.
private final class Delay: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let delay: TimeAmount
    private var held: ByteBuffer? = ByteBuffer()
    private var isWaiting = false

    init(_ delay: TimeAmount) { self.delay = delay }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard held != nil else { return context.fireChannelRead(data) }
        var part = unwrapInboundIn(data)
        held?.writeBuffer(&part)
        guard !isWaiting else { return }
        isWaiting = true
        context.eventLoop.assumeIsolated().scheduleTask(in: delay) {
            guard let held = self.held else { return }
            self.held = nil
            context.fireChannelRead(self.wrapInboundOut(held))
            context.fireChannelReadComplete()
        }
    }
}

/// Passes bytes on to another connection and back.
private final class Relay: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let target: Int
    private var other: (any Channel)?
    private var held = ByteBuffer()

    init(to target: Int) { self.target = target }

    func channelActive(context: ChannelHandlerContext) {
        let channel = context.channel
        ClientBootstrap(group: context.eventLoop)
            .channelInitializer { other in
                other.eventLoop.makeCompletedFuture {
                    try other.pipeline.syncOperations.addHandler(Answer(to: channel))
                }
            }
            .connect(host: "127.0.0.1", port: target)
            .assumeIsolated()
            .whenComplete { result in
                guard case .success(let other) = result else { return channel.close(promise: nil) }
                self.other = other
                if self.held.readableBytes > 0 { other.writeAndFlush(self.held, promise: nil) }
            }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var part = unwrapInboundIn(data)
        if let other { other.writeAndFlush(part, promise: nil) } else { held.writeBuffer(&part) }
    }

    func channelInactive(context: ChannelHandlerContext) { other?.close(promise: nil) }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

/// Passes answers back.
private final class Answer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let channel: any Channel

    init(to channel: any Channel) { self.channel = channel }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        channel.writeAndFlush(unwrapInboundIn(data), promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { channel.close(promise: nil) }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
