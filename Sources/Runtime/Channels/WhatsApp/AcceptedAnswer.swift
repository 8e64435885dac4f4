import JSON

/// Finds the id in the answer to an accepted message, without making values of the rest.
struct AcceptedAnswer: Hashable {
    let id: String
    /// The `message_status`, unless it is `accepted`.
    let messageStatus: String?

    /// Makes an answer of the first message in it.
    init(id: String, messageStatus: String?) {
        self.id = id
        self.messageStatus = messageStatus == "accepted" ? nil : messageStatus.map { String($0.prefix(50)) }
    }

    /// Reads the first message; `nil` if the answer is written in an unusual way and has to be decoded.
    init?(scanning text: UnsafeRawBufferPointer) {
        var scanner = JSONScanner(text)
        var first: (id: UnsafeRawBufferPointer?, status: UnsafeRawBufferPointer?) = (nil, nil)
        var isFound = false
        let isWhole = scanner.object { scanner, key in
            guard !isFound, Self.equals(key, "messages") else { return scanner.skipValue() }
            isFound = true
            guard scanner.skip(UInt8(ascii: "[")) else { return false }
            let isObject = scanner.object { scanner, key in
                if first.id == nil, Self.equals(key, "id") {
                    first.id = scanner.string()
                    return first.id != nil
                }
                if first.status == nil, Self.equals(key, "message_status") {
                    first.status = scanner.string()
                    return first.status != nil
                }
                return scanner.skipValue()
            }
            return isObject && scanner.skip(UInt8(ascii: "]"))
        }
        guard isWhole, scanner.isAtEnd, let bytes = first.id, let id = String(validating: bytes, as: UTF8.self) else {
            return nil
        }
        guard let status = first.status, !Self.equals(status, "accepted") else {
            self.init(id: id, messageStatus: nil)
            return
        }
        guard let text = String(validating: status, as: UTF8.self) else { return nil }
        self.init(id: id, messageStatus: text)
    }

    private static func equals(_ text: UnsafeRawBufferPointer, _ name: StaticString) -> Bool {
        name.withUTF8Buffer { text.elementsEqual($0) }
    }
}
