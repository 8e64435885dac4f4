import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import OneShotHTTP
import TestSupport
import Testing

/// Encrypted connections: which are refused, and with which words.
@Suite(.timeLimit(.minutes(3)))
struct TLSTests {
    private static let fine = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    /// Returns why a server with a certificate is not written to.
    private static func refusal(
        _ certificate: TestCertificate,
        host: String = "localhost",
        trusting trusted: TestCertificate? = nil,
        newest: TLSVersion? = nil
    ) async throws -> String {
        var server = TLSConfiguration.makeServerConfiguration(
            certificateChain: try certificate.roots.map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(certificate.key.utf8), format: .pem))
        )
        server.minimumTLSVersion = .tlsv1
        server.maximumTLSVersion = newest
        var client = TLSConfiguration.makeClientConfiguration()
        client.minimumTLSVersion = .tlsv1
        if let trusted { client.trustRoots = .certificates(try trusted.roots) }
        var reason = ""
        let context = try NIOSSLContext(configuration: server)
        try await ScriptedServer.withServer(tls: context, react: { _ in .say(fine) }) { server, port in
            try await withPoster(host: host, port: port, scheme: "https", tls: client) { poster in
                reason = await poster.post(.small).unwrittenReason ?? ""
            }
            #expect(server.requests.isEmpty)
        }
        // The machine that compiled BoringSSL does not matter.
        #expect(!reason.contains("/") && !reason.contains("SSL ") && !reason.contains("Error"), "\(reason)")
        return reason
    }

    @Test func oldVersionsAreRefused() async throws {
        let certificate = try TestCertificate()
        for version in [TLSVersion.tlsv1, .tlsv11] {
            let reason = try await Self.refusal(certificate, trusting: certificate, newest: version)
            #expect(reason.hasSuffix("TLS: it speaks no TLS 1.2 or newer"), "\(reason)")
        }
    }

    @Test func wrongCertificatesAreNamed() async throws {
        let other = try TestCertificate(host: "graph.example")
        let mismatch = try await Self.refusal(other, trusting: other)
        #expect(mismatch.hasSuffix("TLS: its certificate is for another name than localhost: check the address"))

        let old = try TestCertificate(from: -86_400 * 3, until: -86_400)
        let expired = try await Self.refusal(old, trusting: old)
        #expect(expired.contains("TLS: its certificate expired on 20"), "\(expired)")

        let new = try TestCertificate(from: 86_400, until: 86_400 * 2)
        let early = try await Self.refusal(new, trusting: new)
        #expect(early.contains("check the clock of this machine"), "\(early)")

        let certificate = try TestCertificate()
        for trusted in [nil, try TestCertificate()] {
            let unknown = try await Self.refusal(certificate, trusting: trusted)
            #expect(unknown.contains("the issuer of its certificate is unknown"), "\(unknown)")
        }
    }

    @Test func aServerWithoutTLSIsNamed() async throws {
        try await ScriptedServer.withServer(react: { _ in .nothing }) { server, port in
            try await withPoster(port: port, scheme: "https") { poster in
                async let outcome = poster.post(.small)
                try await eventually("it is connected") { server.open == 1 }
                server.blurt("HTTP/1.1 400 Bad Request\r\n\r\n")
                let reason = await outcome.unwrittenReason ?? ""
                #expect(reason.contains("it does not speak TLS on this port"), "\(reason)")
            }
        }
    }

    @Test func certificatesOfAFileAreTrusted() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "roots-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }  // Temporary; the system removes it otherwise.
        let certificate = try TestCertificate()
        try certificate.write(to: folder)
        var configuration = HTTPPosterConfiguration()
        try configuration.trust(certificatesIn: folder.appending(path: "chain.pem").path)
        let context = try certificate.serverContext()
        try await ScriptedServer.withServer(tls: context, react: { _ in .say(Self.fine) }) { _, port in
            try await withPoster(host: "localhost", port: port, scheme: "https", tls: configuration.tls) { poster in
                #expect(await poster.post(.small).answer?.status == 200)
            }
        }
        #expect(throws: UnusableCertificates.self) {
            try configuration.trust(certificatesIn: folder.appending(path: "key.pem").path)
        }
        #expect(throws: UnusableCertificates.self) { try configuration.trust(certificatesIn: "/nowhere") }
    }
}

/// Connections through a proxy.
@Suite(.timeLimit(.minutes(3)))
struct ProxyTests {
    private static let fine = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    @Test(arguments: [
        ("http://proxy.example:3128", "proxy.example:3128"), ("proxy.example:3128", "proxy.example:3128"),
        ("http://user:p%40ss@proxy.example", "proxy.example:80"), ("http://[::1]:8080/", "[::1]:8080"),
    ])
    func readsAddresses(url: String, expected: String) {
        #expect(HTTPProxy(url: url)?.description == expected)
    }

    @Test(arguments: ["https://proxy.example", "socks5://proxy.example:1", "http://", "http://proxy.example/path", ""])
    func refusesOtherAddresses(url: String) {
        #expect(HTTPProxy(url: url) == nil)
    }

    @Test func encryptedRequestsGoThroughATunnel() async throws {
        let certificate = try TestCertificate()
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.trustRoots = .certificates(try certificate.roots)
        let context = try certificate.serverContext()
        try await ScriptedServer.withServer(tls: context, react: { _ in .say(Self.fine) }) { server, port in
            try await TestProxy.with(answer: "HTTP/1.1 200 Connection established\r\n\r\n") { proxy, address in
                try await withPoster(
                    host: "localhost",
                    port: port,
                    scheme: "https",
                    tls: tls,
                    proxy: HTTPProxy(url: "http://user:secret@\(address)"),
                    loops: .one
                ) { poster in
                    for _ in 0..<3 { #expect(await poster.post(.small).answer?.text == "ok") }
                }
                #expect(server.requests.count == 3 && server.accepted == 1)
                let head = "CONNECT localhost:\(port) HTTP/1.1\r\nHost: localhost:\(port)\r\n"
                let credentials = "Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\n\r\n"
                #expect(proxy.requests == [head + credentials])
            }
        }
    }

    @Test(arguments: [
        ("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "asks for a user and a password (407)"),
        ("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", "refuses the connection (403)"),
        ("SSH-2.0-OpenSSH\r\n\r\n", "does not answer like an HTTP proxy"),
    ])
    func aRefusalOfTheProxyIsNoAttempt(answer: String, expected: String) async throws {
        try await TestProxy.with(answer: answer) { _, address in
            let proxy = HTTPProxy(url: "http://user:secret@\(address)")
            try await withPoster(host: "localhost", port: 9, scheme: "https", proxy: proxy) { poster in
                let reason = await poster.post(.small).unwrittenReason ?? ""
                #expect(reason.contains("the proxy \(address) \(expected)"), "\(reason)")
                #expect(!reason.contains("secret"))
            }
        }
        let nowhere = HTTPProxy(url: "127.0.0.1:1")
        try await withPoster(host: "localhost", port: 9, scheme: "https", proxy: nowhere) { poster in
            let reason = await poster.post(.small).unwrittenReason ?? ""
            #expect(reason == "cannot connect to the proxy 127.0.0.1:1: connection refused")
        }
    }
}
