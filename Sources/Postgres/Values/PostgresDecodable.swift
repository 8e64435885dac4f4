/// A value that can be read from a column.
public protocol PostgresDecodable: Sendable {
    /// Reads a value that is not NULL from Postgres' binary form.
    ///
    /// - Parameters:
    ///   - bytes: The column's bytes.
    ///   - type: The column's type; check it before looking at the bytes.
    /// - Returns: The value.
    /// - Throws: ``PostgresDecodingFailure``, to which the caller adds column and types.
    static func decode(_ bytes: RawSpan, type: PostgresType) throws(PostgresDecodingFailure) -> Self
}

extension Array: PostgresDecodable where Element: PostgresArrayElement {
    public static func decode(_ bytes: RawSpan, type: PostgresType) throws(PostgresDecodingFailure) -> Self {
        try Element.decode(array: bytes, type: type)
    }
}

/// Why a column's bytes are not the value asked for.
public enum PostgresDecodingFailure: Error, Sendable, Equatable {
    /// The column has another type.
    case wrongType
    /// The value does not fit into the type asked for.
    case outOfRange
    /// An element of the array is NULL, but the element type is not optional.
    case nullElement
    /// The value is none of those that the type allows; completes the sentence `column "x" …`.
    case invalid(String)
}
