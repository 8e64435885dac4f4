import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Opens connections of one event loop to one server.
struct Connector: Sendable {
    let origin: HTTPOrigin
    /// `nil` when connections are not encrypted.
    let security: NIOSSLContext?
    let loop: any EventLoop
    let configuration: HTTPPosterConfiguration

    /// The proxy of encrypted connections; `nil` without one.
    private var proxy: HTTPProxy? { security == nil ? nil : configuration.proxy }

    /// Makes the runtime instantiate the type of the decoder once.
    ///
    /// Swift 6.3.1 crashes now and then when two threads need a generic type over a generic class for the first time at
    /// once (`swift_checkMetadataState` of a superclass that is not there yet), as event loops do.
    static let hasTypes: Bool = {
        _ = ByteToMessageHandler(HTTPResponseDecoder())
        return true
    }()

    /// Opens a TCP connection for a pool of the loop; the tunnel of a proxy and the TLS handshake follow.
    func connect(for pool: ConnectionPool) -> EventLoopFuture<PostConnection> {
        let pool = NIOLoopBound(pool, eventLoop: loop)
        // A name with several addresses has several channels until the first is connected.
        return ClientBootstrap(group: loop)
            .connectTimeout(TimeAmount(configuration.connectTimeout))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try prepare(channel, for: pool.value) }
            }
            .connect(host: proxy?.host ?? origin.host, port: proxy?.port ?? origin.port)
            .flatMapThrowing { try $0.pipeline.syncOperations.handler(type: PostConnection.self) }
    }

    private func prepare(_ channel: any Channel, for pool: ConnectionPool) throws {
        let pipeline = channel.pipeline.syncOperations
        let connection = PostConnection(channel: channel, pool: pool)
        if let proxy {
            let tunnel = ProxyTunnel(request: proxy.request(for: origin)) { [weak connection] tunnel in
                try pipeline.addHandlers(try handlers(for: connection), position: .after(tunnel))
            }
            try pipeline.addHandler(tunnel)
        } else {
            try pipeline.addHandlers(try handlers(for: connection))
        }
        try pipeline.addHandler(connection)
    }

    /// Returns the handlers between the bytes and a connection.
    private func handlers(for connection: PostConnection?) throws -> [any ChannelHandler] {
        let http: [any ChannelHandler] = [
            HTTPRequestEncoder(), ByteToMessageHandler(HTTPResponseDecoder(leftOverBytesStrategy: .dropBytes)),
        ]
        guard let security else { return http }
        let encryption = try NIOSSLClientHandler.watched(context: security, serverName: origin.serverName) {
            [weak connection] certificate in
            connection?.rejected = UntrustedCertificate(certificate)
        }
        return [encryption] + http
    }

    /// Describes why a connection did not open.
    func explain(_ error: any Error) -> String {
        let place = "\(origin.host):\(origin.port)"
        switch error {
        case let error as NIOConnectionError:
            let server = proxy.map { "the proxy \($0)" } ?? place
            if let first = error.connectionErrors.first {
                return "cannot connect to \(server): \(reason(of: first.error))"
            }
            return "cannot connect to \(server): the name has no address"
        case let error as ProxyRefusal:
            return "cannot connect to \(place): the proxy \(proxy.map { "\($0) " } ?? "")\(error.words)"
        default: return "cannot connect to \(place): \(reason(of: error))"
        }
    }

    /// Describes an error of a connection in words.
    func reason(of error: any Error) -> String {
        if let words = TLSFailure.words(of: error, host: origin.host) { return "TLS: \(words)" }
        return switch error {
        case let error as IOError where error.errnoCode == ECONNREFUSED: "connection refused"
        case let error as IOError where error.errnoCode == ECONNRESET: "the connection was reset"
        case ChannelError.connectTimeout: "no connection within \(configuration.connectTimeout)"
        case ChannelError.eof: "the connection was closed"
        default: "\(error)"
        }
    }
}

/// An HTTP server: its address and the `Host` of requests to it.
public struct HTTPOrigin: Hashable, Sendable {
    /// True if connections are encrypted.
    public let isSecure: Bool
    /// A name or an address; one of IPv6 without its brackets.
    public let host: String
    public let port: Int

    /// Reads the server of a URL; `nil` if it is not an http or https URL with a host.
    ///
    /// - Parameter url: Like `https://graph.facebook.com/v23.0`; what follows the port is left to the caller.
    public init?(url: String) {
        guard let parts = URLComponents(string: url), let scheme = parts.scheme?.lowercased(),
            ["http", "https"].contains(scheme), var host = parts.host, !host.isEmpty
        else { return nil }
        if host.hasPrefix("[") && host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        isSecure = scheme == "https"
        self.host = host
        port = parts.port ?? (isSecure ? 443 : 80)
    }

    /// The value of `Host`: the port only where it is not the scheme's own.
    var authority: String {
        let name = isIPv6 ? "[\(host)]" : host
        return port == (isSecure ? 443 : 80) ? name : "\(name):\(port)"
    }

    /// The server name for TLS (SNI); `nil` for an address.
    var serverName: String? { isIPv6 || isIPv4 ? nil : host }

    private var isIPv6: Bool { host.contains(":") }
    private var isIPv4: Bool { !host.isEmpty && host.utf8.allSatisfy { $0 == 0x2E || (0x30...0x39).contains($0) } }
}
