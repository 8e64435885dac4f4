import Testing

@testable import OneShotHTTP

struct HTTPOriginTests {
    @Test(
        arguments: [
            ("https://graph.facebook.com/v23.0", true, "graph.facebook.com", 443, "graph.facebook.com"),
            ("http://127.0.0.1:8090/v23.0", false, "127.0.0.1", 8090, "127.0.0.1:8090"),
            ("HTTP://localhost", false, "localhost", 80, "localhost"),
            ("https://[::1]:8443", true, "::1", 8443, "[::1]:8443"),
            ("https://[::1]", true, "::1", 443, "[::1]"),
            ("https://a.example:443/", true, "a.example", 443, "a.example"),
        ]
    )
    func isTakenOutOfAnAddress(url: String, isSecure: Bool, host: String, port: Int, authority: String) throws {
        let origin = try #require(HTTPOrigin(url: url))
        #expect(origin.isSecure == isSecure)
        #expect((origin.host, origin.port, origin.authority) == (host, port, authority))
    }

    @Test(arguments: ["", "graph.facebook.com", "ftp://a", "http://", "https:///v23.0", "http://a b"])
    func isRefused(url: String) { #expect(HTTPOrigin(url: url) == nil) }

    @Test(arguments: [("https://127.0.0.1", nil), ("https://[::1]", nil), ("https://a.example", "a.example")])
    func addressesAreNoNamesForTLS(url: String, name: String?) throws {
        #expect(try #require(HTTPOrigin(url: url)).serverName == name)
    }
}
