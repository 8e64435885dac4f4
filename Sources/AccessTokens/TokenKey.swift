import Crypto
import CryptoExtras
import Foundation

/// A key that verifies tokens of one algorithm, and of that one only.
enum TokenKey: Sendable {
    case hmac(SymmetricKey)
    case rsa(_RSA.Signing.PublicKey)
    case ecdsa(P256.Signing.PublicKey)

    /// The key decides on the algorithm, never the token: a public key is no secret for HS256.
    var algorithm: String {
        switch self {
        case .hmac: "HS256"
        case .rsa: "RS256"
        case .ecdsa: "ES256"
        }
    }

    /// Whether a signature is that of the bytes; takes the same time for every wrong HMAC.
    func isValid(_ signature: [UInt8], of bytes: [UInt8]) -> Bool {
        switch self {
        case .hmac(let key):
            return HMAC<SHA256>.isValidAuthenticationCode(signature, authenticating: bytes, using: key)
        case .rsa(let key):
            let signature = _RSA.Signing.RSASignature(rawRepresentation: signature)
            return key.isValidSignature(signature, for: SHA256.hash(data: bytes), padding: .insecurePKCS1v1_5)
        case .ecdsa(let key):
            guard let signature = try? P256.Signing.ECDSASignature(rawRepresentation: signature) else {
                // A signature of another length is a wrong signature.
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
            // What neither reader takes is no key for us, whatever their reasons.
            return nil
        }
    }
}
