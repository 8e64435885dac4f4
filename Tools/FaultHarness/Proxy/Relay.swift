import NIOCore

/// Carries bytes from one side of a proxied connection to the other, with the faults of the link.
final class Relay: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// Maximum number of slices of one portion; more take longer and show nothing new.
    private static let mostSlices = 256

    private let partner: any Channel
    private let isRequest: Bool
    private let proxy: FaultProxy
    private let replies = RedisReplies()
    /// Time at which all bytes so far have arrived.
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
        // A peer that has vanished closes nothing.
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

/// Finds the boundaries of Redis replies in a stream, so that one can be replaced without damage to the others.
final class RedisReplies {
    private var unread = ByteBuffer()

    /// Passes each complete reply to `body` and keeps the incomplete rest.
    ///
    /// - Returns: The bytes that replace the complete replies.
    func rewriting(_ buffer: ByteBuffer, _ body: (ByteBuffer) -> ByteBuffer) -> ByteBuffer {
        unread.writeImmutableBuffer(buffer)
        var result = ByteBuffer()
        while let length = Self.length(of: unread.readableBytesView), let reply = unread.readSlice(length: length) {
            // A message of a subscription is not a reply to a command.
            let isPush = reply.readableBytesView.starts(with: Array("*3\r\n$7\r\nmessage".utf8))
            result.writeImmutableBuffer(isPush ? reply : body(reply))
        }
        unread.discardReadBytes()
        return result
    }

    /// Returns the length of the first reply; `nil` if it is incomplete.
    private static func length(of bytes: ByteBufferView) -> Int? {
        guard let kind = bytes.first, let end = bytes.firstIndex(of: 0x0A) else { return nil }
        let head = bytes.distance(from: bytes.startIndex, to: end) + 1
        let text = String(decoding: bytes[bytes.index(after: bytes.startIndex)..<end], as: UTF8.self)
        let number = Int(text.filter { $0 == "-" || $0.isNumber }) ?? 0
        switch kind {
        case UInt8(ascii: "$"):
            let length = head + (number < 0 ? 0 : number + 2)
            return bytes.count >= length ? length : nil
        case UInt8(ascii: "*"):
            var total = head
            for _ in 0..<max(0, number) {
                guard
                    let length = length(of: bytes[bytes.index(bytes.startIndex, offsetBy: min(total, bytes.count))...])
                else { return nil }
                total += length
            }
            return total
        default: return head
        }
    }
}
