import Foundation

/// A server of HTTP: where connections go, and what the `Host` of requests is.
public struct HTTPOrigin: Hashable, Sendable {
    /// Whether connections are encrypted.
    public let isSecure: Bool
    /// A name or an address; one of IPv6 without its brackets.
    public let host: String
    public let port: Int

    /// Takes the server out of an address; `nil` when that is not one of http or https with a host.
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

    /// What TLS asks the server to be, which cannot be an address.
    var serverName: String? { isIPv6 || isIPv4 ? nil : host }

    private var isIPv6: Bool { host.contains(":") }
    private var isIPv4: Bool { !host.isEmpty && host.utf8.allSatisfy { $0 == 0x2E || (0x30...0x39).contains($0) } }
}
