import Crypto
public import Foundation
package import Logging
import Synchronization

/// Verifies access tokens.
///
/// It uses swift-crypto directly. JWTKit 5 was weighed when keys began to come from identity providers, and would not lessen
/// what must be right here. Fetching, caching and rotating keys are not part of it, so they would stay ours, and so would
/// the choice of the key and what it leaves open: it takes a default key for an unknown `kid`, and ignores `crit`, `use` and
/// duplicate claims. For a key without `alg`, as those of Entra ID are, it fixes the algorithm that the
/// first token names, before its signature is verified; so a stranger could lock everybody out. What it would replace is
/// ``TokenKey``, about 50 lines over swift-crypto, for 5,200 lines of JWTKit and the parser of X.509 in the daemon.
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

    /// Returns the caller of a token, after checks of its issuer, signature, times and claims, in this order.
    ///
    /// A token that was verified before, with the keys that are in use now, only has its times checked.
    package func caller(of text: String, logger: @autoclosure () -> Logger) async throws(JSONWebTokenError) -> Caller {
        if let known = verified.entry(of: text),
            await settings.issuers[known.issuer].keys(for: known.keyID, logger: logger()) === known.keys
        {
            try known.lifetime.check(at: now())
            return known.caller
        }
        let token = try JSONWebToken(text)
        let (index, issuer) = try issuer(of: token)
        guard let keys = await issuer.keys(for: token.keyID, logger: logger()) else { throw .noKeys }
        guard let key = keys.key(token.keyID) else { throw .unknownKey }
        guard token.algorithm == key.algorithm else { throw .algorithm }
        guard key.isValid(token.signature, of: token.signedBytes) else { throw .badSignature }
        let lifetime = try TokenLifetime(token)
        try lifetime.check(at: now())
        let caller = Caller(
            tenantID: try tenant(of: token, issuer),
            subject: try name("sub", of: token, upTo: 255),
            scopes: issuer.scopes(of: token),
            expiresAt: lifetime.expiresAt
        )
        verified.note(text, .init(caller: caller, lifetime: lifetime, issuer: index, keyID: token.keyID, keys: keys))
        return caller
    }

    /// Returns the first issuer that a token names, with its place among the issuers.
    ///
    /// Nothing is proven by that: the keys of this issuer, and no others, decide whether the token is from it.
    private func issuer(of token: JSONWebToken) throws(JSONWebTokenError) -> (Int, TokenIssuer) {
        var mismatch = JSONWebTokenError.wrongClaim("iss")
        for (index, issuer) in settings.issuers.enumerated() {
            guard let problem = issuer.mismatch(of: token) else { return (index, issuer) }
            mismatch = problem
        }
        throw mismatch
    }

    private func tenant(of token: JSONWebToken, _ issuer: TokenIssuer) throws(JSONWebTokenError) -> String {
        do {
            return try name(issuer.tenantClaim, of: token, upTo: 50)
        } catch {
            // A person who has signed in correctly can only be helped by who administers the provider.
            throw issuer.isSignIn ? .noTenant(issuer.tenantClaim) : error
        }
    }

    /// Returns a claim that is used in statements and logs, so it must be short and without control characters.
    private func name(_ claim: String, of token: JSONWebToken, upTo limit: Int) throws(JSONWebTokenError) -> String {
        guard let text = token.text(claim) else { throw .missingClaim(claim) }
        let scalars = text.unicodeScalars
        let hasControls = scalars.contains { $0.properties.generalCategory == .control }
        guard !scalars.isEmpty, scalars.count <= limit, !hasControls else { throw .wrongClaim(claim) }
        return text
    }
}

/// The sender of a request, from its access token.
public struct Caller: Hashable, Sendable {
    /// The tenant whose data the caller may see.
    public let tenantID: String
    /// The user or program, from the claim `sub`.
    public let subject: String
    public let scopes: AccessScopes
    /// The time from which the token is refused, from the claim `exp`.
    public let expiresAt: Date
}

/// A cache of verified access tokens, so that a program's token is verified once and not with each request.
///
/// An entry is valid only with the keys that it was verified with, and within its lifetime; the verifier checks both.
/// Tokens are secrets, so the cache has their SHA-256. Only valid tokens are added, so attackers cannot fill it.
package final class VerifiedTokens: Sendable {
    struct Entry: Sendable {
        let caller: Caller
        let lifetime: TokenLifetime
        /// The place of its issuer among the settings.
        var issuer = 0
        /// The `kid` of the token.
        let keyID: String?
        /// The keys that verified the signature.
        let keys: TokenKeySet
    }

    private struct State {
        /// Recently used entries.
        var young: [SHA256.Digest: Entry] = [:]
        /// Entries used before `young` was started.
        var old: [SHA256.Digest: Entry] = [:]
    }

    /// Half of the capacity.
    private let generation: Int
    private let state = Mutex(State())

    /// Creates an empty cache.
    ///
    /// - Parameter capacity: Maximum number of entries, at least 2, of about 200 bytes each. The least recently used
    ///   are evicted first.
    init(capacity: Int = 8_192) {
        generation = capacity / 2
    }

    var count: Int { state.withLock { $0.young.count + $0.old.count } }

    /// Returns the entry of a token; `nil` if it was not verified, or is evicted.
    func entry(of token: String) -> Entry? {
        let digest = Self.digest(token)
        return state.withLock { state in
            if let entry = state.young[digest] { return entry }
            guard let entry = state.old.removeValue(forKey: digest) else { return nil }
            insert(entry, for: digest, in: &state)
            return entry
        }
    }

    /// Adds a verified token.
    func note(_ token: String, _ entry: Entry) {
        let digest = Self.digest(token)
        state.withLock { state in
            state.old[digest] = nil
            insert(entry, for: digest, in: &state)
        }
    }

    private func insert(_ entry: Entry, for digest: SHA256.Digest, in state: inout State) {
        if state.young.count >= generation {
            state.old = state.young
            state.young.removeAll(keepingCapacity: true)
        }
        state.young[digest] = entry
    }

    private static func digest(_ token: String) -> SHA256.Digest {
        var token = token
        return token.withUTF8 { SHA256.hash(data: UnsafeRawBufferPointer($0)) }
    }
}
