import Foundation
import JSON

/// The parts of a JSON Web Token (RFC 7519), not verified yet.
struct JSONWebToken {
    /// Maximum length of a token in bytes.
    private static let maximumLength = 8_192

    let algorithm: String
    let keyID: String?
    /// Header and claims as they were sent, which the signature covers.
    let signedBytes: [UInt8]
    let signature: [UInt8]
    private let claims: [String: JSONValue]

    init(_ text: String) throws(JSONWebTokenError) {
        guard text.utf8.count <= Self.maximumLength else { throw .malformed("it is too long") }
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3 else { throw .malformed("expected three parts") }
        let header = try Self.object(parts[0], "header")
        // Critical extensions are unknown here, so the token cannot be verified.
        guard header["crit"] == nil else { throw .malformed("its header has critical extensions") }
        guard let algorithm = header["alg"]?.stringValue else { throw .algorithm }
        guard let signature = Base64URL.bytes(parts[2]) else { throw .malformed("its signature is not base64url") }
        self.algorithm = algorithm
        keyID = header["kid"]?.stringValue
        claims = try Self.object(parts[1], "claims")
        signedBytes = Array(text.utf8[..<parts[1].endIndex])
        self.signature = signature
    }

    /// Returns the text of a claim; `nil` if it is absent or has another type.
    func text(_ claim: String) -> String? { claims[claim]?.stringValue }

    /// Returns a claim of any type; `nil` if it is absent.
    func value(_ claim: String) -> JSONValue? { claims[claim] }

    /// Returns the texts of a claim that is a text or a list of texts.
    func texts(_ claim: String) -> [String] {
        claims[claim]?.arrayValue?.compactMap(\.stringValue) ?? text(claim).map { [$0] } ?? []
    }

    /// Returns the time of a claim in seconds since 1970; `nil` if it is absent.
    func time(_ claim: String) throws(JSONWebTokenError) -> Double? {
        switch claims[claim] {
        case nil: return nil
        case .integer(let seconds): return Double(seconds)
        case .number(let seconds): return seconds
        default: throw .wrongClaim(claim)
        }
    }

    private static func object(_ part: Substring.UTF8View, _ name: String) throws(JSONWebTokenError) -> [String:
        JSONValue]
    {
        guard let bytes = Base64URL.bytes(part) else { throw .malformed("its \(name) is not base64url") }
        do {
            if let object = try JSONValue(parsing: bytes).objectValue { return object }
        } catch {
            // The parser's error quotes the token, which must not be logged.
            throw .malformed("its \(name) is not JSON")
        }
        throw .malformed("its \(name) is not a JSON object")
    }
}

/// The time in which a token is valid, from its claims `exp`, `nbf` and `iat` (RFC 7519 §4.1).
struct TokenLifetime: Hashable, Sendable {
    /// Tolerated difference of clocks in seconds.
    private static let leeway = 60.0

    /// The later of `nbf` and `iat` in seconds since 1970; `nil` if both are absent.
    private let start: Double?
    /// `exp` in seconds since 1970.
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

    /// The last second of the year 9999: later times have no text form, and clocks cannot count up to them.
    private static let latest = 253_402_300_799.0

    /// The time from which the token is refused; the end of the year 9999 if it is later.
    var expiresAt: Date { Date(timeIntervalSince1970: min(expiry, Self.latest)) }

    func check(at now: Date) throws(JSONWebTokenError) {
        let now = now.timeIntervalSince1970
        guard now < expiry else { throw .expired }
        if let start, start > now + Self.leeway { throw .notYetValid }
    }
}

/// The reason why an access token is refused; for the log, never for the caller.
package enum JSONWebTokenError: Error, Hashable, CustomStringConvertible {
    case malformed(String)
    /// The `alg` of the header is unknown, or not that of the key.
    case algorithm
    case unknownKey
    /// The keys of the issuer could not be fetched yet, or not for too long.
    case noKeys
    case badSignature
    case expired
    case notYetValid
    case missingClaim(String)
    case wrongClaim(String)
    /// A person has signed in, and the claim that names the tenant is missing or has a wrong value.
    case noTenant(String)

    package var description: String {
        switch self {
        case .malformed(let what): "the token is malformed: \(what)"
        case .algorithm: "the algorithm of the token is not that of its key"
        case .unknownKey: "no key has the token's `kid`"
        case .noKeys: "the keys of the identity provider could not be fetched"
        case .badSignature: "the signature of the token is wrong"
        case .expired: "the token has expired"
        case .notYetValid: "the token is not valid yet"
        case .missingClaim(let name): "the claim `\(name)` is missing or has a wrong type"
        case .wrongClaim(let name): "the claim `\(name)` has a wrong value"
        case .noTenant(let name): "the claim `\(name)` names no tenant"
        }
    }
}
