import Crypto
import Foundation
import JSON
import NIOCore
import NIOFoundationEssentialsCompat
import Spec

/// How webhooks show that they come from WhatsApp: `X-Hub-Signature-256`, an HMAC over the raw bytes.
struct WebhookSignature: Sendable {
    private static let scheme = "sha256="

    /// Has the key in it already, which is half the work for a small webhook.
    private let hmac: HMAC<SHA256>

    init(appSecret: String) {
        hmac = HMAC<SHA256>(key: SymmetricKey(data: Data(appSecret.utf8)))
    }

    /// Checks `sha256=<hex>`, in a time that does not depend on what differs.
    func isValid(_ signature: String?, for body: ByteBuffer) -> Bool {
        guard let signature, signature.hasPrefix(Self.scheme),
            let code = Self.code(hex: signature.dropFirst(Self.scheme.count))
        else { return false }
        var hmac = hmac
        hmac.update(data: body.readableBytesView)
        return hmac.finalize() == code
    }

    /// The bytes of an HMAC-SHA-256 in hexadecimal digits; `nil` if it is none.
    static func code(hex: Substring) -> [UInt8]? {
        guard hex.utf8.count == 64 else { return nil }
        var code: [UInt8] = []
        code.reserveCapacity(32)
        var high: UInt8?
        for character in hex.utf8 {
            guard let digit = UInt8(hexDigit: character) else { return nil }
            if let first = high { code.append(first << 4 | digit) }
            high = high == nil ? digit : nil
        }
        return code
    }
}
