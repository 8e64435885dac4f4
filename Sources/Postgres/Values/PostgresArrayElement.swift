/// A type whose arrays can be bound and read.
///
/// Scalars and optional scalars become Postgres arrays; `[UInt8]` is `bytea`.
public protocol PostgresArrayElement: Sendable {
    /// Encodes an array.
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
    /// Writes the literal `{…}` of a one-dimensional array.
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

/// Walks the binary form of a one-dimensional array.
///
/// The form is: dimensions, flags, element type, then size and lower bound of the dimension, then each element
/// with its length, −1 for NULL.
struct ArrayReader {
    let count: Int
    let elementType: PostgresType
    private var offset: Int

    init(_ bytes: RawSpan, type: PostgresType) throws(PostgresDecodingFailure) {
        guard type.isArray, let dimensions = bytes.bigEndian(Int32.self, at: 0),
            let element = bytes.bigEndian(UInt32.self, at: 8)
        else { throw .wrongType }
        elementType = PostgresType(oid: element)
        guard dimensions > 0 else {
            count = 0
            offset = 0
            return
        }
        guard dimensions == 1, let size = bytes.bigEndian(Int32.self, at: 12), size >= 0 else {
            throw .invalid("holds an array of \(dimensions) dimensions; only one can be read")
        }
        count = Int(size)
        offset = 20
    }

    /// Returns the range of the next element, or `nil` if it is NULL.
    mutating func next(in bytes: RawSpan) throws(PostgresDecodingFailure) -> Range<Int>? {
        guard let length = bytes.bigEndian(Int32.self, at: offset) else { throw .wrongType }
        offset += 4
        guard length >= 0 else { return nil }
        let start = offset
        offset += Int(length)
        guard offset <= bytes.byteCount else { throw .wrongType }
        return start..<offset
    }
}

extension RawSpan {
    /// Reads the integer at `offset` in network byte order; `nil` if it does not fit.
    func bigEndian<Value: FixedWidthInteger & BitwiseCopyable>(_ type: Value.Type, at offset: Int) -> Value? {
        guard offset >= 0, offset + MemoryLayout<Value>.size <= byteCount else { return nil }
        // Checked above; every bit pattern is an integer.
        return unsafe Value(bigEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: Value.self))
    }
}

/// Writes a one-dimensional array in the binary form of Postgres.
///
/// The form is that of ``ArrayReader``. With it neither side has to quote, escape or parse.
struct BinaryArray {
    private static let header = 20

    private var bytes: [UInt8]
    private var fault: String?

    /// Begins an array.
    ///
    /// - Parameters:
    ///   - element: The type of its elements, which must be that of the place where it is used.
    ///   - count: The number of elements that will be written.
    ///   - size: The expected number of bytes of each element.
    init(of element: PostgresType, count: Int, size: Int) {
        bytes = []
        bytes.reserveCapacity(Self.header + count * (size + 4))
        append(UInt32(count == 0 ? 0 : 1))
        append(UInt32(0))
        append(element.oid)
        guard count > 0 else { return }
        append(UInt32(clamping: count))
        append(UInt32(1))
    }

    mutating func appendNull() {
        // The flag for NULLs; the server ignores it, because every element has its length.
        bytes[7] = 1
        append(UInt32.max)
    }

    mutating func append<Element: PostgresScalar>(_ element: Element) {
        let start = bytes.count
        append(UInt32(0))
        element.writeBinary(to: &bytes)
        let length = UInt32(clamping: bytes.count - start - 4)
        for index in 0..<4 { bytes[start + index] = UInt8(truncatingIfNeeded: length >> (24 - 8 * index)) }
        if fault == nil { fault = element.binaryFault }
    }

    var bind: PostgresBind { fault.map { PostgresBind(storage: .invalid($0)) } ?? .binary(bytes) }

    private mutating func append(_ value: UInt32) {
        unsafe withUnsafeBytes(of: value.bigEndian) { unsafe bytes.append(contentsOf: $0) }
    }
}
