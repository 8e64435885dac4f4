import HTTPTypes
package import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1

extension HTTPServerBuilder {
    /// Creates the type of the decoder before event loops need it.
    ///
    /// Two event loops that create it at once for the first time may crash Swift 6.3.1.
    private static let hasTypes: Bool = {
        _ = ByteToMessageHandler(HTTPRequestDecoder())
        return true
    }()

    /// Makes the daemon's server: HTTP/1.1, and HTTP/1.0 for callers that use it.
    ///
    /// - Parameter idleTimeout: The time that a connection may be idle, that the body of a request may take, and that a
    ///   caller may leave an answer unread.
    /// - Returns: The server, without TLS.
    package static func daemon(idleTimeout: Duration) -> HTTPServerBuilder {
        precondition(hasTypes)
        let limit = TimeAmount(idleTimeout)
        return HTTPServerBuilder { responder in
            DaemonChannel(
                writeLimit: limit,
                inner: HTTP1Channel(
                    responder: { request, writer, channel in
                        if request.expectsContinue {
                            try await writer.writeInformationalHead(.init(status: .continue))
                        }
                        try await responder(request, writer, channel)
                    },
                    configuration: .init(additionalChannelHandlers: [RequestTimeLimit(limit)], idleTimeout: limit)
                )
            )
        }
    }
}

extension Request {
    /// True if the caller sends the body only after `100 Continue` (RFC 9110, 10.1.1), and the body is not too large.
    fileprivate var expectsContinue: Bool {
        guard headers[.expect]?.lowercased() == "100-continue" else { return false }
        return (headers[.contentLength].flatMap { Int($0) } ?? 0) <= WebhookEndpoints.largestBody
    }
}

/// A connection of Hummingbird with ``HTTPVersionRules`` added, where messages still have their version.
private struct DaemonChannel: ServerChildChannel {
    let writeLimit: TimeAmount
    let inner: HTTP1Channel

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
        inner.setup(channel: channel, logger: logger).flatMapThrowing { value in
            let pipeline = channel.pipeline.syncOperations
            let codec = try pipeline.handler(type: HTTP1ToHTTPServerCodec.self)
            try pipeline.addHandler(HTTPVersionRules(), position: .before(codec))
            try pipeline.addHandler(UnreadAnswerLimit(writeLimit), position: .first)
            return value
        }
    }

    func handle(value: HTTP1Channel.Value, logger: Logger) async {
        await inner.handle(value: value, logger: logger)
    }
}

/// Rules of RFC 9112 that Hummingbird leaves out, because it does not know the HTTP version of the caller.
///
/// - A request of HTTP/1.1 has one `Host` field. With two, a proxy and the daemon could read the request differently.
/// - A caller of HTTP/1.0 knows neither chunked bodies nor `100 Continue`, and its connection ends with the answer.
/// - `Connection: close` is a case-insensitive list of options.
private final class HTTPVersionRules: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// The versions of the unanswered requests, oldest first.
    private var unanswered: [HTTPVersion] = []
    /// True after an invalid request: the rest of the input is ignored.
    private var isOver = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isOver else { return }
        guard case .head(var head) = unwrapInboundIn(data) else { return context.fireChannelRead(data) }
        // Counts without building a list of the values.
        let hosts = head.headers.lazy.filter { $0.name.utf8.count == 4 && $0.name.lowercased() == "host" }.count
        guard hosts == 1 || (hosts == 0 && head.version != .http1_1) else {
            isOver = true
            // Hummingbird answers 400 and closes the connection.
            return context.fireErrorCaught(HTTPParserError.invalidHeaderToken)
        }
        unanswered.append(head.version)
        let isOld = head.version != .http1_1
        // Nearly all requests need no change.
        guard isOld || !head.isKeepAlive else { return context.fireChannelRead(data) }
        if isOld { head.headers.remove(name: "Expect") }
        // Hummingbird compares the whole field with this word.
        head.headers.replaceOrAdd(name: "Connection", value: "close")
        context.fireChannelRead(wrapInboundOut(.head(head)))
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(var head) where unanswered.first.map { $0 != .http1_1 } ?? false:
            head.version = .http1_0
            head.headers.replaceOrAdd(name: "Connection", value: "close")
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .end:
            if !unanswered.isEmpty { unanswered.removeFirst() }
            context.write(data, promise: promise)
        case .head, .body:
            context.write(data, promise: promise)
        }
    }
}

/// Closes connections with a request that takes too long.
///
/// A caller that sends a few bytes now and then is never idle, so the time limit is that of the whole body. It also
/// applies after the answer, while the rest of the body is discarded.
private final class RequestTimeLimit: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart

    private let limit: TimeAmount
    private var deadline = NIODeadline.distantFuture

    init(_ limit: TimeAmount) {
        self.limit = limit
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head: deadline = .now() + limit
        case .body where NIODeadline.now() > deadline: return context.close(promise: nil)
        case .body, .end: break
        }
        context.fireChannelRead(data)
    }
}

/// Closes connections whose caller does not read its answers.
///
/// Such a connection is not idle, because the server still has something to write, and each would hold an answer in
/// memory for ever. A caller that reads slowly is left alone.
private final class UnreadAnswerLimit: ChannelOutboundHandler, RemovableChannelHandler {
    typealias OutboundIn = NIOAny
    typealias OutboundOut = NIOAny

    private let interval: TimeAmount
    private var isWatching = false
    /// The bytes that waited at the last look.
    private var waiting = 0

    /// Makes a limit; a connection is closed after one to one and a half times as long.
    init(_ limit: TimeAmount) {
        interval = .nanoseconds(max(1, limit.nanoseconds / 2))
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        context.write(data, promise: promise)
        guard !isWatching else { return }
        isWatching = true
        waiting = 0
        lookLater(context, looks: 0)
    }

    /// Looks at intervals while something waits to be written; `looks` in a row have found the same bytes waiting.
    private func lookLater(_ context: ChannelHandlerContext, looks: Int) {
        context.eventLoop.assumeIsolated().scheduleTask(in: interval) {
            guard context.channel.isActive else { return }
            // A channel without the option writes at once.
            let bytes = (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
            guard bytes > 0 else {
                self.isWatching = false
                return
            }
            let looks = bytes == self.waiting ? looks + 1 : 0
            self.waiting = bytes
            if looks >= 2 { return context.close(promise: nil) }
            self.lookLater(context, looks: looks)
        }
    }
}
