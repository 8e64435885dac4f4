import Foundation
import JSON
import TestSupport
import Testing

@testable import API
@testable import AccessTokens

/// What the daemon tells pages about the identity provider, and people whom it sends.
@Suite(.enabled(if: TestEnvironment.hasPostgres && TestRedis.isAvailable))
struct SignInTests {
    private static let issuer = "https://id.example:8443/realms/one"
    private static let tokens = [
        "OIDC_ISSUER": issuer, "OIDC_CLIENT_ID": "campaigns-ui", "JWT_SECRET": TestToken.secret,
    ]
    private static let person = ["iss": issuer, "aud": "campaigns-ui", "sub": "jane", "tenantId": "acme"]

    @Test func pagesKnowNothingWithoutAProvider() async throws {
        try await APIFixture.with { api in
            let reply = try await api.send("GET", "/ui/sign-in")
            #expect((reply.status, reply.text, reply.header("Cache-Control")) == (200, "{}", "no-store"))
            let policy = try #require(try await api.send("GET", "/ui").header("Content-Security-Policy"))
            #expect(policy.contains("; connect-src 'self'; "))
        }
    }

    @Test func theProviderIsTheOnlyOtherServerOfThePages() async throws {
        try await APIFixture.with(tokens: Self.tokens) { api in
            for address in ["/ui", "/ui/app.js", "/ui/sign-in"] {
                let policy = try #require(try await api.send("GET", address).header("Content-Security-Policy"))
                #expect(policy.contains("; connect-src 'self' https://id.example:8443; "), "\(policy)")
            }
            // The provider has not been asked, so nobody can sign in yet, and nobody is refused for good.
            let reply = try await api.send("GET", "/ui/sign-in")
            #expect(reply.json["problem"]?.stringValue?.contains("not answered yet") == true)
            let token = try TestSigner("k").token(Self.person)
            let refused = try await api.send("GET", "/session", headers: ["Authorization": "Bearer \(token)"])
            #expect((refused.status, refused.code, refused.header("Retry-After")) == (503, "unavailable", "30"))
        }
    }

    @Test func pagesGetTheAddressesOfTheProvider() async throws {
        let signer = TestSigner("k")
        try await APIFixture.with(tokens: Self.tokens) { api in
            try await Self.answer(api, TestSigner.keySet(signer))
            let known = try await api.send("GET", "/ui/sign-in")
            #expect(
                known.json == [
                    "issuer": .string(Self.issuer), "clientId": "campaigns-ui",
                    "authorizationEndpoint": "https://id.example:8443/authorize",
                    "tokenEndpoint": "https://id.example:8443/token",
                ]
            )
            func send(_ changes: [String: String], _ path: String = "/session") async throws -> APIFixture.Reply {
                let token = try signer.token(Self.person.merging(changes) { $1 })
                return try await api.send("GET", path, headers: ["Authorization": "Bearer \(token)"])
            }
            let session = try await send([:])
            #expect(session.json["scopes"] == ["read"] && session.json["tenant"] == "acme")
            let agent = try await send(["campaigns": "operate"])
            #expect(agent.json["scopes"] == ["read", "operate"])
            let reader = try await send(["campaigns": "profile"])
            #expect((reader.status, reader.code) == (403, "forbidden"))
            for path in ["/session", "/campaigns"] {
                let none = try await send(["tenantId": ""], path)
                #expect((none.status, none.code) == (403, "forbidden"))
                #expect(none.json["detail"]?.stringValue?.contains("the claim `tenantId`") == true)
            }
            // Programs go on with their own key.
            #expect(try await api.call("GET", "/session").json["scopes"]?.arrayValue?.contains("admin") == true)
        }
    }

    /// Has the provider of a daemon answer.
    private static func answer(_ api: APIFixture, _ keys: String) async throws {
        let base = "https://id.example:8443"
        let text =
            #"{"issuer":"\#(issuer)","jwks_uri":"\#(base)/keys","authorization_endpoint":"\#(base)/authorize","#
            + #""token_endpoint":"\#(base)/token"}"#
        let signIn = try #require(api.tokens?.signIn)
        signIn.metadata = try ProviderMetadata(parsing: Array(text.utf8), issuer: signIn.issuer)
        try await api.tokens?.remoteKeys.first?.refresh { .init(bytes: Array(keys.utf8), cacheControl: nil) }
    }
}
