import HTTPTypes

/// The header `Idempotency-Key`, under which a request may be repeated without another effect.
enum IdempotencyKey {
    private static let name = HTTPField.Name("Idempotency-Key") ?? .from

    /// Reads the key.
    ///
    /// - Returns: `nil` if the request has none.
    /// - Throws: ``Problem`` if it is empty, too long, or has other characters.
    static func read(_ headers: HTTPFields) throws(Problem) -> String? {
        guard let key = headers[name] else { return nil }
        guard (1...200).contains(key.utf8.count), key.utf8.allSatisfy({ (0x20...0x7e).contains($0) }) else {
            throw .parameter("Idempotency-Key", "1 to 200 printable ASCII characters")
        }
        return key
    }
}
