import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOHTTPCompression

/// Compresses bytes with the compressor of NIO, which works on responses in a channel.
enum Gzip {
    /// Returns the bytes in the format of gzip (RFC 1952).
    static func compress(_ bytes: ByteBuffer) -> ByteBuffer {
        let channel = EmbeddedChannel(handler: HTTPResponseCompressor())
        let request = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/", headers: ["accept-encoding": "gzip"])
        do {
            try channel.writeInbound(HTTPServerRequestPart.head(request))
            // The channel writes what belongs together at the flush, so the body is compressed as a whole.
            channel.write(HTTPServerResponsePart.head(.init(version: .http1_1, status: .ok)), promise: nil)
            channel.write(HTTPServerResponsePart.body(.byteBuffer(bytes)), promise: nil)
            try channel.writeAndFlush(HTTPServerResponsePart.end(nil)).wait()
            var compressed = ByteBuffer()
            while let part = try channel.readOutbound(as: HTTPServerResponsePart.self) {
                if case .body(.byteBuffer(var body)) = part { compressed.writeBuffer(&body) }
            }
            _ = try channel.finish()
            return compressed
        } catch {
            preconditionFailure("an embedded channel neither loses parts nor fails: \(error)")
        }
    }
}
