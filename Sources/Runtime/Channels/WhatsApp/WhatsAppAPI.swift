package import OneShotHTTP
package import Settings

/// Where the WhatsApp Cloud API is.
public struct WhatsAppAPI: Hashable, Sendable {
    /// The Graph API, with the version that this program was written against.
    public static let defaultURL = "https://graph.facebook.com/v23.0"

    package let origin: HTTPOrigin
    /// What its paths begin with, the version: `/v23.0`; empty for none.
    let basePath: String

    /// Takes an address apart.
    ///
    /// - Parameter url: With the version, and without a slash at the end: `https://graph.facebook.com/v23.0`.
    /// - Throws: ``ConfigurationError`` when it is no address of a server.
    package init(url: String) throws(ConfigurationError) {
        guard let origin = HTTPOrigin(url: url) else {
            throw .malformed(
                "WHATSAPP_API_URL",
                problem: "`\(url)` is no http or https address; example: \(Self.defaultURL)"
            )
        }
        self.origin = origin
        let afterScheme = url.split(separator: "://", maxSplits: 1).last ?? ""
        basePath = afterScheme.firstIndex(of: "/").map { String(afterScheme[$0...]) } ?? ""
    }
}
