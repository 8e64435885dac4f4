import NIOCore

/// Carries bytes from one side of a proxied connection to the other, as well as the link is able to.
final class Relay: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// Slicing more of a portion than this takes longer and shows nothing new.
    private static let mostSlices = 256

    private let partner: any Channel
    private let isRequest: Bool
    private let proxy: FaultProxy
    private let replies = RedisReplies()
    /// When everything handed over so far has arrived.
    private var free = NIODeadline.now()

    init(to partner: any Channel, isRequest: Bool, proxy: FaultProxy) {
        self.partner = partner
        self.isRequest = isRequest
        self.proxy = proxy
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        let fault = proxy.fault
        if isRequest ? fault.dropsRequests : fault.dropsReplies { return }
        if !isRequest, fault.cutShare > 0, proxy.roll() < fault.cutShare {
            FaultProxy.reset(partner)
            return context.close(promise: nil)
        }
        if !isRequest, fault.rewriteShare > 0 {
            buffer = replies.rewriting(buffer) { reply in
                guard self.proxy.roll() < fault.rewriteShare else { return reply }
                return ByteBuffer(string: fault.rewritten[self.proxy.pick(0...fault.rewritten.count - 1)])
            }
            if buffer.readableBytes == 0 { return }
        }
        forward(buffer, fault: fault, on: context.eventLoop)
    }

    private func forward(_ buffer: ByteBuffer, fault: LinkFault, on loop: any EventLoop) {
        let now = NIODeadline.now()
        var due = max(now, free)
        if fault.latency.upperBound > 0 {
            due = max(now + .milliseconds(Int64(proxy.pick(fault.latency))), free)
        }
        if let bytesPerSecond = fault.bytesPerSecond {
            due = due + .microseconds(Int64(buffer.readableBytes * 1_000_000 / max(1, bytesPerSecond)))
        }
        free = due
        let partner = partner
        let portions = fault.isSliced ? Self.slices(of: buffer) : [buffer]
        if due <= now { return Self.write(portions, to: partner) }
        loop.scheduleTask(deadline: due) { Self.write(portions, to: partner) }
    }

    private static func write(_ portions: [ByteBuffer], to partner: any Channel) {
        for portion in portions { partner.writeAndFlush(portion, promise: nil) }
    }

    private static func slices(of buffer: ByteBuffer) -> [ByteBuffer] {
        var rest = buffer
        var slices: [ByteBuffer] = []
        while slices.count < mostSlices, let slice = rest.readSlice(length: 1) { slices.append(slice) }
        if rest.readableBytes > 0 { slices.append(rest) }
        return slices
    }

    func channelInactive(context: ChannelHandlerContext) {
        // A peer that has vanished does not say goodbye.
        if !proxy.fault.losesBytes {
            let partner = partner
            context.eventLoop.scheduleTask(deadline: max(.now(), free)) { partner.close(promise: nil) }
        }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        FaultProxy.reset(partner)
        context.close(promise: nil)
    }
}
