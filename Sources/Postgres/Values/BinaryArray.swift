/// A one-dimensional array in the binary form of Postgres, being written.
///
/// The form is that of ``ArrayReader``. Neither side has to quote, escape or parse then.
struct BinaryArray {
    private static let header = 20

    private var bytes: [UInt8]
    private var fault: String?

    /// Begins an array.
    ///
    /// - Parameters:
    ///   - element: The type of its elements, which must be that of the place where it is used.
    ///   - count: How many elements will be written.
    ///   - size: How many bytes each may be expected to have.
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
        // Says that there are some; the server looks for itself, as every element has its length.
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
