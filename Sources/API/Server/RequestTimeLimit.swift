import NIOCore
import NIOHTTPTypes

/// Closes connections whose request does not come to its end.
///
/// Whoever sends a little now and then is never idle, so it is the whole body that has its time, also one that is no
/// longer of interest because its answer has been given.
final class RequestTimeLimit: ChannelInboundHandler, RemovableChannelHandler {
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
