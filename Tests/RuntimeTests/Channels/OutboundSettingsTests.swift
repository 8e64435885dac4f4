import Foundation
import OneShotHTTP
import TestSupport
import Testing

@testable import Runtime
@testable import Settings

/// The proxy and the certificates that the environment names.
struct OutboundSettingsTests {
    private static func proxy(for url: String, except direct: String) throws -> String? {
        let variables = Variables(["HTTPS_PROXY": "http://u:p@proxy.example:3128", "NO_PROXY": direct])
        return try OutboundSettings(variables).proxy(for: try #require(HTTPOrigin(url: url)))?.description
    }

    @Test(arguments: [
        "graph.facebook.com", ".facebook.com", "facebook.com", "*", "a, graph.facebook.com", "Graph.Facebook.COM",
        "graph.facebook.com:443", "facebook.com:443",
    ])
    func namedHostsAreReachedDirectly(direct: String) throws {
        #expect(try Self.proxy(for: "https://graph.facebook.com/v23.0", except: direct) == nil)
    }

    @Test(arguments: ["", "book.com", "graph.facebook.com:80", "example.com", "com."])
    func othersAreReachedThroughTheProxy(direct: String) throws {
        #expect(try Self.proxy(for: "https://graph.facebook.com/v23.0", except: direct) == "proxy.example:3128")
        #expect(try Self.proxy(for: "http://127.0.0.1:8090", except: direct) == nil, "only encrypted requests")
    }

    @Test func refusesWhatCannotBeUsed() throws {
        for (variables, words) in [
            (["HTTPS_PROXY": "socks5://u:hidden@proxy"], "HTTPS_PROXY: it is no address of an HTTP proxy"),
            (["SSL_CERT_FILE": "/nowhere.pem"], "SSL_CERT_FILE: `/nowhere.pem` has no certificates"),
        ] {
            let error = #expect(throws: ConfigurationError.self) { try OutboundSettings(Variables(variables)) }
            #expect(error?.description.hasPrefix(words) == true, "\(error?.description ?? "")")
            #expect(error?.description.contains("hidden") == false)
        }
        #expect(try OutboundSettings(Variables([:])).proxy == nil)
        #expect(try OutboundSettings(Variables(["https_proxy": "proxy:1"])).proxy?.description == "proxy:1")
    }

    @Test func secretsInFilesAreReadAgain() throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "secret-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }  // Temporary; the system removes it otherwise.
        try Data("first\n".utf8).write(to: file)
        let variables = Variables(["SECRET": "file:\(file.path)"])
        let secret = try Reloadable { () throws(ConfigurationError) in try variables.secret("SECRET") }
        #expect(secret.value == "first")
        try Data("second".utf8).write(to: file)
        #expect(secret.value == "first")
        try secret.reload()
        #expect(secret.value == "second")
        try Data().write(to: file)
        #expect(throws: ConfigurationError.self) { try secret.reload() }
        #expect(secret.value == "second")
        #expect(try Variables(["SECRET": "plain"]).secret("SECRET") == "plain")
    }
}
