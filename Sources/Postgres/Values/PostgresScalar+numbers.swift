extension Bool: PostgresScalar {
    public func write(to text: inout PostgresText) {
        text.append(byte: self ? UInt8(ascii: "t") : UInt8(ascii: "f"))
    }

    public static func decode(_ bytes: RawSpan, type: PostgresType) throws(PostgresDecodingFailure) -> Bool {
        guard type == .bool, let byte = bytes.bigEndian(UInt8.self, at: 0) else { throw .wrongType }
        return byte != 0
    }
}

extension Int: PostgresInteger {}
extension Int16: PostgresInteger {}
extension Int32: PostgresInteger {}
extension Int64: PostgresInteger {}

extension Double: PostgresScalar {
    public func write(to text: inout PostgresText) {
        // Swift prints the shortest digits that read back as the same number, and so does Postgres.
        text.append(description)
    }

    public static func decode(_ bytes: RawSpan, type: PostgresType) throws(PostgresDecodingFailure) -> Double {
        let value: Double? =
            switch type {
            case .float8: bytes.bigEndian(UInt64.self, at: 0).map(Double.init(bitPattern:))
            case .float4: bytes.bigEndian(UInt32.self, at: 0).map { Double(Float(bitPattern: $0)) }
            case .int4: bytes.bigEndian(Int32.self, at: 0).map(Double.init)
            case .int2: bytes.bigEndian(Int16.self, at: 0).map(Double.init)
            case .numeric: try Numeric(bytes).double()
            default: nil
            }
        guard let value else { throw .wrongType }
        return value
    }
}
