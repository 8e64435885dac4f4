public import FoundationEssentials

extension UUID: PostgresScalar {
    public func write(to text: inout PostgresText) {
        var value = uuid
        unsafe withUnsafeBytes(of: &value) { bytes in
            for index in 0..<16 {
                if index == 4 || index == 6 || index == 8 || index == 10 { text.append(byte: UInt8(ascii: "-")) }
                unsafe text.append(hex: bytes[index])
            }
        }
    }

    public static var binaryElement: PostgresType? { .uuid }

    public func writeBinary(to bytes: inout [UInt8]) {
        unsafe withUnsafeBytes(of: uuid) { unsafe bytes.append(contentsOf: $0) }
    }

    public static func decode(_ bytes: RawSpan, type: PostgresType) throws(PostgresDecodingFailure) -> UUID {
        guard type == .uuid, bytes.byteCount == 16 else { throw .wrongType }
        // Exactly 16 bytes, and every bit pattern is a UUID.
        return unsafe UUID(uuid: bytes.unsafeLoadUnaligned(as: uuid_t.self))
    }
}

extension Data: PostgresScalar {
    public var postgresBind: PostgresBind { .binary([UInt8](self)) }

    public func write(to text: inout PostgresText) {
        text.append("\\x")
        for byte in self { text.append(hex: byte) }
    }

    public func writeArrayElement(to text: inout PostgresText) {
        // Within `{…}` the backslash itself is escaped.
        text.append(byte: UInt8(ascii: "\\"))
        write(to: &text)
    }

    public static func decode(_ bytes: RawSpan, type: PostgresType) throws(PostgresDecodingFailure) -> Data {
        guard type == .bytea else { throw .wrongType }
        return unsafe bytes.withUnsafeBytes { unsafe Data($0) }
    }
}

/// Dates are `timestamptz`: exact to the microsecond for the years 1730 to 2270, where a `Date` is that precise.
extension Date: PostgresScalar {
    public func write(to text: inout PostgresText) {
        let microseconds = (timeIntervalSinceReferenceDate * 1_000_000).rounded()
        // Postgres' own range is 4714 BC to 294276 AD; the server refuses what lies outside of it.
        guard abs(microseconds) < 9.223372e18 else { return text.fail("the date is out of range") }
        CalendarTime(microsecondsSince2001: Int64(microseconds)).write(to: &text)
    }

    public static func decode(_ bytes: RawSpan, type: PostgresType) throws(PostgresDecodingFailure) -> Date {
        let microseconds: Int64
        switch type {
        case .timestamptz, .timestamp:
            guard let value = bytes.bigEndian(Int64.self, at: 0) else { throw .wrongType }
            guard value != .max, value != .min else { throw .invalid("holds infinity, which is no Date") }
            microseconds = value
        case .date:
            guard let days = bytes.bigEndian(Int32.self, at: 0) else { throw .wrongType }
            guard days != .max, days != .min else { throw .invalid("holds infinity, which is no Date") }
            microseconds = Int64(days) * 86_400_000_000
        default:
            throw .wrongType
        }
        // Postgres counts from 2000, Foundation from 2001; 2000 was a leap year.
        return Date(timeIntervalSinceReferenceDate: Double(microseconds - 31_622_400_000_000) / 1_000_000)
    }
}
