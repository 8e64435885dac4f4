package import Settings

/// The way of requests to the outside: the proxy, and the certificates that are trusted.
package struct OutboundSettings: Sendable {
    /// A file of certificates in PEM to trust instead of the system's; `nil` for the system's.
    package var certificateFile: String?
    package var proxy: HTTPProxy?
    /// The hosts that are reached directly, in lower case; see ``init(_:)``.
    var direct: [String] = []

    /// True if samples behind links are also read from this machine and its network; for tests.
    package var allowsPrivateLinks = false

    package init() {}

    /// Reads `SSL_CERT_FILE`, `PRIVATE_LINKS`, `HTTPS_PROXY` and `NO_PROXY`; the latter two also in lower case, as curl does.
    ///
    /// - Throws: ``ConfigurationError`` if there are no certificates in the file, or the proxy is none of HTTP.
    package init(_ variables: Variables) throws(ConfigurationError) {
        allowsPrivateLinks = try variables.isOn("PRIVATE_LINKS") ?? false
        if let path = variables["SSL_CERT_FILE"] {
            certificateFile = path
            do throws(UnusableCertificates) {
                var configuration = HTTPPosterConfiguration()
                try configuration.trust(certificatesIn: path)
            } catch {
                throw .malformed("SSL_CERT_FILE", problem: "\(error)")
            }
        }
        if let url = variables["HTTPS_PROXY"] ?? variables["https_proxy"] {
            guard let proxy = HTTPProxy(url: url) else {
                // The address may hold a password.
                throw .malformed(
                    "HTTPS_PROXY",
                    problem: "it is no address of an HTTP proxy; example: http://user:password@proxy.example:3128"
                )
            }
            self.proxy = proxy
        }
        direct = (variables["NO_PROXY"] ?? variables["no_proxy"] ?? "").split { $0 == "," || $0.isWhitespace }
            .map { $0.lowercased() }
    }

    /// Returns the proxy for a server.
    ///
    /// `NO_PROXY` lists hosts: `example.com` and `.example.com` mean the domain and everything below it, `host:443` one
    /// port, and `*` everything.
    package func proxy(for origin: HTTPOrigin) -> HTTPProxy? {
        guard origin.isSecure, let proxy else { return nil }
        let host = origin.host.lowercased()
        let isDirect = direct.contains { entry in
            if entry == "*" || entry == host { return true }
            let name = entry.hasSuffix(":\(origin.port)") ? String(entry.dropLast("\(origin.port)".count + 1)) : entry
            return host == name || host.hasSuffix(name.hasPrefix(".") ? name : "." + name)
                || name.hasPrefix(".") && host == name.dropFirst()
        }
        return isDirect ? nil : proxy
    }
}
