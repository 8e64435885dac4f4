import Crypto
import CryptoExtras
import Foundation
import JSON
import Logging
import Synchronization
import TestSupport
import Testing

@testable import AccessTokens
@testable import Settings

/// Access tokens that are accepted, and above all those that are refused.
struct TokenVerifierTests {
    private static let now = Date(timeIntervalSince1970: 1_800_000_000)
    private static let goodClaims: [String: JSONValue] = [
        "tenantId": "acme", "sub": "jane", "exp": .integer(Int(now.timeIntervalSince1970) + 60),
    ]
    private static let secret = Data(TestToken.secret.utf8)

    private static func caller(tenant: String = "acme", scopes: AccessScopes = .all) -> Caller {
        Caller(tenantID: tenant, subject: "jane", scopes: scopes, expiresAt: now + 60)
    }

    private static func hs256(_ data: Data, secret: Data = secret) -> Data {
        Data(HMAC<SHA256>.authenticationCode(for: data, using: SymmetricKey(data: secret)))
    }

    private static func token(
        _ changes: [String: JSONValue?] = [:],
        header: JSONValue = ["alg": "HS256"],
        sign: (Data) throws -> Data
    ) rethrows -> String {
        var claims = goodClaims
        for (name, value) in changes { claims[name] = value }
        return try TokenMinter.token(claims: .object(claims), header: header, sign: sign)
    }

    private static func token(_ changes: [String: JSONValue?] = [:], header: JSONValue = ["alg": "HS256"]) -> String {
        token(changes, header: header) { hs256($0) }
    }

    private static func verifier(_ variables: [String: String]) throws -> TokenVerifier {
        TokenVerifier(settings: try #require(try TokenSettings.read(Variables(variables))), now: { now })
    }

    private static func refusal(_ token: String, by verifier: TokenVerifier) async -> JSONWebTokenError? {
        do {
            _ = try await verifier.caller(of: token, logger: TestDatabase.logger)
            return nil
        } catch {
            return error
        }
    }

    @Test func returnsTheCallerOfAValidToken() async throws {
        let verifier = try Self.verifier(["JWT_SECRET": TestToken.secret])
        let caller = try await verifier.caller(of: Self.token(), logger: TestDatabase.logger)
        #expect(caller == Self.caller())
    }

    @Test func refusesInvalidTokens() async throws {
        let verifier = try Self.verifier(["JWT_SECRET": TestToken.secret])
        let now = Int(Self.now.timeIntervalSince1970)
        let good = Self.token()
        let parts = good.split(separator: ".").map(String.init)
        let attacks: [(String, String, JSONWebTokenError?)] = [
            ("none", Self.token(header: ["alg": "none"]) { _ in Data() }, .algorithm),
            ("None", Self.token(header: ["alg": "None"]) { _ in Data() }, .algorithm),
            ("no algorithm", Self.token(header: ["typ": "JWT"]), .algorithm),
            ("HS512", Self.token(header: ["alg": "HS512"]), .algorithm),
            ("another secret", Self.token { Self.hs256($0, secret: Data(repeating: 1, count: 32)) }, .badSignature),
            ("no signature", parts[0] + "." + parts[1] + ".", .badSignature),
            ("half a signature", String(good.dropLast(20)), nil),
            (
                "other claims", parts[0] + "." + Base64URL.text(Data(#"{"tenantId":"other"}"#.utf8)) + "." + parts[2],
                .badSignature
            ),
            ("critical", Self.token(header: ["alg": "HS256", "crit": ["b64"], "b64": false]), nil),
            ("expired", Self.token(["exp": .integer(now)]), .expired),
            ("no expiry", Self.token(["exp": nil]), .missingClaim("exp")),
            ("expiry as text", Self.token(["exp": "2100"]), .wrongClaim("exp")),
            ("not yet", Self.token(["nbf": .integer(now + 61)]), .notYetValid),
            ("from the future", Self.token(["iat": .integer(now + 61)]), .notYetValid),
            ("no tenant", Self.token(["tenantId": nil]), .missingClaim("tenantId")),
            ("tenant as number", Self.token(["tenantId": 7]), .missingClaim("tenantId")),
            ("empty tenant", Self.token(["tenantId": ""]), .wrongClaim("tenantId")),
            (
                "long tenant", Self.token(["tenantId": .string(String(repeating: "a", count: 51))]),
                .wrongClaim("tenantId")
            ),
            ("line end in tenant", Self.token(["tenantId": "acme\nroot"]), .wrongClaim("tenantId")),
            ("no subject", Self.token(["sub": nil]), .missingClaim("sub")),
            ("two parts", parts[0] + "." + parts[1], nil),
            ("four parts", good + ".x", nil),
            ("padded", good + "=", nil),
            ("nothing", "", nil),
            ("no JSON", "eA.eA.eA", nil),
            ("too long", String(repeating: "a", count: 9_000), nil),
        ]
        for (name, token, expected) in attacks {
            let refusal = await Self.refusal(token, by: verifier)
            #expect(refusal != nil, "\(name) is let in")
            if let expected { #expect(refusal == expected, "\(name)") }
        }
        #expect(await Self.refusal(Self.token(["nbf": .integer(now + 59)]), by: verifier) == nil)
    }

    @Test func acceptsTokensThatExpireAfterTheEndOfTheCalendar() async throws {
        let verifier = try Self.verifier(["JWT_SECRET": TestToken.secret])
        for end in [JSONValue.number(1e300), .integer(Int.max)] {
            let caller = try await verifier.caller(of: Self.token(["exp": end]), logger: TestDatabase.logger)
            #expect(caller.expiresAt == Date(timeIntervalSince1970: 253_402_300_799))
        }
    }

    @Test func checksTheLifetimeOfCachedTokens() async throws {
        let clock = Mutex(Self.now)
        let known = VerifiedTokens()
        let settings = try #require(try TokenSettings.read(Variables(["JWT_SECRET": TestToken.secret])))
        let verifier = TokenVerifier(settings: settings, verified: known, now: { clock.withLock { $0 } })
        let token = Self.token(["nbf": .integer(Int(Self.now.timeIntervalSince1970))])
        for _ in 1...2 {
            let caller = try await verifier.caller(of: token, logger: TestDatabase.logger)
            #expect(caller == Self.caller())
        }
        #expect(known.count == 1)
        // The key of the cache is the whole token, not its signature or claims.
        #expect(await Self.refusal(token + "A", by: verifier) != nil)
        clock.withLock { $0 += 60 }
        #expect(await Self.refusal(token, by: verifier) == .expired)
        // The clock was set back.
        clock.withLock { $0 -= 200 }
        #expect(await Self.refusal(token, by: verifier) == .notYetValid)
    }

    @Test func doesNotCacheRefusedTokens() async throws {
        let known = VerifiedTokens()
        let settings = try #require(try TokenSettings.read(Variables(["JWT_SECRET": TestToken.secret])))
        let verifier = TokenVerifier(settings: settings, verified: known, now: { Self.now })
        let refused = [
            Self.token { Self.hs256($0, secret: Data(repeating: 1, count: 32)) }, Self.token(["tenantId": nil]),
            Self.token(["exp": .integer(1)]), "nonsense",
        ]
        for token in refused { #expect(await Self.refusal(token, by: verifier) != nil) }
        #expect(known.count == 0)
    }

    @Test func boundsTheCache() throws {
        let known = VerifiedTokens(capacity: 8)
        let entry = VerifiedTokens.Entry(
            caller: Self.caller(),
            lifetime: try TokenLifetime(JSONWebToken(Self.token())),
            keyID: nil,
            keys: TokenKeySet(.hmac(SymmetricKey(size: .bits256)))
        )
        for number in 1...100 {
            known.note("token \(number)", entry)
            #expect(known.entry(of: "token 1") != nil, "what is used stays")
        }
        #expect(known.count <= 8)
        #expect(known.entry(of: "token 50") == nil)
    }

    /// The cached entry has another tenant than the token, which shows where the caller came from.
    @Test func doesNotVerifyCachedTokensAgain() async throws {
        let (keys, token) = (TokenKeySet(.hmac(SymmetricKey(data: Self.secret))), Self.token())
        let lifetime = try TokenLifetime(JSONWebToken(token))
        for (entryKeys, tenant) in [(keys, "noted"), (TokenKeySet(.hmac(SymmetricKey(data: Self.secret))), "acme")] {
            let known = VerifiedTokens()
            let noted = Self.caller(tenant: "noted")
            known.note(token, .init(caller: noted, lifetime: lifetime, keyID: nil, keys: entryKeys))
            let settings = TokenSettings(issuers: [TokenIssuer(keys: .fixed(keys), issuer: nil, audience: nil)])
            let verifier = TokenVerifier(settings: settings, verified: known, now: { Self.now })
            #expect(try await verifier.caller(of: token, logger: TestDatabase.logger).tenantID == tenant)
        }
    }

    @Test func refusesDuplicateClaims() async throws {
        let verifier = try Self.verifier(["JWT_SECRET": TestToken.secret])
        let header = Base64URL.text(Data(#"{"alg":"HS256"}"#.utf8))
        let claims = #"{"tenantId":"acme","tenantId":"other","sub":"s","exp":1900000000}"#
        let signed = header + "." + Base64URL.text(Data(claims.utf8))
        let token = signed + "." + Base64URL.text(Self.hs256(Data(signed.utf8)))
        #expect(await Self.refusal(token, by: verifier) != nil)
    }

    /// The first claim that a token has counts, also if it has no word of ours.
    @Test(
        arguments: [
            ([:], nil, [.admin]), (["scope": "read"], nil, [.read]),
            (["scope": "openid  operate\tread"], nil, [.operate, .read]),
            (["campaigns": ["read", "contacts"], "scope": "admin"], nil, [.read, .contacts]),
            (["campaigns": "", "scope": "admin"], nil, []), (["scope": "openid profile"], nil, []),
            (["scope": "Read reader"], nil, []), (["scope": 7], nil, []), (["scope": .null], nil, []),
            (["scope": [["read"], 1, "operate"]], nil, [.operate]),
            (["scope": "read", "https://id.example/rights": "admin"], "https://id.example/rights", [.admin]),
            (["scope": "read"], "rights", [.admin]),
        ] as [([String: JSONValue?], String?, Set<AccessScope>)]
    )
    func readsScopes(claims: [String: JSONValue?], claim: String?, expected: Set<AccessScope>) async throws {
        let variables = ["JWT_SECRET": TestToken.secret, "SCOPE_CLAIM": claim ?? ""]
        let caller = try await Self.verifier(variables).caller(of: Self.token(claims), logger: TestDatabase.logger)
        #expect(caller == Self.caller(scopes: AccessScopes(expected)))
        #expect(caller.scopes.isEmpty == expected.isEmpty)
    }

    @Test(
        arguments: [
            ([.read], [.read]), ([.operate], [.read, .operate]), ([.contacts], [.contacts]), ([], []),
            ([.read, .contacts], [.read, .contacts]), ([.admin], [.read, .operate, .admin, .contacts]),
        ] as [(Set<AccessScope>, [AccessScope])]
    )
    func includesLesserScopes(words: Set<AccessScope>, allowed: [AccessScope]) {
        #expect(AccessScopes(words).allowed == allowed)
    }

    @Test func checksIssuerAndAudience() async throws {
        let verifier = try Self.verifier([
            "JWT_SECRET": TestToken.secret, "JWT_ISSUER": "https://id.example", "JWT_AUDIENCE": "campaigns",
        ])
        let good: [String: JSONValue?] = ["iss": "https://id.example", "aud": ["web", "campaigns"]]
        #expect(await Self.refusal(Self.token(good), by: verifier) == nil)
        #expect(await Self.refusal(Self.token(), by: verifier) == .wrongClaim("iss"))
        let other = good.merging(["aud": "web"]) { $1 }
        #expect(await Self.refusal(Self.token(other), by: verifier) == .wrongClaim("aud"))
    }

    @Test func doesNotAcceptAPublicKeyAsASecret() async throws {
        let key = try _RSA.Signing.PrivateKey(keySize: .bits2048)
        let pem = key.publicKey.pemRepresentation
        try await Self.withFile(pem) { path in
            let verifier = try Self.verifier(["JWT_PUBLIC_KEY_FILE": path])
            let good = try Self.token(header: ["alg": "RS256"]) { data in
                try key.signature(for: SHA256.hash(data: data), padding: .insecurePKCS1v1_5).rawRepresentation
            }
            #expect(await Self.refusal(good, by: verifier) == nil)
            for secret in [pem, pem.trimmingCharacters(in: .newlines)] {
                let confused = Self.token { Self.hs256($0, secret: Data(secret.utf8)) }
                #expect(await Self.refusal(confused, by: verifier) == .algorithm)
                let disguised = Self.token(header: ["alg": "RS256"]) { Self.hs256($0, secret: Data(secret.utf8)) }
                #expect(await Self.refusal(disguised, by: verifier) == .badSignature)
            }
        }
    }

    @Test func acceptsEllipticKeys() async throws {
        let key = P256.Signing.PrivateKey()
        try await Self.withFile(key.publicKey.pemRepresentation) { path in
            let verifier = try Self.verifier(["JWT_PUBLIC_KEY_FILE": path])
            let good = try Self.token(header: ["alg": "ES256"]) { try key.signature(for: $0).rawRepresentation }
            #expect(await Self.refusal(good, by: verifier) == nil)
            let other = try Self.token(header: ["alg": "ES256"]) {
                try P256.Signing.PrivateKey().signature(for: $0).rawRepresentation
            }
            #expect(await Self.refusal(other, by: verifier) == .badSignature)
        }
    }

    @Test func rotatesKeysWithoutARestart() async throws {
        let (old, new) = (P256.Signing.PrivateKey(), P256.Signing.PrivateKey())
        func signed(_ key: P256.Signing.PrivateKey, _ id: String) throws -> String {
            try Self.token(header: ["alg": "ES256", "kid": .string(id)]) {
                try key.signature(for: $0).rawRepresentation
            }
        }
        try await Self.withFile(Self.keySet([("old", old)])) { path in
            let clock = TestInstant()
            let file = try KeySetFile(path: path, now: { clock.now })
            let settings = TokenSettings(issuers: [TokenIssuer(keys: .file(file), issuer: nil, audience: nil)])
            let verifier = TokenVerifier(settings: settings, now: { Self.now })
            // The first use adds the token to the cache.
            let known = try signed(old, "old")
            #expect(await Self.refusal(known, by: verifier) == nil)
            try Data(Self.keySet([("old", old), ("new", new)]).utf8).write(to: URL(filePath: path))
            #expect(await Self.refusal(try signed(new, "new"), by: verifier) == .unknownKey, "looked at once a second")
            clock.advance(by: .seconds(1))
            #expect(await Self.refusal(try signed(new, "new"), by: verifier) == nil)
            #expect(await Self.refusal(try signed(old, "new"), by: verifier) == .badSignature)
            #expect(await Self.refusal(known, by: verifier) == nil)
            // A removed key is refused after one second.
            try Data(Self.keySet([("new", new)]).utf8).write(to: URL(filePath: path))
            clock.advance(by: .seconds(1))
            #expect(await Self.refusal(known, by: verifier) == .unknownKey)
            #expect(await Self.refusal(try signed(old, "old"), by: verifier) == .unknownKey)
            // A broken file changes nothing.
            try Data("{".utf8).write(to: URL(filePath: path))
            clock.advance(by: .seconds(1))
            #expect(await Self.refusal(try signed(new, "new"), by: verifier) == nil)
        }
    }

    @Test func refusesUnusableSettings() async throws {
        func problem(_ variables: [String: String]) -> String {
            do {
                _ = try TokenSettings.read(Variables(variables))
                return ""
            } catch {
                return "\(error)"
            }
        }
        #expect(try TokenSettings.read(Variables([:])) == nil)
        #expect(problem(["JWT_SECRET": "short"]).contains("needs 32"))
        #expect(problem(["JWT_SECRET": TestToken.secret, "JWKS_FILE": "/x"]).contains("JWT_SECRET is set too"))
        #expect(problem(["JWT_PUBLIC_KEY_FILE": "/nowhere"]).contains("cannot be read"))
        try await Self.withFile("no key") { path in
            #expect(problem(["JWT_PUBLIC_KEY_FILE": path]).contains("has no public key"))
            #expect(problem(["JWKS_FILE": path]).contains("invalid JSON"))
        }
        try await Self.withFile(#"{"keys": [{"kty": "oct", "k": "c2hvcnQ"}]}"#) { path in
            #expect(problem(["JWKS_FILE": path]).contains("too short"))
        }
    }

    private static func keySet(_ keys: [(String, P256.Signing.PrivateKey)]) -> String {
        let items = keys.map { id, key -> JSONValue in
            let point = key.publicKey.x963Representation.dropFirst()
            return [
                "kty": "EC", "crv": "P-256", "use": "sig", "kid": .string(id),
                "x": .string(Base64URL.text(point.prefix(32))), "y": .string(Base64URL.text(point.suffix(32))),
            ]
        }
        return JSONValue.object(["keys": .array(items)]).canonicalText
    }

    private static func withFile(_ text: String, _ body: (String) async throws -> Void) async throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "campaigns-\(UUID().uuidString)")
        try Data(text.utf8).write(to: url)
        defer { try? FileManager.default.removeItem(at: url) }
        try await body(url.path)
    }
}
