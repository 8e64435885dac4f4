public import FoundationEssentials

/// A single value with a text form; it and arrays of it can be bound and read.
///
/// An enum of strings needs nothing more than the conformance, for a Postgres enum and for a text column:
///
/// ```swift
/// enum CampaignStatus: String, PostgresScalar { case draft, running, completed }
/// ```
public protocol PostgresScalar: PostgresEncodable, PostgresDecodable, PostgresArrayElement {
    /// Adds the value in Postgres' text form.
    func write(to text: inout PostgresText)
    /// Adds the value as an element of `{…}`; needed only when the text form may contain quotes, commas, braces,
    /// backslashes or surrounding blanks, or may be empty or `NULL`.
    func writeArrayElement(to text: inout PostgresText)
    /// The element type of arrays that are sent in binary form, which the place that uses them must have too; `nil`
    /// sends arrays as text, whose type the server infers.
    static var binaryElement: PostgresType? { get }
    /// Adds the value in the binary form of ``binaryElement``.
    func writeBinary(to bytes: inout [UInt8])
    /// The reason why Postgres cannot store what ``writeBinary(to:)`` adds; `nil` if it can.
    var binaryFault: String? { get }
}

extension PostgresScalar {
    public static var binaryElement: PostgresType? { nil }

    public func writeBinary(to bytes: inout [UInt8]) {}

    public var binaryFault: String? { nil }

    public var postgresBind: PostgresBind {
        var text = PostgresText()
        write(to: &text)
        return .text(text)
    }

    public func writeArrayElement(to text: inout PostgresText) {
        write(to: &text)
    }

    public static func bind(array: [Self]) -> PostgresBind {
        guard let type = binaryElement else {
            return .text(.array(array) { element, text in element.writeArrayElement(to: &text) })
        }
        var binary = BinaryArray(of: type, count: array.count, size: 24)
        for element in array { binary.append(element) }
        return binary.bind
    }

    public static func decode(array bytes: RawSpan, type: PostgresType) throws(PostgresDecodingFailure) -> [Self] {
        var reader = try ArrayReader(bytes, type: type)
        var result: [Self] = []
        result.reserveCapacity(reader.count)
        for _ in 0..<reader.count {
            guard let range = try reader.next(in: bytes) else { throw .nullElement }
            result.append(try decode(bytes.extracting(range), type: reader.elementType))
        }
        return result
    }
}

extension PostgresScalar where Self: RawRepresentable, RawValue: PostgresScalar {
    public func write(to text: inout PostgresText) {
        rawValue.write(to: &text)
    }

    public func writeArrayElement(to text: inout PostgresText) {
        rawValue.writeArrayElement(to: &text)
    }

    public static func decode(_ bytes: RawSpan, type: PostgresType) throws(PostgresDecodingFailure) -> Self {
        let rawValue = try RawValue.decode(bytes, type: type)
        guard let value = Self(rawValue: rawValue) else {
            throw .invalid("holds '\(rawValue)', which is no \(Self.self)")
        }
        return value
    }
}

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
    /// Decodes text that the server sent; the connection speaks UTF-8.
    init(utf8 bytes: RawSpan) {
        self = unsafe bytes.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
    }
}

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
        // Postgres' own range is 4714 BC to 294276 AD; the server refuses dates outside of it.
        guard abs(microseconds) < 9.223372e18 else { return text.fail("the date is out of range") }
        text.append(microsecondsSince2001: Int64(microseconds))
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

/// The text of a `json` or `jsonb` value.
///
/// The caller encodes and decodes the JSON, with a decoder of its choice. Two values are equal if their texts are
/// equal; `jsonb` returns keys in its own order.
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
