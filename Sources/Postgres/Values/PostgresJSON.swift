/// The text of a `json` or `jsonb` value.
///
/// Encoding and decoding of the JSON itself is the caller's, with whatever decoder it likes. Two values are equal
/// when their texts are; `jsonb` gives keys back in its own order.
public struct PostgresJSON: PostgresScalar, Hashable {
    public let text: String

    /// Wraps JSON text; the server checks it.
    public init(text: String) {
        self.text = text
    }

    public func write(to output: inout PostgresText) {
        output.append(text)
    }

    public static var binaryElement: PostgresType? { .jsonb }

    public func writeBinary(to bytes: inout [UInt8]) {
        // The version of the format.
        bytes.append(1)
        bytes += text.utf8
    }

    public var binaryFault: String? { text.binaryFault }

    public static func decode(_ bytes: RawSpan, type: PostgresType) throws(PostgresDecodingFailure) -> PostgresJSON {
        switch type {
        case .json:
            return PostgresJSON(text: String(utf8: bytes))
        case .jsonb:
            // The first byte is the version of the format; there has only ever been 1.
            guard bytes.bigEndian(UInt8.self, at: 0) == 1 else { throw .invalid("holds an unknown version of jsonb") }
            return PostgresJSON(text: String(utf8: bytes.extracting(droppingFirst: 1)))
        default:
            throw .wrongType
        }
    }
}
