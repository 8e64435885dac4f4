import HTTPTypes
package import HummingbirdCore
import NIOCore
import NIOHTTP1

extension HTTPServerBuilder {
    /// Has the runtime make the type of the decoder before event loops need it.
    ///
    /// Two of them making it at once for the first time may crash Swift 6.3.1.
    private static let hasTypes: Bool = {
        _ = ByteToMessageHandler(HTTPRequestDecoder())
        return true
    }()

    /// HTTP/1.1 as the daemon speaks it, and HTTP/1.0 to callers who do.
    ///
    /// - Parameter idleTimeout: How long a caller may say nothing, and how long the body of a request may take.
    /// - Returns: The server, without TLS.
    package static func daemon(idleTimeout: Duration) -> HTTPServerBuilder {
        precondition(hasTypes)
        let limit = TimeAmount(idleTimeout)
        return HTTPServerBuilder { responder in
            DaemonChannel(
                inner: HTTP1Channel(
                    responder: { request, writer, channel in
                        if request.waitsWithItsBody {
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
    /// Whether the caller sends the body once it is told that it will be read (RFC 9110, 10.1.1), and it can be.
    fileprivate var waitsWithItsBody: Bool {
        guard headers[.expect]?.lowercased() == "100-continue" else { return false }
        return (headers[.contentLength].flatMap { Int($0) } ?? 0) <= WebhookRoutes.largestBody
    }
}
