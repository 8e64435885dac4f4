import Crypto
import Foundation
import NIOCore
import Testing

@testable import API

/// Signatures of WhatsApp's webhooks.
struct WebhookSignatureTests {
    @Test func acceptsOnlyTheRightSignatureOfTheExactBytes() {
        let body = ByteBuffer(string: #"{"entry":[],"text":"ol\u00e1"}"#)
        let code = HMAC<SHA256>.authenticationCode(
            for: body.readableBytesView,
            using: SymmetricKey(data: Data("key".utf8))
        )
        let hex = code.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
        let signature = WebhookSignature(appSecret: "key")
        for _ in 0..<2 { #expect(signature.isValid("sha256=\(hex)", for: body), "each time") }
        #expect(signature.isValid("sha256=\(hex.uppercased())", for: body))
        for wrong in [
            nil, "", hex, "sha256=", "sha1=\(hex)", "sha256=\(hex.dropLast())", "sha256=\(hex)0",
            "sha256=\(hex.dropLast())g",
            "sha256=" + String(repeating: "0", count: 64), "SHA256=\(hex)", "sha256= \(hex)",
        ] {
            #expect(!signature.isValid(wrong, for: body))
        }
        #expect(!WebhookSignature(appSecret: "other").isValid("sha256=\(hex)", for: body))
        let changed = ByteBuffer(string: #"{"entry":[],"text":"olá"}"#)
        #expect(!signature.isValid("sha256=\(hex)", for: changed))
    }
}
