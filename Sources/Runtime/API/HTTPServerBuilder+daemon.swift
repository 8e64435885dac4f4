import HTTPTypes
import HummingbirdCore
import NIOCore

extension HTTPServerBuilder {
    /// HTTP/1.1 as the daemon speaks it, and HTTP/1.0 to callers who do.
    ///
    /// - Parameter idleTimeout: How long a caller may say nothing, and how long the body of a request may take.
    /// - Returns: The server, without TLS.
    static func daemon(idleTimeout: Duration) -> HTTPServerBuilder {
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
