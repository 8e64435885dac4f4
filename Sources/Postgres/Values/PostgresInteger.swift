/// The integers: any width is read from any column of integers, as long as the value fits.
public protocol PostgresInteger: PostgresScalar, FixedWidthInteger {}

extension PostgresInteger {
    public func write(to text: inout PostgresText) {
        text.append(String(self))
    }

    public static func decode(_ bytes: RawSpan, type: PostgresType) throws(PostgresDecodingFailure) -> Self {
        let wide: Int64? =
            switch type {
            case .int8: bytes.bigEndian(Int64.self, at: 0)
            case .int4: bytes.bigEndian(Int32.self, at: 0).map(Int64.init)
            case .int2: bytes.bigEndian(Int16.self, at: 0).map(Int64.init)
            case .oidType: bytes.bigEndian(UInt32.self, at: 0).map(Int64.init)
            case .numeric: try Numeric(bytes).integer()
            default: nil
            }
        guard let wide else { throw .wrongType }
        guard let value = Self(exactly: wide) else { throw .outOfRange }
        return value
    }
}
