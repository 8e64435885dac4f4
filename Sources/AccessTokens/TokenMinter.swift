import Crypto
public import Foundation
import JSON
public import Settings

/// Makes access tokens signed with a shared secret, to try the API out without an identity provider.
public enum TokenMinter {
    /// Returns a token for a tenant, signed with HS256.
    ///
    /// - Parameters:
    ///   - tenant: The claim `tenantId`.
    ///   - subject: The claim `sub`.
    ///   - scopes: The claim `campaigns`; without it the token has all rights.
    ///   - lifetime: Time until it expires, in seconds.
    ///   - secret: At least 32 bytes.
    ///   - now: The time of issue.
    /// - Returns: The text for `Authorization: Bearer …`.
    /// - Throws: ``ConfigurationError`` if the secret is too short.
    public static func token(
        tenant: String,
        subject: String,
        scopes: [AccessScope]? = nil,
        lifetime: TimeInterval,
        secret: String,
        now: Date = Date()
    ) throws(ConfigurationError) -> String {
        guard secret.utf8.count >= TokenSettings.shortestSecret else {
            throw .malformed("JWT_SECRET", problem: "it has less than \(TokenSettings.shortestSecret) bytes")
        }
        let issued = Int(now.timeIntervalSince1970)
        var claims: [String: JSONValue] = [
            "tenantId": .string(tenant), "sub": .string(subject), "iat": .integer(issued),
            "exp": .integer(issued + Int(lifetime)),
        ]
        claims["campaigns"] = scopes.map { .string($0.map(\.rawValue).joined(separator: " ")) }
        return token(claims: .object(claims), header: ["alg": "HS256", "typ": "JWT"]) { bytes in
            Data(HMAC<SHA256>.authenticationCode(for: bytes, using: SymmetricKey(data: Data(secret.utf8))))
        }
    }

    /// Returns a token with any claims and signature.
    static func token(claims: JSONValue, header: JSONValue, sign: (Data) throws -> Data) rethrows -> String {
        let signed = [header, claims].map { Base64URL.text(Data($0.canonicalText.utf8)) }.joined(separator: ".")
        return signed + "." + Base64URL.text(try sign(Data(signed.utf8)))
    }
}
