/// Paths as URI references (RFC 3986).
enum URIText {
    private static let allowed = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/".utf8)

    /// A relative path as a relative reference, and an absolute one as a `file:` URI.
    static func reference(to path: String) -> String {
        let start = path.hasPrefix("/") ? "file://" : ""
        return start
            + path.utf8.map { byte in
                guard !allowed.contains(byte) else { return String(Unicode.Scalar(byte)) }
                let digits = String(byte, radix: 16, uppercase: true)
                return "%" + (digits.count == 1 ? "0" : "") + digits
            }
            .joined()
    }
}
