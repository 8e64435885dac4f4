package import Foundation
package import Logging

/// Tells from an access token who calls, or why it is worth nothing.
///
/// Signatures are swift-crypto's; what surrounds them is ours, as JWTKit 5 takes what we must refuse: a `kid` that it
/// does not know falls back to a default key, the header's algorithm is not bound to the key, and `crit` and claims that
/// come twice are not noticed.
package struct TokenVerifier: Sendable {
    let settings: TokenSettings
    let now: @Sendable () -> Date
    private let verified: VerifiedTokens

    package init(
        settings: TokenSettings,
        verified: VerifiedTokens = VerifiedTokens(),
        now: @escaping @Sendable () -> Date = { Date() }
    ) {
        self.settings = settings
        self.verified = verified
        self.now = now
    }

    /// Checks signature, times and claims, in this order: nothing of an unsigned token is looked at.
    ///
    /// Of a token that was good before, with the keys that are in use now, only the times are looked at.
    package func caller(of text: String, logger: @autoclosure () -> Logger) async throws(JSONWebTokenError) -> Caller {
        if let known = verified.entry(of: text), await keys(for: known.keyID, logger: logger()) === known.keys {
            try known.lifetime.check(at: now())
            return known.caller
        }
        let token = try JSONWebToken(text)
        let keys = await keys(for: token.keyID, logger: logger())
        guard let key = keys.key(token.keyID) else { throw .unknownKey }
        guard token.algorithm == key.algorithm else { throw .algorithm }
        guard key.isValid(token.signature, of: token.signedBytes) else { throw .badSignature }
        let lifetime = try TokenLifetime(token)
        try lifetime.check(at: now())
        if let issuer = settings.issuer, token.text("iss") != issuer { throw .wrongClaim("iss") }
        if let audience = settings.audience, !token.texts("aud").contains(audience) { throw .wrongClaim("aud") }
        let caller = Caller(
            tenantID: try name("tenantId", of: token, upTo: 50),
            subject: try name("sub", of: token, upTo: 255)
        )
        verified.note(text, .init(caller: caller, lifetime: lifetime, keyID: token.keyID, keys: keys))
        return caller
    }

    /// The keys as they are now; `id` is the one that will be asked for.
    private func keys(for id: String?, logger: @autoclosure () -> Logger) async -> TokenKeySet {
        switch settings.keys {
        case .fixed(let keys): keys
        case .file(let file): await file.keys(for: id, logger: logger())
        }
    }

    /// A claim that ends up in statements and logs: short, and without control characters.
    private func name(_ claim: String, of token: JSONWebToken, upTo limit: Int) throws(JSONWebTokenError) -> String {
        guard let text = token.text(claim) else { throw .missingClaim(claim) }
        let scalars = text.unicodeScalars
        let hasControls = scalars.contains { $0.properties.generalCategory == .control }
        guard !scalars.isEmpty, scalars.count <= limit, !hasControls else { throw .wrongClaim(claim) }
        return text
    }
}
