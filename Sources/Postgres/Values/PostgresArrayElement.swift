/// A type whose arrays can be bound and read.
///
/// Scalars and optional scalars become Postgres arrays; `[UInt8]` is `bytea`.
public protocol PostgresArrayElement: Sendable {
    /// The array in the form in which it travels.
    static func bind(array: [Self]) -> PostgresBind
    /// Reads an array from Postgres' binary form.
    static func decode(array bytes: RawSpan, type: PostgresType) throws(PostgresDecodingFailure) -> [Self]
}

extension Optional: PostgresArrayElement where Wrapped: PostgresScalar {
    public static func bind(array: [Wrapped?]) -> PostgresBind {
        guard let type = Wrapped.binaryElement else {
            return .text(
                .array(array) { element, text in
                    if let element { element.writeArrayElement(to: &text) } else { text.append("NULL") }
                }
            )
        }
        var binary = BinaryArray(of: type, count: array.count, size: 24)
        for element in array {
            if let element { binary.append(element) } else { binary.appendNull() }
        }
        return binary.bind
    }

    public static func decode(array bytes: RawSpan, type: PostgresType) throws(PostgresDecodingFailure) -> [Wrapped?] {
        var reader = try ArrayReader(bytes, type: type)
        var result: [Wrapped?] = []
        result.reserveCapacity(reader.count)
        for _ in 0..<reader.count {
            guard let range = try reader.next(in: bytes) else {
                result.append(nil)
                continue
            }
            result.append(try Wrapped.decode(bytes.extracting(range), type: reader.elementType))
        }
        return result
    }
}

extension UInt8: PostgresArrayElement {
    public static func bind(array: [UInt8]) -> PostgresBind { .binary(array) }

    public static func decode(array bytes: RawSpan, type: PostgresType) throws(PostgresDecodingFailure) -> [UInt8] {
        guard type == .bytea else { throw .wrongType }
        return unsafe bytes.withUnsafeBytes { unsafe Array($0) }
    }
}

extension PostgresText {
    /// The literal `{…}` of a one-dimensional array.
    static func array<Element>(_ elements: [Element], write: (Element, inout PostgresText) -> Void) -> PostgresText {
        var text = PostgresText(capacity: elements.count * 40 + 2)
        text.append(byte: UInt8(ascii: "{"))
        for (index, element) in elements.enumerated() {
            if index > 0 { text.append(byte: UInt8(ascii: ",")) }
            write(element, &text)
        }
        text.append(byte: UInt8(ascii: "}"))
        return text
    }
}
