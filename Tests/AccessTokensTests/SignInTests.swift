import Crypto
import Foundation
import JSON
import TestSupport
import Testing

@testable import AccessTokens
@testable import Settings

/// People who sign in at an identity provider, and the addresses of it.
struct SignInTests {
    private static let issuer = "https://id.example/realms/one"
    private static let variables = ["OIDC_ISSUER": issuer, "OIDC_CLIENT_ID": "campaigns-ui"]
    private static let person = ["iss": issuer, "aud": "campaigns-ui", "sub": "jane", "tenantId": "acme"]

    /// Returns a verifier whose provider has these keys.
    private static func verifier(_ changes: [String: String], _ keys: String) async throws -> TokenVerifier {
        let settings = try #require(try TokenSettings.read(Variables(variables.merging(changes) { $1 })))
        for remote in settings.remoteKeys {
            try await remote.refresh { .init(bytes: Array(keys.utf8), cacheControl: nil) }
        }
        return TokenVerifier(settings: settings)
    }

    private static func outcome(_ token: String, by verifier: TokenVerifier) async -> Result<Caller, JSONWebTokenError>
    {
        do {
            return .success(try await verifier.caller(of: token, logger: TestDatabase.logger))
        } catch {
            return .failure(error)
        }
    }

    private static func refusal(_ token: String, by verifier: TokenVerifier) async -> JSONWebTokenError? {
        if case .failure(let error) = await outcome(token, by: verifier) { error } else { nil }
    }

    @Test func aPersonMayReadUnlessTheTokenSaysMore() async throws {
        let signer = TestSigner("k")
        let verifier = try await Self.verifier([:], TestSigner.keySet(signer))
        // In `scope` a provider may repeat what the browser of the person asked for.
        let claims: [([String: String], [AccessScope])] = [
            ([:], [.read]), (["campaigns": "operate"], [.read, .operate]), (["campaigns": "openid profile"], []),
            (["scope": "openid admin"], [.read]), (["scope": "admin", "campaigns": "operate"], [.read, .operate]),
            (["scope": "operate"], [.read, .operate]), (["scope": "profile"], []),
            (["scope": "openid profile"], [.read]),
        ]
        for (more, allowed) in claims {
            let claims = Self.person.merging(more) { $1 }
            let caller = try await Self.outcome(try signer.token(claims), by: verifier).get()
            #expect(caller.scopes.allowed == allowed)
            #expect((caller.tenantID, caller.subject) == ("acme", "jane"))
        }
    }

    @Test func tokensOfOthersAreRefused() async throws {
        let (signer, stranger) = (TestSigner("k"), TestSigner("k"))
        let verifier = try await Self.verifier([:], TestSigner.keySet(signer))
        func token(_ changes: [String: String], by key: TestSigner? = nil, lifetime: TimeInterval = 600) throws
            -> String
        {
            try (key ?? signer).token(Self.person.merging(changes) { $1 }, lifetime: lifetime)
        }
        let attacks: [(String, JSONWebTokenError)] = [
            (try token([:], by: stranger), .badSignature), (try token([:], by: TestSigner("other")), .unknownKey),
            (try token(["iss": Self.issuer + "/"]), .wrongClaim("iss")), (try token(["aud": "x"]), .wrongClaim("aud")),
            (try token(["azp": "x"]), .wrongClaim("azp")), (try token([:], lifetime: -1), .expired),
        ]
        for (token, expected) in attacks { #expect(await Self.refusal(token, by: verifier) == expected) }
        #expect(await Self.refusal(try token(["azp": "campaigns-ui"]), by: verifier) == nil)
        // The key of the provider is public, so it proves nothing as a secret.
        let claims = JSONValue.object(
            Self.person.mapValues { .string($0) }.merging(["exp": .integer(4_000_000_000)]) { $1 }
        )
        for algorithm in ["HS256", "none", "RS256"] {
            let confused = TokenMinter.token(claims: claims, header: ["alg": .string(algorithm), "kid": "k"]) { data in
                Data(HMAC<SHA256>.authenticationCode(for: data, using: SymmetricKey(data: Data(signer.entry.utf8))))
            }
            #expect(await Self.refusal(confused, by: verifier) == .algorithm)
        }
    }

    @Test func anAccountWithoutATenantIsToldSo() async throws {
        let signer = TestSigner("k")
        let verifier = try await Self.verifier(["OIDC_TENANT_CLAIM": "customer"], TestSigner.keySet(signer))
        for (changes, expected) in [
            ([:], .noTenant("customer")), (["customer": ""], .noTenant("customer")), (["customer": "globex"], nil),
            (["customer": String(repeating: "x", count: 51)], .noTenant("customer")),
        ] as [([String: String], JSONWebTokenError?)] {
            let token = try signer.token(Self.person.merging(changes) { $1 })
            #expect(await Self.refusal(token, by: verifier) == expected)
        }
        // Only who has signed in learns that.
        let stranger = try TestSigner("k").token(Self.person)
        #expect(await Self.refusal(stranger, by: verifier) == .badSignature)
    }

    /// The page and programs may use the same provider, or programs their own key.
    @Test func peopleAndProgramsHaveIssuersOfTheirOwn() async throws {
        let signer = TestSigner("k")
        let keys = TestSigner.keySet(signer)
        let both = ["JWKS_URL": "https://id.example/keys", "JWT_ISSUER": Self.issuer, "JWT_AUDIENCE": "campaigns"]
        var verifier = try await Self.verifier(both, keys)
        let program = Self.person.merging(["aud": "campaigns", "azp": "billing"]) { $1 }
        #expect(try await Self.outcome(try signer.token(program), by: verifier).get().scopes.allows(.admin))
        #expect(try await !Self.outcome(try signer.token(Self.person), by: verifier).get().scopes.allows(.operate))

        verifier = try await Self.verifier(["JWT_SECRET": TestToken.secret], keys)
        #expect(await Self.refusal(try TestToken.text(), by: verifier) == nil)
        #expect(await Self.refusal(try signer.token(Self.person), by: verifier) == nil)
        // The secret does not sign for the provider, and the provider does not sign for the secret.
        let forged = TokenMinter.token(
            claims: .object(Self.person.mapValues { .string($0) }.merging(["exp": .integer(4_000_000_000)]) { $1 }),
            header: ["alg": "HS256"]
        ) { Data(HMAC<SHA256>.authenticationCode(for: $0, using: SymmetricKey(data: Data(TestToken.secret.utf8)))) }
        #expect(await Self.refusal(forged, by: verifier) == .algorithm)
        var local = Self.person
        local["iss"] = nil
        #expect(await Self.refusal(try signer.token(local), by: verifier) == .algorithm)
    }

    @Test func withoutKeysNobodyIsRefusedForever() async throws {
        let settings = try #require(try TokenSettings.read(Variables(Self.variables)))
        let verifier = TokenVerifier(settings: settings)
        #expect(await Self.refusal(try TestSigner("k").token(Self.person), by: verifier) == .noKeys)
        #expect(settings.signIn?.obstacle?.contains("not answered yet") == true)
    }

    @Test(
        arguments: [
            (["OIDC_CLIENT_ID": ""], "OIDC_ISSUER: OIDC_CLIENT_ID is not set"),
            (["OIDC_ISSUER": ""], "OIDC_CLIENT_ID: it needs OIDC_ISSUER"),
            (["OIDC_ISSUER": "", "OIDC_CLIENT_ID": "", "OIDC_TENANT_CLAIM": "t"], "OIDC_TENANT_CLAIM: it needs"),
            (["OIDC_ISSUER": "http://id.example"], "OIDC_ISSUER: `http://id.example` is no https address"),
            (["OIDC_ISSUER": "https://id.example?x=1"], "OIDC_ISSUER"),
            (["OIDC_ISSUER": "https://a:b@id.example"], "OIDC_ISSUER"),
            (["JWKS_URL": "http://id.example/keys"], "JWKS_URL: `http://id.example/keys` is no https address"),
            (["JWKS_URL": "https://id.example/keys"], "JWKS_URL: JWT_ISSUER is not set"),
            (["JWKS_URL": "https://id.example/keys", "JWT_ISSUER": "x"], "JWKS_URL: JWT_AUDIENCE is not set"),
            (["JWKS_URL": "https://id.example/keys", "JWT_SECRET": TestToken.secret], "JWT_SECRET is set too"),
        ]
    )
    func settingsThatWouldLetOthersInAreRefused(changes: [String: String], expected: String) {
        let error = #expect(throws: ConfigurationError.self) {
            try TokenSettings.read(Variables(Self.variables.merging(changes) { $1 }))
        }
        #expect(error?.description.contains(expected) == true, "\(error?.description ?? "")")
    }

    @Test(
        arguments: [
            ("https://ID.example:443/realms/one", "https://id.example"),
            ("https://id.example:8443", "https://id.example:8443"),
            ("http://localhost:80/", "http://localhost"), ("http://127.0.0.1:9000/x", "http://127.0.0.1:9000"),
            ("http://[::1]:9000", "http://[::1]:9000"), ("http://id.example", nil), ("https://", nil), ("ftp://x", nil),
            ("https://id.example;script-src *", nil), ("https://id.example *", nil), ("https://user@id.example", nil),
            ("https://id.example/#x", nil), ("https://id_x.example'", nil), ("https://*", nil), ("https://a,b", nil),
            ("", nil),
        ] as [(String, String?)]
    )
    func anOriginHoldsNothingThatAPolicyWouldRead(text: String, origin: String?) {
        #expect(SecureAddress(text)?.origin == origin)
    }

    private static func metadata(_ changes: [String: JSONValue?] = [:]) throws -> ProviderMetadata {
        var fields: [String: JSONValue] = [
            "issuer": .string(issuer), "jwks_uri": "https://keys.example/keys",
            "authorization_endpoint": "https://id.example/authorize", "token_endpoint": "https://id.example/token",
            "end_session_endpoint": "https://id.example/logout", "code_challenge_methods_supported": ["plain", "S256"],
        ]
        for (name, value) in changes { fields[name] = value }
        let issuer = try #require(SecureAddress(Self.issuer))
        return try ProviderMetadata(parsing: Array(JSONValue.object(fields).canonicalText.utf8), issuer: issuer)
    }

    @Test func readsTheDescriptionOfAProvider() throws {
        let issuer = try #require(SecureAddress(Self.issuer))
        #expect(try Self.metadata().obstacle(issuer: issuer) == nil)
        #expect(try Self.metadata(["code_challenge_methods_supported": nil]).obstacle(issuer: issuer) == nil)
        let plain = try Self.metadata(["code_challenge_methods_supported": ["plain"]])
        #expect(plain.obstacle(issuer: issuer)?.contains("PKCE") == true)
        let elsewhere = try Self.metadata(["token_endpoint": "https://tokens.example/token"])
        #expect(elsewhere.obstacle(issuer: issuer)?.contains("https://tokens.example") == true)
        #expect(try Self.metadata(["end_session_endpoint": nil]).endSessionEndpoint == nil)
        #expect(throws: ProviderError.otherIssuer("https://id.example/realms/One")) {
            try Self.metadata(["issuer": "https://id.example/realms/One"])
        }
        for field in ["issuer", "jwks_uri", "authorization_endpoint", "token_endpoint"] {
            #expect(throws: ProviderError.self) { try Self.metadata([field: nil]) }
        }
        for address in ["http://id.example/keys", "javascript:alert(1)", "//id.example"] {
            for field in ["jwks_uri", "authorization_endpoint", "token_endpoint"] {
                #expect(throws: ProviderError.self) { try Self.metadata([field: .string(address)]) }
            }
        }
        for (issuer, expected) in [
            ("https://x.example/", "https://x.example/.well-known"),
            ("https://x.example/a", "https://x.example/a/.well-known"),
        ] {
            let signIn = SignIn(issuer: try #require(SecureAddress(issuer)), clientID: "c")
            #expect(signIn.description?.text == expected + "/openid-configuration")
        }
    }
}
