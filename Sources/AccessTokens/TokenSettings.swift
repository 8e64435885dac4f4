import Crypto
import Foundation
package import Settings

/// The keys and claims that access tokens are verified with.
public struct TokenSettings: Sendable {
    /// Minimum length of a secret in bytes: that of the hash (RFC 7518 §3.2).
    static let shortestSecret = 32

    /// The issuers of tokens, at least one; a token belongs to the first one that it names.
    let issuers: [TokenIssuer]
    /// The sign-in of people; `nil` without an identity provider for it.
    package let signIn: SignIn?

    init(issuers: [TokenIssuer], signIn: SignIn? = nil) {
        precondition(!issuers.isEmpty, "tokens have an issuer")
        (self.issuers, self.signIn) = (issuers, signIn)
    }

    /// Reads `JWT_SECRET`, `JWT_PUBLIC_KEY_FILE`, `JWKS_FILE` or `JWKS_URL`, with `JWT_ISSUER` and `JWT_AUDIENCE`, then
    /// `OIDC_ISSUER`, `OIDC_CLIENT_ID` and `OIDC_TENANT_CLAIM`, and `SCOPE_CLAIM` for both.
    ///
    /// - Returns: The settings; `nil` if there are no keys.
    /// - Throws: ``ConfigurationError`` if several of the first four are set, keys cannot be used, or tokens of others would
    ///   be accepted.
    package static func read(_ variables: Variables) throws(ConfigurationError) -> TokenSettings? {
        let signIn = try signIn(variables)
        let scopeClaims = variables["SCOPE_CLAIM"].map { [$0] } ?? TokenIssuer.defaultScopeClaims
        var issuers: [TokenIssuer] = []
        if let signIn {
            // The first one: a token of the same issuer for another audience belongs to the next.
            var issuer = TokenIssuer(
                keys: .remote(RemoteKeySet(.provider(signIn))),
                issuer: signIn.issuer.text,
                audience: signIn.clientID,
                scopeClaims: scopeClaims,
                isSignIn: true
            )
            if let claim = variables["OIDC_TENANT_CLAIM"] { issuer.tenantClaim = claim }
            issuers.append(issuer)
        }
        if let keys = try keys(variables) {
            issuers.append(
                TokenIssuer(
                    keys: keys,
                    issuer: variables["JWT_ISSUER"],
                    audience: variables["JWT_AUDIENCE"],
                    scopeClaims: scopeClaims
                )
            )
        }
        return issuers.isEmpty ? nil : TokenSettings(issuers: issuers, signIn: signIn)
    }

    private static func signIn(_ variables: Variables) throws(ConfigurationError) -> SignIn? {
        guard let issuer = variables["OIDC_ISSUER"] else {
            for name in ["OIDC_CLIENT_ID", "OIDC_TENANT_CLAIM"] where variables[name] != nil {
                throw .malformed(name, problem: "it needs OIDC_ISSUER; example: OIDC_ISSUER=https://login.example.com")
            }
            return nil
        }
        guard let address = SecureAddress(issuer), !issuer.contains("?") else {
            throw .malformed(
                "OIDC_ISSUER",
                problem: "`\(issuer)` is no https address of an issuer; example: https://login.example.com"
            )
        }
        guard let client = variables["OIDC_CLIENT_ID"] else {
            throw .malformed(
                "OIDC_ISSUER",
                problem: "OIDC_CLIENT_ID is not set, so tokens for other programs would be valid; example: campaigns"
            )
        }
        return SignIn(issuer: address, clientID: client)
    }

    private static func keys(_ variables: Variables) throws(ConfigurationError) -> TokenIssuer.Keys? {
        let names = ["JWT_SECRET", "JWT_PUBLIC_KEY_FILE", "JWKS_FILE", "JWKS_URL"]
        let given = names.filter { variables[$0] != nil }
        guard given.count <= 1 else {
            throw .malformed(given[1], problem: "\(given[0]) is set too; keep one of them")
        }
        guard let name = given.first, let value = variables[name] else { return nil }
        switch name {
        case "JWT_SECRET": return try secret(value)
        case "JWT_PUBLIC_KEY_FILE": return .file(try file(name, value, parse: Self.publicKey))
        case "JWKS_FILE":
            return .file(try file(name, value) { text throws(TokenKeyError) in try TokenKeySet(jwks: text) })
        default: return .remote(RemoteKeySet(.keys(try keysAddress(value, variables))))
        }
    }

    private static func keysAddress(
        _ value: String,
        _ variables: Variables
    ) throws(ConfigurationError) -> SecureAddress {
        let example = "https://login.example.com/jwks.json"
        guard let address = SecureAddress(value) else {
            throw .malformed("JWKS_URL", problem: "`\(value)` is no https address; example: \(example)")
        }
        // The keys of a provider also sign tokens for other programs.
        for name in ["JWT_ISSUER", "JWT_AUDIENCE"] where variables[name] == nil {
            throw .malformed("JWKS_URL", problem: "\(name) is not set, so tokens for other programs would be valid")
        }
        return address
    }

    private static func secret(_ text: String) throws(ConfigurationError) -> TokenIssuer.Keys {
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

    /// The keys that a service fetches.
    package var remoteKeys: [RemoteKeySet] {
        issuers.compactMap { if case .remote(let remote) = $0.keys { remote } else { nil } }
    }

    /// Reads keys in a file again, which blocks, and has those of a provider fetched.
    ///
    /// - Throws: An error that says why those of the file cannot be used; the former keys stay.
    package func reload() throws {
        for remote in remoteKeys { remote.reload() }
        for issuer in issuers {
            if case .file(let file) = issuer.keys { try file.reload() }
        }
    }
}
