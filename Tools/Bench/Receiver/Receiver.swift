import Foundation
import NIOCore
import NIOPosix

/// A WhatsApp that takes everything at once, and writes down what it took.
///
/// The simulator checks requests as the real service does and costs about as much as the daemon; on a machine that both
/// share it would be what is measured. This one only finds the recipient. All of it runs on one thread.
///
///     POST /v23.0/<phone number id>/messages     accepts
///     GET  /summary[?rate=80]                    what was accepted, and whether any second held more than the rate
///     GET  /body                                 the last body
///     POST /reset                                forgets
final class Receiver {
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    /// Serves until the process ends.
    func run(port: Int) async throws {
        // Shared by all connections; the one thread of the group is the only one that touches it.
        let desk = NIOLoopBoundBox.makeEmptyBox(valueType: ReceiverDesk.self, eventLoop: group.next())
        let channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 4_096)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let shared = desk.value ?? ReceiverDesk()
                    desk.value = shared
                    try channel.pipeline.syncOperations.addHandler(ReceiverConnection(desk: shared))
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
        try await channel.closeFuture.get()
    }
}

/// What all connections of a receiver share; of one thread.
private final class ReceiverDesk {
    var ledger = ReceiverLedger()
    var lastBody = ByteBuffer()
    var connections = 0
    var mostConnections = 0
    /// Ids must not come twice, not even from another process.
    private var nextID = UInt64.random(in: 0..<1 << 48) << 16

    func answer(_ request: RequestScanner.Request) -> (type: String, body: ByteBuffer) {
        if request.isPost && request.path.hasSuffix("/messages") { return ("application/json", accept(request)) }
        if request.path == "/body" { return ("application/json", lastBody) }
        if request.path == "/reset" {
            ledger.reset()
            mostConnections = connections
        }
        let rate = request.path.split(separator: "=").dropFirst().first.flatMap { Int($0) }
        var summary = ledger.summary(rate: rate)
        (summary.connections, summary.mostConnections) = (connections, mostConnections)
        // Numbers can always be written as JSON.
        return ("application/json", ByteBuffer(bytes: (try? JSONEncoder().encode(summary)) ?? Data()))
    }

    private func accept(_ request: RequestScanner.Request) -> ByteBuffer {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        ledger.add(
            sender: request.sender,
            recipient: request.recipient,
            at: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
        )
        // Keeping a body costs a copy of what it came in.
        if ledger.count % 1_024 == 1 { lastBody = request.body }
        nextID &+= 1
        let number = String(request.recipient)
        // As long as the ids of the real service.
        let id = "wamid.HBgM\(number)FQIAERgS\(String(nextID, radix: 16, uppercase: true))AA=="
        return ByteBuffer(
            string: #"{"messaging_product":"whatsapp","contacts":[{"input":"+\#(number)","wa_id":"\#(number)"}],"#
                + #""messages":[{"id":"\#(id)"}]}"#
        )
    }
}

/// One connection of a receiver.
private final class ReceiverConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let desk: ReceiverDesk
    private var scanner = RequestScanner()

    init(desk: ReceiverDesk) { self.desk = desk }

    func channelActive(context: ChannelHandlerContext) {
        desk.connections += 1
        desk.mostConnections = max(desk.mostConnections, desk.connections)
    }

    func channelInactive(context: ChannelHandlerContext) { desk.connections -= 1 }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        scanner.add(&bytes)
        while true {
            switch scanner.next() {
            case .incomplete: return
            case .invalid: return context.close(promise: nil)
            case .request(let request):
                var (type, body) = desk.answer(request)
                var answer = context.channel.allocator.buffer(capacity: body.readableBytes + 96)
                answer.writeString(
                    "HTTP/1.1 200 OK\r\nContent-Type: \(type)\r\nContent-Length: \(body.readableBytes)\r\n\r\n"
                )
                answer.writeBuffer(&body)
                context.writeAndFlush(wrapOutboundOut(answer), promise: nil)
            }
        }
    }

    // A client that goes away in the middle is none of our business.
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
