import Crypto
public import Foundation

/// A key with which an identity provider signs tokens (ES256).
public struct TestSigner: Sendable {
    public let id: String
    private let key = P256.Signing.PrivateKey()

    public init(_ id: String) { self.id = id }

    /// The key as an entry of a JSON Web Key Set.
    public var entry: String {
        let point = key.publicKey.x963Representation.dropFirst()
        return #"{"kty":"EC","crv":"P-256","use":"sig","kid":"\#(id)","x":"\#(Self.base64(point.prefix(32)))","#
            + #""y":"\#(Self.base64(point.suffix(32)))"}"#
    }

    /// Returns a JSON Web Key Set.
    public static func keySet(_ signers: TestSigner..., others: [String] = []) -> String {
        #"{"keys":[\#((signers.map(\.entry) + others).joined(separator: ","))]}"#
    }

    /// Returns a signed token.
    ///
    /// - Parameters:
    ///   - claims: Texts, and `exp` as a number by ``lifetime``.
    ///   - lifetime: Seconds until it expires.
    ///   - now: The time of issue.
    /// - Returns: The token.
    /// - Throws: An error of the cryptography.
    public func token(_ claims: [String: String], lifetime: TimeInterval = 600, now: Date = Date()) throws -> String {
        var all: [String: any Sendable] = claims
        all["exp"] = Int(now.timeIntervalSince1970 + lifetime)
        let header = try JSONSerialization.data(withJSONObject: ["alg": "ES256", "kid": id])
        let signed = Self.base64(header) + "." + Self.base64(try JSONSerialization.data(withJSONObject: all))
        return signed + "." + Self.base64(try key.signature(for: Data(signed.utf8)).rawRepresentation)
    }

    private static func base64(_ data: Data) -> String {
        data.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }
}
