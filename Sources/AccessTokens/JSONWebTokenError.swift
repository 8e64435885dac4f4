/// Why an access token is refused; for the log, never for the caller.
package enum JSONWebTokenError: Error, Hashable, CustomStringConvertible {
    case malformed(String)
    /// The `alg` of the header is not that of the key, or none that is known.
    case algorithm
    case unknownKey
    case badSignature
    case expired
    case notYetValid
    case missingClaim(String)
    case wrongClaim(String)

    package var description: String {
        switch self {
        case .malformed(let what): "the token is malformed: \(what)"
        case .algorithm: "the token's algorithm is not that of its key"
        case .unknownKey: "no key has the token's `kid`"
        case .badSignature: "the token's signature is wrong"
        case .expired: "the token has expired"
        case .notYetValid: "the token is not valid yet"
        case .missingClaim(let name): "the token has no usable claim `\(name)`"
        case .wrongClaim(let name): "the token's claim `\(name)` is not what is asked for"
        }
    }
}
