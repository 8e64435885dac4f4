import JSON

/// Finds the id in the answer to an accepted message, without making values of the rest.
enum AcceptedAnswer {
    /// Returns the id of the first message; `nil` if the answer is written in an unusual way and has to be decoded.
    static func messageID(in text: UnsafeRawBufferPointer) -> String? {
        var scanner = JSONScanner(text)
        guard let id = firstValue(of: "messages", in: &scanner, read: firstID), scanner.isAtEnd else { return nil }
        return String(validating: id, as: UTF8.self)
    }

    private static func firstID(_ scanner: inout JSONScanner) -> UnsafeRawBufferPointer? {
        guard scanner.skip(UInt8(ascii: "[")) else { return nil }
        let id = firstValue(of: "id", in: &scanner) { $0.string() }
        return scanner.skip(UInt8(ascii: "]")) ? id : nil
    }

    /// Reads one value of an object and skips the others.
    private static func firstValue(
        of name: StaticString,
        in scanner: inout JSONScanner,
        read: (inout JSONScanner) -> UnsafeRawBufferPointer?
    ) -> UnsafeRawBufferPointer? {
        var value: UnsafeRawBufferPointer?
        let isWhole = scanner.object { scanner, key in
            let isWanted = value == nil && name.withUTF8Buffer { key.elementsEqual($0) }
            guard isWanted else { return scanner.skipValue() }
            value = read(&scanner)
            return value != nil
        }
        return isWhole ? value : nil
    }
}
