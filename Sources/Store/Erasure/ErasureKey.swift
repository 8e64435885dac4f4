import Crypto
import Foundation
import JSON

/// The key under which opt-outs of erased people are kept; it is never stored in the database.
public struct ErasureKey: Sendable {
    /// The shortest secret, in bytes.
    public static let shortest = 32

    private let key: SymmetricKey

    /// Makes a key.
    ///
    /// - Returns: `nil` if the secret is too short.
    public init?(_ secret: String) {
        guard secret.utf8.count >= Self.shortest else { return nil }
        key = SymmetricKey(data: Data(secret.utf8))
    }

    /// Identifies the key without telling it.
    var id: String { String(code("key").prefix(16)) }

    /// Returns the hash of an id in its one form.
    func hash(_ contactKey: String, tenant: String) -> String { code("contact\n\(tenant)\n\(contactKey)") }

    private func code(_ text: String) -> String {
        Array(HMAC<SHA256>.authenticationCode(for: Data(text.utf8), using: key)).hexText
    }
}

/// The reason why people cannot be erased, or contacts not be added.
public enum ErasureError: Error, Hashable, CustomStringConvertible {
    case noKey
    /// Erased people of the tenant had opted out, and cannot be recognized.
    case unrecognized(tenant: String)
    /// People of the tenant were erased with another key.
    case otherKey(tenant: String)

    public var description: String {
        switch self {
        case .noKey:
            "ERASURE_KEY is not set, so an opt-out could not be kept; set it to a secret of \(ErasureKey.shortest) bytes or more, "
                + "the same for the daemon and for imports"
        case .unrecognized(let tenant):
            "tenant `\(tenant)` has erased people who had opted out, and they are recognized only by ERASURE_KEY; set it as it "
                + "was when they were erased"
        case .otherKey(let tenant):
            "people of tenant `\(tenant)` were erased with another ERASURE_KEY; set it as it was then, or they would get messages "
                + "again"
        }
    }
}
