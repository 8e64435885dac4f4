import Foundation

/// The address of an identity provider: https, or http on this machine, for tests and development.
package struct SecureAddress: Hashable, Sendable {
    /// The address as it was given; an issuer is compared with it letter by letter.
    package let text: String
    /// Scheme, host and port, in the form that browsers compare: `https://login.example.com`.
    package let origin: String

    /// Reads an address; `nil` if it is of another kind, or holds a user or anything that a header cannot.
    package init?(_ text: String) {
        guard let parts = URLComponents(string: text), let scheme = parts.scheme?.lowercased(),
            let host = parts.host?.lowercased(), host.wholeMatch(of: /[a-z0-9.\-]+|\[[0-9a-f:.]+\]/) != nil,
            parts.user == nil, parts.password == nil, parts.fragment == nil,
            text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { return nil }
        let isLocal = ["localhost", "127.0.0.1", "[::1]"].contains(host)
        guard scheme == "https" || scheme == "http" && isLocal else { return nil }
        let port = parts.port.flatMap { $0 == (scheme == "https" ? 443 : 80) ? nil : ":\($0)" } ?? ""
        self.text = text
        origin = "\(scheme)://\(host)\(port)"
    }

    /// The path and the query of requests to it.
    package var path: String {
        guard let parts = URLComponents(string: text) else { return "/" }
        let path = parts.percentEncodedPath.isEmpty ? "/" : parts.percentEncodedPath
        return path + (parts.percentEncodedQuery.map { "?\($0)" } ?? "")
    }
}
