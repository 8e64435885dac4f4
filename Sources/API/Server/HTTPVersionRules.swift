import NIOCore
import NIOHTTP1

/// What RFC 9112 asks of a server and the library leaves out, as it no longer knows which version a caller speaks.
///
/// - A request of HTTP/1.1 says for whom it is, and none says it twice: two of us, such as a proxy and the daemon, could
///   read it differently.
/// - A caller of HTTP/1.0 knows nothing of chunks and of `100 Continue`, and its connection ends with the answer.
/// - `Connection: close` is a list of words, in letters of either size.
final class HTTPVersionRules: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// The versions of the requests that have not been answered yet, the oldest first.
    private var unanswered: [HTTPVersion] = []
    /// Whether what comes in is of no interest any more, because there was a request that is none.
    private var isOver = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isOver else { return }
        guard case .head(var head) = unwrapInboundIn(data) else { return context.fireChannelRead(data) }
        // Counted without a list of their values.
        let hosts = head.headers.lazy.filter { $0.name.utf8.count == 4 && $0.name.lowercased() == "host" }.count
        guard hosts == 1 || (hosts == 0 && head.version != .http1_1) else {
            isOver = true
            // The library answers 400 and closes.
            return context.fireErrorCaught(HTTPParserError.invalidHeaderToken)
        }
        unanswered.append(head.version)
        let isOld = head.version != .http1_1
        // Nearly all requests pass as they are.
        guard isOld || !head.isKeepAlive else { return context.fireChannelRead(data) }
        if isOld { head.headers.remove(name: "Expect") }
        // The library looks for just this word.
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
