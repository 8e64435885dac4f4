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

    /// Where the next element lies, or `nil` when it is NULL.
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
    /// The integer at `offset` in network byte order, or `nil` when it does not fit.
    func bigEndian<Value: FixedWidthInteger & BitwiseCopyable>(_ type: Value.Type, at offset: Int) -> Value? {
        guard offset >= 0, offset + MemoryLayout<Value>.size <= byteCount else { return nil }
        // Checked above; every bit pattern is an integer.
        return unsafe Value(bigEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: Value.self))
    }
}
