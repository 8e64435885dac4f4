extension String: PostgresScalar {
    public func write(to text: inout PostgresText) {
        text.append(self)
    }

    public func writeArrayElement(to text: inout PostgresText) {
        text.appendQuoted(self)
    }

    public static var binaryElement: PostgresType? { .text }

    public func writeBinary(to bytes: inout [UInt8]) {
        bytes += utf8
    }

    public var binaryFault: String? {
        utf8.contains(0) ? "the text contains U+0000, which Postgres cannot store" : nil
    }

    public static func decode(_ bytes: RawSpan, type: PostgresType) throws(PostgresDecodingFailure) -> String {
        guard type.isText else { throw .wrongType }
        return String(utf8: bytes)
    }
}

extension String {
    /// Text that the server sent; the connection speaks UTF-8.
    init(utf8 bytes: RawSpan) {
        self = unsafe bytes.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
    }
}
