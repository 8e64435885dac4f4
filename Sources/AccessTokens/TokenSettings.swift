import Crypto
import Foundation
package import Settings

/// The keys and claims that access tokens are verified with.
public struct TokenSettings: Sendable {
    /// Minimum length of a secret in bytes: that of the hash (RFC 7518 §3.2).
    static let shortestSecret = 32

    enum Keys: Sendable {
        case fixed(TokenKeySet)
        case file(KeySetFile)
    }

    let keys: Keys
    /// The `iss` that tokens must have; `nil` accepts any.
    let issuer: String?
    /// A value that the `aud` of tokens must contain; `nil` accepts any.
    let audience: String?
    /// The claims that may have the scopes; the first one that a token has counts.
    var scopeClaims = Self.defaultScopeClaims

    private static let defaultScopeClaims = ["campaigns", "scope"]

    /// Returns the rights of a token: all of them without a claim of scopes.
    func scopes(of token: JSONWebToken) -> AccessScopes {
        scopeClaims.lazy.compactMap { token.value($0) }.first.map(AccessScopes.init(claim:)) ?? .all
    }

    /// Reads `JWT_SECRET`, `JWT_PUBLIC_KEY_FILE` or `JWKS_FILE`, with `JWT_ISSUER`, `JWT_AUDIENCE` and `SCOPE_CLAIM`.
    ///
    /// - Returns: The settings; `nil` if none of the three is set.
    /// - Throws: ``ConfigurationError`` if several are set, or the keys cannot be used.
    package static func read(_ variables: Variables) throws(ConfigurationError) -> TokenSettings? {
        let names = ["JWT_SECRET", "JWT_PUBLIC_KEY_FILE", "JWKS_FILE"]
        let given = names.filter { variables[$0] != nil }
        guard given.count <= 1 else {
            throw .malformed(given[1], problem: "\(given[0]) is set too; keep one of them")
        }
        guard let name = given.first, let value = variables[name] else { return nil }
        let keys: Keys =
            switch name {
            case "JWT_SECRET": try secret(value)
            case "JWT_PUBLIC_KEY_FILE": .file(try file(name, value, parse: Self.publicKey))
            default: .file(try file(name, value) { text throws(TokenKeyError) in try TokenKeySet(jwks: text) })
            }
        return TokenSettings(
            keys: keys,
            issuer: variables["JWT_ISSUER"],
            audience: variables["JWT_AUDIENCE"],
            scopeClaims: variables["SCOPE_CLAIM"].map { [$0] } ?? defaultScopeClaims
        )
    }

    private static func secret(_ text: String) throws(ConfigurationError) -> Keys {
        if text.hasPrefix("file:/") {
            return .file(
                try file("JWT_SECRET", String(text.dropFirst("file:".count))) { text throws(TokenKeyError) in
                    try secretKey(String(decoding: text, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines))
                }
            )
        }
        do throws(TokenKeyError) {
            return .fixed(try secretKey(text))
        } catch {
            throw .malformed("JWT_SECRET", problem: "\(error)")
        }
    }

    private static func secretKey(_ text: String) throws(TokenKeyError) -> TokenKeySet {
        guard text.utf8.count >= shortestSecret else {
            throw .unreadable(
                "it has \(text.utf8.count) bytes, and needs \(shortestSecret); make one with: openssl rand -hex 32"
            )
        }
        return TokenKeySet(.hmac(SymmetricKey(data: Data(text.utf8))))
    }

    private static func publicKey(_ text: Data) throws(TokenKeyError) -> TokenKeySet {
        guard let key = TokenKey(pem: String(decoding: text, as: UTF8.self)) else {
            throw .unreadable("it has no public key in PEM, either RSA of 2048 bits or more, or P-256")
        }
        return TokenKeySet(key)
    }

    private static func file(
        _ variable: String,
        _ path: String,
        parse: @escaping KeySetFile.Parser
    ) throws(ConfigurationError) -> KeySetFile {
        do {
            return try KeySetFile(path: path, parse: parse)
        } catch {
            throw .malformed(variable, problem: "`\(path)`: \(error)")
        }
    }

    /// Reads keys in a file again; blocks.
    ///
    /// - Throws: An error that says why they cannot be used; the former keys stay.
    package func reload() throws {
        if case .file(let file) = keys { try file.reload() }
    }
}
