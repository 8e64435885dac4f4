import NIOCore
import NIOPosix
package import NIOSSL
import Synchronization

/// A server that sends, byte for byte, what a test tells it to.
package final class ScriptedServer: Sendable {
    /// The reaction to a request.
    package enum Reaction: Sendable {
        case say(String)
        case sayAndClose(String)
        /// Sends each piece after the previous one was sent, so that they arrive separately.
        case sayInPieces([String])
        case close
        case nothing
    }

    /// A complete request, as received.
    package struct Request: Sendable {
        package let text: String
        /// Counts from 0, in the order in which connections were accepted.
        package let connection: Int
        /// Counts from 0, over all connections.
        package let number: Int

        package var path: String { text.split(separator: " ").dropFirst().first.map(String.init) ?? "" }
        package var body: String {
            text.split(separator: "\r\n\r\n", maxSplits: 1).dropFirst().first.map(String.init) ?? ""
        }
    }

    private struct State {
        var requests: [Request] = []
        var accepted = 0
        var open: [Int: any Channel] = [:]
        var mostOpen = 0
    }

    private let state = Mutex(State())
    private let react: @Sendable (Request) -> Reaction

    private init(react: @escaping @Sendable (Request) -> Reaction) { self.react = react }

    package var requests: [Request] { state.withLock { $0.requests } }
    /// Number of connections that were accepted in total, are open now, and were open at most.
    package var accepted: Int { state.withLock { $0.accepted } }
    package var open: Int { state.withLock { $0.open.count } }
    package var mostOpen: Int { state.withLock { $0.mostOpen } }

    /// Sends unrequested text on all open connections.
    package func blurt(_ text: String) {
        for channel in state.withLock({ Array($0.open.values) }) {
            channel.writeAndFlush(ByteBuffer(string: text), promise: nil)
        }
    }

    /// Closes all open connections.
    package func hangUp() {
        for channel in state.withLock({ Array($0.open.values) }) { channel.close(promise: nil) }
    }

    /// Serves on a free port for as long as the body takes.
    package static func withServer(
        tls: NIOSSLContext? = nil,
        react: @escaping @Sendable (Request) -> Reaction,
        _ body: (_ server: ScriptedServer, _ port: Int) async throws -> Void
    ) async throws {
        let server = ScriptedServer(react: react)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls)) }
                    try channel.pipeline.syncOperations.addHandler(Talk(server: server))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(server, channel.localAddress?.port ?? 0))
        } catch {
            result = .failure(error)
        }
        try await channel.close()
        server.hangUp()
        try result.get()
    }

    fileprivate func accept(_ channel: any Channel) -> Int {
        state.withLock { state in
            let number = state.accepted
            state.accepted += 1
            state.open[number] = channel
            state.mostOpen = max(state.mostOpen, state.open.count)
            return number
        }
    }

    fileprivate func closed(_ connection: Int) { state.withLock { $0.open[connection] = nil } }

    fileprivate func reaction(to text: String, on connection: Int) -> Reaction {
        let request = state.withLock { state in
            let request = Request(text: text, connection: connection, number: state.requests.count)
            state.requests.append(request)
            return request
        }
        return react(request)
    }
}

/// One connection of the server.
private final class Talk: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let server: ScriptedServer
    private var connection = 0
    private var text = ""

    init(server: ScriptedServer) { self.server = server }

    func channelActive(context: ChannelHandlerContext) { connection = server.accept(context.channel) }
    func channelInactive(context: ChannelHandlerContext) { server.closed(connection) }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        text += String(buffer: unwrapInboundIn(data))
        while let request = takeRequest() {
            switch server.reaction(to: request, on: connection) {
            case .say(let answer): say(answer, context: context)
            case .sayInPieces(let pieces): say(pieces[...], on: context.channel)
            case .sayAndClose(let answer):
                say(answer, context: context)
                context.close(promise: nil)
            case .close: context.close(promise: nil)
            case .nothing: break
            }
        }
    }

    private func say(_ answer: String, context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer)), promise: nil)
    }

    private func say(_ pieces: ArraySlice<String>, on channel: any Channel) {
        guard let first = pieces.first else { return }
        channel.writeAndFlush(ByteBuffer(string: first)).assumeIsolated().whenSuccess {
            // Sends the rest in a later turn of the event loop, because other connections share the loop.
            channel.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(2)) {
                self.say(pieces.dropFirst(), on: channel)
            }
        }
    }

    /// The first complete request in the received bytes, by its `Content-Length`.
    private func takeRequest() -> String? {
        guard let end = text.firstRange(of: "\r\n\r\n") else { return nil }
        let length =
            text[..<end.lowerBound].split(separator: "\r\n")
            .first { $0.lowercased().hasPrefix("content-length:") }
            .flatMap { Int($0.split(separator: ":")[1].trimmingPrefix(while: \.isWhitespace)) } ?? 0
        guard text[end.upperBound...].utf8.count >= length,
            let after = text.utf8.index(end.upperBound, offsetBy: length, limitedBy: text.endIndex)
        else { return nil }
        defer { text.removeSubrange(..<after) }
        return String(text[..<after])
    }
}
