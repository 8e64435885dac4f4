import Foundation
import NIOCore

/// An HTTP proxy that opens a tunnel to the server (CONNECT, RFC 9110 §9.3.6), through which TLS passes unread.
public struct HTTPProxy: Hashable, Sendable, CustomStringConvertible {
    public let host: String
    public let port: Int
    /// The value of `Proxy-Authorization`, a secret; `nil` without a user.
    package let authorization: String?

    /// Reads an address; `nil` if it is not one of an HTTP proxy.
    ///
    /// - Parameter url: Like `http://user:password@proxy.example:3128`, with or without the scheme; reserved characters in
    ///   user and password are percent-encoded. The port is 80 by default.
    public init?(url: String) {
        guard let parts = URLComponents(string: url.contains("://") ? url : "http://" + url),
            parts.scheme?.lowercased() == "http", var host = parts.host, !host.isEmpty, ["", "/"].contains(parts.path),
            parts.query == nil
        else { return nil }
        if host.hasPrefix("[") && host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        self.host = host
        port = parts.port ?? 80
        authorization = parts.user.map { user in
            "Basic " + Data("\(user):\(parts.password ?? "")".utf8).base64EncodedString()
        }
    }

    /// The address, without user and password.
    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// Returns the request for a tunnel.
    func request(for origin: HTTPOrigin) -> String {
        let server = origin.host.contains(":") ? "[\(origin.host)]:\(origin.port)" : "\(origin.host):\(origin.port)"
        let credentials = authorization.map { "Proxy-Authorization: \($0)\r\n" } ?? ""
        return "CONNECT \(server) HTTP/1.1\r\nHost: \(server)\r\n\(credentials)\r\n"
    }
}

/// The proxy answered, and opens no tunnel.
struct ProxyRefusal: Error, CustomStringConvertible {
    /// The status; `nil` if the answer is none of HTTP.
    let status: Int?

    var description: String { "the proxy \(words)" }

    /// The error and its remedy, as words after "the proxy".
    var words: String {
        switch status {
        case 407: "asks for a user and a password (407): HTTPS_PROXY takes them, as in http://user:password@host:port"
        case let status?: "refuses the connection (\(status)): allow the address there, or name it in NO_PROXY"
        case nil: "does not answer like an HTTP proxy: check HTTPS_PROXY"
        }
    }
}

/// Asks the proxy for a tunnel on a new connection, and then makes room for what speaks through it.
final class ProxyTunnel: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// The most bytes of an answer without a body.
    private static let largestAnswer = 16 * 1024

    private let request: String
    private let opened: (ProxyTunnel) throws -> Void
    private var answer = ""
    private var isOver = false

    /// Makes a tunnel.
    ///
    /// - Parameters:
    ///   - request: The request for it.
    ///   - opened: Adds the other handlers after this one, which is removed then.
    init(request: String, opened: @escaping (ProxyTunnel) throws -> Void) {
        (self.request, self.opened) = (request, opened)
    }

    func channelActive(context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: request)), promise: nil)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isOver else { return context.fireChannelRead(data) }
        // Servers of TLS wait for the client, so nothing follows the answer before we have written.
        answer += String(buffer: unwrapInboundIn(data))
        guard answer.contains("\r\n\r\n") else {
            if answer.utf8.count > Self.largestAnswer { end(context, ProxyRefusal(status: nil)) }
            return
        }
        let words = answer.prefix { !$0.isNewline }.split(separator: " ")
        let status = words.first?.hasPrefix("HTTP/") == true && words.count > 1 ? Int(words[1]) : nil
        guard let status, (200..<300).contains(status) else { return end(context, ProxyRefusal(status: status)) }
        isOver = true
        do {
            try opened(self)
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
        } catch {
            context.fireErrorCaught(error)
        }
    }

    private func end(_ context: ChannelHandlerContext, _ error: any Error) {
        isOver = true
        context.fireErrorCaught(error)
    }
}
