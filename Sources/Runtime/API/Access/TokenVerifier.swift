import Foundation
import Logging

/// Tells from an access token who calls, or why it is worth nothing.
///
/// Signatures are swift-crypto's; what surrounds them is ours, as JWTKit 5 takes what we must refuse: a `kid` that it
/// does not know falls back to a default key, the header's algorithm is not bound to the key, and `crit` and claims that
/// come twice are not noticed.
struct TokenVerifier: Sendable {
    /// How far clocks may be apart.
    private static let leeway = 60.0

    let settings: TokenSettings
    let now: @Sendable () -> Date

    init(settings: TokenSettings, now: @escaping @Sendable () -> Date = { Date() }) {
        self.settings = settings
        self.now = now
    }

    /// Checks signature, times and claims, in this order: nothing of an unsigned token is looked at.
    func caller(of text: String, logger: @autoclosure () -> Logger) async throws(JSONWebTokenError) -> Caller {
        let token = try JSONWebToken(text)
        let key: TokenKey? =
            switch settings.keys {
            case .fixed(let keys): keys.key(token.keyID)
            case .file(let file): await file.key(token.keyID, logger: logger())
            }
        guard let key else { throw .unknownKey }
        guard token.algorithm == key.algorithm else { throw .algorithm }
        guard key.isValid(token.signature, of: token.signedBytes) else { throw .badSignature }
        try checkTimes(of: token)
        if let issuer = settings.issuer, token.text("iss") != issuer { throw .wrongClaim("iss") }
        if let audience = settings.audience, !token.texts("aud").contains(audience) { throw .wrongClaim("aud") }
        return Caller(
            tenantID: try name("tenantId", of: token, upTo: 50),
            subject: try name("sub", of: token, upTo: 255)
        )
    }

    private func checkTimes(of token: JSONWebToken) throws(JSONWebTokenError) {
        let now = now().timeIntervalSince1970
        guard let expiry = try token.time("exp") else { throw .missingClaim("exp") }
        guard now < expiry else { throw .expired }
        for claim in ["nbf", "iat"] {
            if let start = try token.time(claim), start > now + Self.leeway { throw .notYetValid }
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
