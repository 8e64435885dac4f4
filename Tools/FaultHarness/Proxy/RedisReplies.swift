import NIOCore

/// Finds the borders of Redis replies in a stream, so that one can be replaced without breaking those around it.
final class RedisReplies {
    private var unread = ByteBuffer()

    /// Hands each complete reply to `body`, and keeps the incomplete rest.
    ///
    /// - Returns: What takes the place of the complete replies.
    func rewriting(_ buffer: ByteBuffer, _ body: (ByteBuffer) -> ByteBuffer) -> ByteBuffer {
        unread.writeImmutableBuffer(buffer)
        var result = ByteBuffer()
        while let length = Self.length(of: unread.readableBytesView), let reply = unread.readSlice(length: length) {
            // A message of a subscription is no reply to anything.
            let isPush = reply.readableBytesView.starts(with: Array("*3\r\n$7\r\nmessage".utf8))
            result.writeImmutableBuffer(isPush ? reply : body(reply))
        }
        unread.discardReadBytes()
        return result
    }

    /// The length of the first reply; `nil` when it is not complete.
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
