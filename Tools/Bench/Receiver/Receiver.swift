import BenchKit
import Foundation
import NIOCore
import NIOPosix
import TestBed
import WhatsAppSimulator

/// A receiver that accepts every message at once and counts it.
///
/// The simulator checks requests as WhatsApp does and costs about as much CPU as the daemon, so on a shared machine it
/// would distort the measurement. This receiver only extracts the recipient, on one thread.
///
///     POST /v23.0/<phone number id>/messages     accepts
///     GET  /summary[?rate=80]                    counters, with a rate also the seconds that exceed it
///     GET  /body                                 the last body
///     POST /reset                                forgets
final class Receiver {
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    /// Serves until the process ends.
    func run(port: Int) async throws {
        // All connections share it; only the thread of the group uses it.
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

/// State that all connections of a receiver share, used on one thread.
private final class ReceiverDesk {
    var ledger = ReceiverLedger()
    var lastBody = ByteBuffer()
    var connections = 0
    var mostConnections = 0
    /// Ids must be unique, also among several receivers.
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
        // Encoding numbers cannot fail.
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
        // Keeping a body copies its buffer, so only some are kept.
        if ledger.count % 1_024 == 1 { lastBody = request.body }
        nextID &+= 1
        let number = String(request.recipient)
        // The id has the length of WhatsApp's ids.
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

    // A client may disconnect at any time.
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

/// Accepted messages by sender and time, with their distinct recipients.
struct ReceiverLedger {
    /// Counters of the ledger.
    struct Summary: Codable, Sendable {
        /// All messages that were accepted.
        var count = 0
        /// Pairs of sender and recipient among them.
        var distinct = 0
        /// Seconds of the monotonic clock; 0 without messages.
        var first = 0.0
        var last = 0.0
        /// Open connections now, and their maximum.
        var connections = 0
        var mostConnections = 0
        /// Sliding seconds in which a sender exceeded the requested rate, and the requests of the busiest one.
        var secondsOver = 0
        var mostInOneSecond = 0
    }

    private struct Delivery: Hashable {
        let sender: UInt64
        let recipient: UInt64
    }

    private(set) var count = 0
    private var seen: Set<Delivery> = []
    private var times: [UInt64: [Int64]] = [:]
    private var first: Int64 = 0
    private var last: Int64 = 0

    mutating func add(sender: UInt64, recipient: UInt64, at time: Int64) {
        count += 1
        seen.insert(Delivery(sender: sender, recipient: recipient))
        times[sender, default: []].append(time)
        if first == 0 { first = time }
        last = time
    }

    mutating func reset() { self = ReceiverLedger() }

    /// Returns the counters so far.
    ///
    /// - Parameter rate: Allowed requests of one sender in one second; `nil` skips this check.
    /// - Returns: All counters but the connections.
    func summary(rate: Int?) -> Summary {
        var summary = Summary()
        summary.count = count
        summary.distinct = seen.count
        summary.first = Double(first) / 1e9
        summary.last = Double(last) / 1e9
        guard let rate else { return summary }
        for times in times.values {
            var second = SlidingSecond()
            summary.secondsOver += times.count { second.add($0) > rate }
            summary.mostInOneSecond = max(summary.mostInOneSecond, second.most)
        }
        return summary
    }
}

/// A receiver in its own process, so that its CPU is counted separately.
struct ReceiverProcess: Sendable {
    let child: ChildProcess
    let port: Int

    static func start(on servers: Servers) async throws -> ReceiverProcess {
        let port = try FreePort.find()
        let child = try await ChildProcess.start(
            servers.path(of: "Bench"),
            ["receiver", "--port", "\(port)"],
            environment: Servers.environment([:]),
            output: .log(servers.folder.appending(path: "receiver.log"))
        )
        let receiver = ReceiverProcess(child: child, port: port)
        try await wait(for: "the receiver", within: .seconds(10)) {
            guard child.isRunning else { throw TestBedError.command("receiver", output: child.output) }
            return (try? await receiver.summary()) != nil
        }
        return receiver
    }

    /// Returns the counters so far.
    ///
    /// - Parameter rate: Counts seconds with more requests of one sender.
    /// - Returns: The counters.
    /// - Throws: An error when the receiver does not respond.
    func summary(rate: Int? = nil) async throws -> ReceiverLedger.Summary {
        let body = try await HTTP.get("http://127.0.0.1:\(port)/summary" + (rate.map { "?rate=\($0)" } ?? ""))
        return try JSONDecoder().decode(ReceiverLedger.Summary.self, from: Data(body.readableBytesView))
    }

    func lastBody() async throws -> Data {
        Data(try await HTTP.get("http://127.0.0.1:\(port)/body").readableBytesView)
    }

    func reset() async throws { try await HTTP.post("http://127.0.0.1:\(port)/reset") }

    func stop() async throws { try await child.stop() }
}
