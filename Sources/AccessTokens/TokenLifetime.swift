import Foundation

/// When a token is good, by its claims `exp`, `nbf` and `iat` (RFC 7519 §4.1).
struct TokenLifetime: Hashable, Sendable {
    /// How far clocks may be apart, in seconds.
    private static let leeway = 60.0

    /// Seconds since 1970; the later of `nbf` and `iat`, where there is one.
    private let start: Double?
    /// Seconds since 1970.
    private let expiry: Double

    init(_ token: JSONWebToken) throws(JSONWebTokenError) {
        guard let expiry = try token.time("exp") else { throw .missingClaim("exp") }
        self.expiry = expiry
        var start: Double?
        for claim in ["nbf", "iat"] {
            if let time = try token.time(claim) { start = max(time, start ?? time) }
        }
        self.start = start
    }

    func check(at now: Date) throws(JSONWebTokenError) {
        let now = now.timeIntervalSince1970
        guard now < expiry else { throw .expired }
        if let start, start > now + Self.leeway { throw .notYetValid }
    }
}
