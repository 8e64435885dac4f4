import Foundation

/// The alphabet of tokens and keys (RFC 4648 §5), without padding.
enum Base64URL {
    /// The bytes of a text; `nil` for any text that the encoder would not have written.
    static func bytes(_ text: some StringProtocol) -> [UInt8]? {
        guard !text.utf8.contains(where: { [UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "=")].contains($0) })
        else { return nil }
        let standard = String(text).replacing("-", with: "+").replacing("_", with: "/")
        let padding = String(repeating: "=", count: (4 - standard.utf8.count % 4) % 4)
        guard let data = Data(base64Encoded: standard + padding) else { return nil }
        // Several texts stand for the same bytes if the last bits are ignored: one token has one text.
        return Self.text(data) == String(text) ? Array(data) : nil
    }

    static func text(_ bytes: some DataProtocol) -> String {
        Data(bytes).base64EncodedString()
            .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }
}
