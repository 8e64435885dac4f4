import JSON
import Synchronization

/// The description of an identity provider by itself (OpenID Connect Discovery 1.0, §3), as far as signing in needs it.
package struct ProviderMetadata: Hashable, Sendable {
    package let keys: SecureAddress
    package let authorizationEndpoint: SecureAddress
    package let tokenEndpoint: SecureAddress
    /// The address at which people end their session; `nil` if there is no such address.
    package let endSessionEndpoint: SecureAddress?

    /// Reads the answer of a provider.
    ///
    /// - Throws: ``ProviderError``; a provider that names itself otherwise could sign for another one, so nothing of it
    ///   is used.
    package init(parsing bytes: some Collection<UInt8>, issuer: SecureAddress) throws(ProviderError) {
        let document: JSONValue
        do {
            document = try JSONValue(parsing: bytes)
        } catch {
            throw .malformed("its description is no JSON: \(error)")
        }
        guard let name = document["issuer"]?.stringValue else { throw .malformed("its description has no `issuer`") }
        guard name == issuer.text else { throw .otherIssuer(name) }
        func address(_ field: String) throws(ProviderError) -> SecureAddress {
            guard let address = document[field]?.stringValue.flatMap(SecureAddress.init) else {
                throw .malformed("`\(field)` of its description is no https address")
            }
            return address
        }
        keys = try address("jwks_uri")
        authorizationEndpoint = try address("authorization_endpoint")
        tokenEndpoint = try address("token_endpoint")
        endSessionEndpoint = document["end_session_endpoint"]?.stringValue.flatMap(SecureAddress.init)
        let methods = document["code_challenge_methods_supported"]?.arrayValue?.compactMap(\.stringValue)
        // Several providers take the method without listing any.
        supportsChallenges = methods?.contains("S256") ?? true
    }

    private let supportsChallenges: Bool

    /// Returns the reason why pages cannot sign people in; `nil` if they can.
    func obstacle(issuer: SecureAddress) -> String? {
        if !supportsChallenges { return "the identity provider does not support PKCE with S256" }
        guard tokenEndpoint.origin == issuer.origin else {
            return "the token endpoint of the identity provider is at \(tokenEndpoint.origin), and the pages may only "
                + "send requests to the origin of OIDC_ISSUER, \(issuer.origin)"
        }
        return nil
    }
}

/// The reason why an identity provider cannot be used.
package enum ProviderError: Error, Hashable, CustomStringConvertible {
    /// It gave no answer, or not the one that was asked for.
    case noAnswer(String)
    case malformed(String)
    /// Its description names another issuer, which only another setting mends.
    case otherIssuer(String)

    package var description: String {
        switch self {
        case .noAnswer(let reason), .malformed(let reason): reason
        case .otherIssuer(let name):
            "the provider at this address calls itself `\(name.prefix(200))`; set exactly that, if it is yours"
        }
    }
}

/// The sign-in of people at an identity provider, as a public client.
///
/// The metadata follow when the provider has answered.
package final class SignIn: Sendable {
    package let issuer: SecureAddress
    package let clientID: String
    private let found = Mutex<ProviderMetadata?>(nil)

    init(issuer: SecureAddress, clientID: String) {
        (self.issuer, self.clientID) = (issuer, clientID)
    }

    package var metadata: ProviderMetadata? {
        get { found.withLock { $0 } }
        set { found.withLock { $0 = newValue } }
    }

    /// The reason why nobody can sign in now; `nil` if people can.
    package var obstacle: String? {
        guard let metadata else { return "the identity provider has not answered yet; try again in a moment" }
        return metadata.obstacle(issuer: issuer)
    }

    /// The address of the metadata.
    package var description: SecureAddress? {
        let base = issuer.text.hasSuffix("/") ? String(issuer.text.dropLast()) : issuer.text
        return SecureAddress(base + "/.well-known/openid-configuration")
    }
}
