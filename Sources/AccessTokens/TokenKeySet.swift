import Crypto
import CryptoExtras
import Foundation
import JSON

/// Keys by their `kid` (RFC 7517).
///
/// Compared by identity: two objects are different key sets.
final class TokenKeySet: Sendable {
    private let keys: [String: TokenKey]
    /// The key for tokens without a `kid`; `nil` if there are several keys.
    private let only: TokenKey?

    init(_ key: TokenKey) {
        keys = [:]
        only = key
    }

    /// Reads a JSON Web Key Set; keys for other purposes and of unsupported types are skipped.
    ///
    /// - Parameters:
    ///   - bytes: The set.
    ///   - isOurs: True for a file of ours, of which every key must be usable. Of a provider's set, keys that are not are
    ///     skipped, as RFC 7517 §5 says: they must not keep the others from use. A secret in it is none, as others can read it.
    /// - Throws: ``TokenKeyError`` if no key is left, or keys of ours have no distinct `kid`.
    init(jwks bytes: some Collection<UInt8>, isOurs: Bool = true) throws(TokenKeyError) {
        let set: JSONValue
        do {
            set = try JSONValue(parsing: bytes)
        } catch {
            throw .unreadable("\(error)")
        }
        guard let items = set["keys"]?.arrayValue else { throw .unreadable("it has no list `keys`") }
        var keys: [String: TokenKey] = [:]
        var all: [TokenKey] = []
        for (index, item) in items.enumerated() {
            if !isOurs, item["kty"]?.stringValue == "oct" { continue }
            let key: TokenKey
            do {
                guard let usable = try Self.key(item, index: index) else { continue }
                key = usable
            } catch {
                guard isOurs else { continue }
                throw error
            }
            if let id = item["kid"]?.stringValue {
                if keys[id] != nil {
                    guard isOurs else { continue }
                    throw .unreadable("two keys have the same `kid`")
                }
                keys[id] = key
            }
            all.append(key)
        }
        guard !all.isEmpty else {
            throw .unreadable("it has no key for \(isOurs ? "HS256, " : "")RS256 or ES256 signatures")
        }
        guard all.count == 1 || (isOurs ? keys.count == all.count : !keys.isEmpty) else {
            throw .unreadable("of several keys, each needs a `kid`")
        }
        self.keys = keys
        only = all.count == 1 ? all[0] : nil
    }

    /// Returns the key with this `kid`; `nil` if there is none.
    func key(_ id: String?) -> TokenKey? {
        guard let id else { return only }
        // A key without a `kid` is the only one and serves every token.
        return keys[id] ?? (keys.isEmpty ? only : nil)
    }

    private static func key(_ item: JSONValue, index: Int) throws(TokenKeyError) -> TokenKey? {
        if let use = item["use"]?.stringValue, use != "sig" { return nil }
        let key: TokenKey?
        switch (item["kty"]?.stringValue, item["crv"]?.stringValue) {
        case ("oct", _): key = secret(item)
        case ("RSA", _): key = rsa(item)
        case ("EC", "P-256"): key = ecdsa(item)
        default: return nil
        }
        guard let key else { throw .unreadable("key \(index + 1) is malformed or too short") }
        if let algorithm = item["alg"]?.stringValue, algorithm != key.algorithm { return nil }
        return key
    }

    private static func secret(_ item: JSONValue) -> TokenKey? {
        guard let bytes = bytes(item, "k"), bytes.count >= TokenSettings.shortestSecret else { return nil }
        return .hmac(SymmetricKey(data: bytes))
    }

    private static func rsa(_ item: JSONValue) -> TokenKey? {
        guard let modulus = bytes(item, "n"), modulus.count >= 256, let exponent = bytes(item, "e") else { return nil }
        // Numbers that make no key are a malformed key.
        return (try? _RSA.Signing.PublicKey(n: modulus, e: exponent)).map(TokenKey.rsa)
    }

    private static func ecdsa(_ item: JSONValue) -> TokenKey? {
        guard let x = bytes(item, "x"), let y = bytes(item, "y"), x.count == 32, y.count == 32 else { return nil }
        // Fails for a point that is not on the curve, which is a malformed key.
        return (try? P256.Signing.PublicKey(x963Representation: [4] + x + y)).map(TokenKey.ecdsa)
    }

    private static func bytes(_ item: JSONValue, _ name: String) -> [UInt8]? {
        item[name]?.stringValue.flatMap { Base64URL.bytes($0.utf8) }
    }
}

/// The reason why keys cannot be used.
enum TokenKeyError: Error, Hashable, CustomStringConvertible {
    case unreadable(String)

    var description: String {
        switch self {
        case .unreadable(let problem): problem
        }
    }
}

/// A key that verifies tokens of exactly one algorithm.
enum TokenKey: Sendable {
    case hmac(SymmetricKey)
    case rsa(_RSA.Signing.PublicKey)
    case ecdsa(P256.Signing.PublicKey)

    /// The algorithm depends on the key, never on the token; or a public key could be used as a secret for HS256.
    var algorithm: String {
        switch self {
        case .hmac: "HS256"
        case .rsa: "RS256"
        case .ecdsa: "ES256"
        }
    }

    /// Verifies a signature of bytes; compares an HMAC in constant time.
    func isValid(_ signature: [UInt8], of bytes: [UInt8]) -> Bool {
        switch self {
        case .hmac(let key):
            return HMAC<SHA256>.isValidAuthenticationCode(signature, authenticating: bytes, using: key)
        case .rsa(let key):
            let signature = _RSA.Signing.RSASignature(rawRepresentation: signature)
            return key.isValidSignature(signature, for: SHA256.hash(data: bytes), padding: .insecurePKCS1v1_5)
        case .ecdsa(let key):
            guard let signature = try? P256.Signing.ECDSASignature(rawRepresentation: signature) else {
                // Fails for a signature of another length, which is a wrong signature.
                return false
            }
            return key.isValidSignature(signature, for: bytes)
        }
    }

    /// Reads a public key in PEM: RSA of at least 2,048 bits, or P-256.
    init?(pem: String) {
        if let key = try? _RSA.Signing.PublicKey(pemRepresentation: pem) {
            self = .rsa(key)
        } else if let key = try? P256.Signing.PublicKey(pemRepresentation: pem) {
            self = .ecdsa(key)
        } else {
            // Neither parser accepts the text, so it is not a usable key.
            return nil
        }
    }
}
