import Foundation
import NIOSSL
import OneShotHTTP
import Synchronization
import TestSupport
import Testing

@testable import AccessTokens
@testable import Daemon
@testable import Runtime
@testable import Settings

/// The keys of an identity provider, fetched over HTTPS from a server of the test.
@Suite(.timeLimit(.minutes(3)))
struct KeyFetcherTests {
    /// A provider on this machine, with a certificate that the daemon trusts by `SSL_CERT_FILE`.
    private struct Provider: Sendable {
        let server: ScriptedServer
        let port: Int
        let certificateFile: String

        var issuer: String { "https://localhost:\(port)" }

        func description(_ changes: [String: String] = [:]) throws -> String {
            let fields = [
                "issuer": issuer, "jwks_uri": issuer + "/keys", "authorization_endpoint": issuer + "/authorize",
                "token_endpoint": issuer + "/token",
            ]
            let data = try JSONSerialization.data(withJSONObject: fields.merging(changes) { $1 })
            return String(decoding: data, as: UTF8.self)
        }

        /// Reads settings as a daemon does, and makes the service that fetches their keys.
        func fetcher(_ variables: [String: String]? = nil, trusts: Bool = true) throws -> (TokenSettings, KeyFetcher) {
            let variables = variables ?? ["OIDC_ISSUER": issuer, "OIDC_CLIENT_ID": "ui"]
            let settings = try #require(try TokenSettings.read(Variables(variables)))
            let outbound = try OutboundSettings(Variables(trusts ? ["SSL_CERT_FILE": certificateFile] : [:]))
            let keys = try #require(settings.remoteKeys.first)
            var fetcher = KeyFetcher(keys: keys, outbound: outbound, logger: TestDatabase.logger)
            fetcher.timeout = .seconds(2)
            return (settings, fetcher)
        }
    }

    private static func answer(_ body: String, status: String = "200 OK", headers: String = "") -> String {
        "HTTP/1.1 \(status)\r\nContent-Type: application/json\r\n\(headers)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    /// Runs a provider whose answers by path the test sets.
    private static func withProvider(
        _ body: (Provider, _ answers: Answers) async throws -> Void
    ) async throws {
        let certificate = try TestCertificate()
        let folder = FileManager.default.temporaryDirectory.appending(path: "provider-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }  // Temporary; the system removes it otherwise.
        try certificate.write(to: folder)
        let answers = Answers()
        try await ScriptedServer.withServer(
            tls: try certificate.serverContext(),
            react: { answers.to($0.path) }
        ) { server, port in
            let file = folder.appending(path: "chain.pem").path
            try await body(Provider(server: server, port: port, certificateFile: file), answers)
        }
    }

    private final class Answers: Sendable {
        private let all = Mutex<[String: ScriptedServer.Reaction]>([:])

        func set(_ path: String, _ reaction: ScriptedServer.Reaction) { all.withLock { $0[path] = reaction } }

        func set(_ provider: Provider, _ description: [String: String] = [:], keys: TestSigner...) throws {
            let text = #"{"keys":[\#(keys.map(\.entry).joined(separator: ","))]}"#
            set("/.well-known/openid-configuration", .say(answer(try provider.description(description))))
            set("/keys", .say(answer(text, headers: "Cache-Control: max-age=3600\r\n")))
        }

        func to(_ path: String) -> ScriptedServer.Reaction {
            all.withLock { $0[path] } ?? .say(answer("", status: "404 Not Found"))
        }
    }

    private static func caller(
        _ signer: TestSigner,
        _ provider: Provider,
        _ settings: TokenSettings
    ) async throws -> Caller {
        let claims = ["iss": provider.issuer, "aud": "ui", "sub": "jane", "tenantId": "acme"]
        let verifier = TokenVerifier(settings: settings)
        return try await verifier.caller(of: try signer.token(claims), logger: TestDatabase.logger)
    }

    @Test func findsTheKeysOfAnIssuerAndFollowsTheirRotation() async throws {
        try await Self.withProvider { provider, answers in
            let (first, second) = (TestSigner("first"), TestSigner("second"))
            try answers.set(provider, keys: first)
            let (settings, fetcher) = try provider.fetcher()
            try await fetcher.start()
            #expect(try await Self.caller(first, provider, settings).tenantID == "acme")
            #expect(settings.signIn?.obstacle == nil)
            #expect(settings.signIn?.metadata?.tokenEndpoint.text == provider.issuer + "/token")
            #expect(provider.server.requests.map(\.path) == ["/.well-known/openid-configuration", "/keys"])
            #expect(provider.server.requests.allSatisfy { $0.text.hasPrefix("GET ") })
            try answers.set(provider, keys: second)
            // The service fetches when it is asked, as by SIGHUP.
            try await withThrowingTaskGroup { tasks in
                tasks.addTask { await fetcher.run() }
                try await eventually("the service runs") {
                    try settings.reload()
                    return provider.server.requests.count >= 4
                }
                try await eventually("the new key is known") {
                    // Refused until then.
                    (try? await Self.caller(second, provider, settings)) != nil
                }
                await #expect(throws: JSONWebTokenError.unknownKey) {
                    try await Self.caller(first, provider, settings)
                }
                tasks.cancelAll()
            }
        }
    }

    @Test func keysByAddressNeedNoDescription() async throws {
        try await Self.withProvider { provider, answers in
            let signer = TestSigner("k")
            try answers.set(provider, keys: signer)
            let (settings, fetcher) = try provider.fetcher([
                "JWKS_URL": provider.issuer + "/keys", "JWT_ISSUER": provider.issuer, "JWT_AUDIENCE": "ui",
            ])
            try await fetcher.start()
            #expect(try await Self.caller(signer, provider, settings).scopes.allows(.admin))
            #expect(provider.server.requests.map(\.path) == ["/keys"])
        }
    }

    /// Nothing of a provider that cannot be trusted or does not answer correctly is used, and the daemon starts.
    @Test func wrongAnswersGiveNoKeys() async throws {
        let signer = TestSigner("k")
        let keys = TestSigner.keySet(signer)
        let huge = #"{"keys":[\#(signer.entry)],"x":"\#(String(repeating: "x", count: 300_000))"}"#
        let wrong: [(String, ScriptedServer.Reaction)] = [
            ("a redirect", .say(Self.answer(keys, status: "302 Found", headers: "Location: /other\r\n"))),
            ("an error", .say(Self.answer(keys, status: "500 Internal Server Error"))),
            ("more than is read", .say(Self.answer(huge))),
            ("less than is promised", .sayAndClose("HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + keys)),
            ("another language", .say(Self.answer("<html>"))), ("nothing in time", .nothing),
            ("a closed connection", .close),
            (
                "one byte after the other",
                .sayInPieces(["HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n"] + (0..<2_900).map { _ in " " })
            ),
        ]
        for (name, reaction) in wrong {
            try await Self.withProvider { provider, answers in
                try answers.set(provider, keys: signer)
                answers.set("/keys", reaction)
                answers.set("/other", .say(Self.answer(keys)))
                let (settings, fetcher) = try provider.fetcher()
                let start = ContinuousClock.now
                try await fetcher.start()
                #expect(.now - start < .seconds(10), "\(name)")
                await #expect(throws: JSONWebTokenError.noKeys, "\(name)") {
                    try await Self.caller(signer, provider, settings)
                }
                #expect(provider.server.requests.allSatisfy { $0.path != "/other" })
                #expect(fetcher.keys.pause > .seconds(15), "\(name)")
            }
        }
    }

    @Test func aProviderWithoutATrustedCertificateGivesNoKeys() async throws {
        try await Self.withProvider { provider, answers in
            try answers.set(provider, keys: TestSigner("k"))
            let (settings, fetcher) = try provider.fetcher(trusts: false)
            try await fetcher.start()
            #expect(provider.server.requests.isEmpty)
            #expect(settings.signIn?.obstacle?.contains("not answered") == true)
        }
    }

    @Test func anotherIssuerAtTheAddressKeepsTheDaemonFromStarting() async throws {
        try await Self.withProvider { provider, answers in
            try answers.set(provider, ["issuer": provider.issuer + "/"], keys: TestSigner("k"))
            let (_, fetcher) = try provider.fetcher()
            let error = await #expect(throws: ConfigurationError.self) { try await fetcher.start() }
            #expect(error?.description.hasPrefix("OIDC_ISSUER: ") == true)
            #expect(error?.description.contains("`\(provider.issuer)/`") == true, "\(error?.description ?? "")")
            #expect(provider.server.requests.map(\.path) == ["/.well-known/openid-configuration"])
        }
    }
}
