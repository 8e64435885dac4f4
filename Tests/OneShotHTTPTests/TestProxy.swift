import NIOCore
import NIOPosix
import Synchronization

/// An HTTP proxy with a fixed answer, which passes bytes on to the server that was asked for if it agrees.
final class TestProxy: Sendable {
    private let heads = Mutex<[String]>([])
    fileprivate let answer: String

    private init(answer: String) { self.answer = answer }

    /// The requests for tunnels.
    var requests: [String] { heads.withLock { $0 } }

    fileprivate func note(_ head: String) { heads.withLock { $0.append(head) } }

    /// Runs `body` with a proxy and its address.
    static func with(answer: String, _ body: (_ proxy: TestProxy, _ address: String) async throws -> Void) async throws
    {
        let proxy = TestProxy(answer: answer)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Side(proxy: proxy))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(proxy, "127.0.0.1:\(channel.localAddress?.port ?? 0)"))
        } catch {
            result = .failure(error)
        }
        try await channel.close()
        try result.get()
    }
}

/// One side of a tunnel: first it waits for the request, then it passes on what it reads.
private final class Side: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let proxy: TestProxy?
    private var other: (any Channel)?
    private var head = ""

    init(proxy: TestProxy) { self.proxy = proxy }

    init(other: any Channel) {
        proxy = nil
        self.other = other
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        if let other { return other.writeAndFlush(bytes, promise: nil) }
        head += String(buffer: bytes)
        guard let proxy, head.hasSuffix("\r\n\r\n") else { return }
        proxy.note(head)
        let answer = ByteBuffer(string: proxy.answer)
        let port = head.split(separator: " ")[1].split(separator: ":").last.flatMap { Int($0) } ?? 0
        guard proxy.answer.hasPrefix("HTTP/1.1 200") else { return context.writeAndFlush(NIOAny(answer), promise: nil) }
        let client = context.channel
        // The same loop, so that both sides are one after the other.
        ClientBootstrap(group: context.eventLoop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Side(other: client))
                }
            }
            .connect(host: "127.0.0.1", port: port).assumeIsolated().whenSuccess { server in
                self.other = server
                client.writeAndFlush(answer, promise: nil)
            }
    }

    func channelInactive(context: ChannelHandlerContext) { other?.close(promise: nil) }
}
