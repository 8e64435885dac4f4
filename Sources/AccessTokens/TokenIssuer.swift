import JSON
import Logging

/// An issuer of access tokens: its keys, and where its tokens say what they allow.
struct TokenIssuer: Sendable {
    enum Keys: Sendable {
        case fixed(TokenKeySet)
        case file(KeySetFile)
        case remote(RemoteKeySet)
    }

    let keys: Keys
    /// The `iss` that tokens must have; `nil` accepts any.
    let issuer: String?
    /// A value that the `aud` of tokens must contain; `nil` accepts any.
    let audience: String?
    /// The claims that may have the scopes; the first one that a token has counts.
    var scopeClaims = Self.defaultScopeClaims
    /// True if its tokens are those of people who sign in on the pages.
    var isSignIn = false
    /// The claim that names the tenant.
    var tenantClaim = "tenantId"

    static let defaultScopeClaims = ["campaigns", "scope"]

    /// Returns the rights of a token; without a claim of scopes all of them, but only to read for people who sign in, as
    /// anybody with an account at the provider may.
    func scopes(of token: JSONWebToken) -> AccessScopes {
        for name in scopeClaims {
            guard let claim = token.value(name), !isEcho(claim, name) else { continue }
            return AccessScopes(claim: claim)
        }
        return isSignIn ? AccessScopes([.read]) : .all
    }

    /// Returns true if a claim repeats what the browser of a person asked for, which must give no rights.
    ///
    /// Every sign-in asks for `openid` (OpenID Connect Core 1.0, §3.1.2.1), and no provider grants it as a right of an account.
    private func isEcho(_ claim: JSONValue, _ name: String) -> Bool {
        guard isSignIn, name == "scope" else { return false }
        let words = claim.stringValue.map { $0.split(separator: " ").map(String.init) }
        return (words ?? claim.arrayValue?.compactMap(\.stringValue) ?? []).contains("openid")
    }

    /// Returns why a token cannot be one of this issuer; `nil` if it says that it is, which its signature must prove.
    func mismatch(of token: JSONWebToken) -> JSONWebTokenError? {
        if let issuer, token.text("iss") != issuer { return .wrongClaim("iss") }
        if let audience, !token.texts("aud").contains(audience) { return .wrongClaim("aud") }
        // A token with this audience that another client got is not one of a person who signed in here (OpenID Connect
        // Core 1.0, §3.1.3.7).
        if isSignIn, let party = token.value("azp"), party.stringValue != audience { return .wrongClaim("azp") }
        return nil
    }

    /// Returns the keys in use, `nil` if there are none; `id` is the key that a token needs.
    func keys(for id: String?, logger: @autoclosure () -> Logger) async -> TokenKeySet? {
        switch keys {
        case .fixed(let keys): keys
        case .file(let file): await file.keys(for: id, logger: logger())
        case .remote(let remote): await remote.keys(for: id)
        }
    }
}
