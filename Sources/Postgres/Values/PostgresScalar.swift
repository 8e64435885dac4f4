/// A single value with a text form: bindable, readable, and so are arrays of it.
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
    /// The type of the elements when arrays travel in binary form, which the place they are used in must then have;
    /// `nil` sends them as text, whose type the server infers.
    static var binaryElement: PostgresType? { get }
    /// Adds the value in the binary form of ``binaryElement``.
    func writeBinary(to bytes: inout [UInt8])
    /// Why Postgres could not store what ``writeBinary(to:)`` adds; `nil` when it can.
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
