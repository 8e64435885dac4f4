import Foundation
import JSON

/// The parts of a JSON Web Token (RFC 7519), taken apart and not yet trusted.
struct JSONWebToken {
    /// Longer texts are no tokens of anybody.
    private static let maximumLength = 8_192

    let algorithm: String
    let keyID: String?
    /// What is signed: header and claims as they were sent.
    let signedBytes: [UInt8]
    let signature: [UInt8]
    private let claims: [String: JSONValue]

    init(_ text: String) throws(JSONWebTokenError) {
        guard text.utf8.count <= Self.maximumLength else { throw .malformed("it is too long") }
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3 else { throw .malformed("it has not three parts") }
        let header = try Self.object(parts[0], "header")
        // What a critical extension demands is unknown here, so nobody can say that the token is good.
        guard header["crit"] == nil else { throw .malformed("its header has critical extensions") }
        guard let algorithm = header["alg"]?.stringValue else { throw .algorithm }
        guard let signature = Base64URL.bytes(parts[2]) else { throw .malformed("its signature is not base64url") }
        self.algorithm = algorithm
        keyID = header["kid"]?.stringValue
        claims = try Self.object(parts[1], "claims")
        signedBytes = Array(text.utf8[..<parts[1].endIndex])
        self.signature = signature
    }

    /// The text of a claim; a claim of another type counts as missing.
    func text(_ claim: String) -> String? { claims[claim]?.stringValue }

    /// The texts of a claim that may be one or a list of them.
    func texts(_ claim: String) -> [String] {
        claims[claim]?.arrayValue?.compactMap(\.stringValue) ?? text(claim).map { [$0] } ?? []
    }

    /// A time in seconds since 1970; `nil` when it is absent.
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
            // What it quotes comes from the token, and would stand in the log.
            throw .malformed("its \(name) is no JSON")
        }
        throw .malformed("its \(name) is no JSON object")
    }
}
