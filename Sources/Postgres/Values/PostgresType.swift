/// The type of a column, as the server numbers it.
public struct PostgresType: Sendable, Hashable {
    public let oid: UInt32

    static let bool = Self(oid: 16)
    static let bytea = Self(oid: 17)
    static let int8 = Self(oid: 20)
    static let int2 = Self(oid: 21)
    static let int4 = Self(oid: 23)
    static let text = Self(oid: 25)
    static let oidType = Self(oid: 26)
    static let json = Self(oid: 114)
    static let float4 = Self(oid: 700)
    static let float8 = Self(oid: 701)
    static let date = Self(oid: 1082)
    static let timestamp = Self(oid: 1114)
    static let timestamptz = Self(oid: 1184)
    static let numeric = Self(oid: 1700)
    static let uuid = Self(oid: 2950)
    static let jsonb = Self(oid: 3802)

    /// The first number of types that are created in the database, such as enums.
    private static let firstUserDefined: UInt32 = 16_384

    /// True if the binary form is plain text: the text types, enums, and `citext`.
    var isText: Bool {
        switch oid {
        case 18, 19, 25, 705, 1042, 1043: true
        default: oid >= Self.firstUserDefined
        }
    }

    /// True if the binary form may be an array.
    var isArray: Bool {
        Self.arrays[oid] != nil || oid >= Self.firstUserDefined
    }

    private static let scalars: [UInt32: String] = [
        16: "bool", 17: "bytea", 18: "char", 19: "name", 20: "int8", 21: "int2", 23: "int4", 25: "text", 26: "oid",
        114: "json", 700: "float4", 701: "float8", 705: "unknown", 1042: "bpchar", 1043: "varchar", 1082: "date",
        1083: "time", 1114: "timestamp", 1184: "timestamptz", 1186: "interval", 1700: "numeric", 2278: "void",
        2249: "record", 2950: "uuid", 3802: "jsonb", 869: "inet", 650: "cidr",
    ]

    private static let arrays: [UInt32: String] = [
        1000: "bool[]", 1001: "bytea[]", 1002: "char[]", 1003: "name[]", 1016: "int8[]", 1005: "int2[]",
        1007: "int4[]", 1009: "text[]", 1028: "oid[]", 199: "json[]", 1021: "float4[]", 1022: "float8[]",
        1014: "bpchar[]", 1015: "varchar[]", 1182: "date[]", 1115: "timestamp[]", 1185: "timestamptz[]",
        1187: "interval[]", 1231: "numeric[]", 2951: "uuid[]", 3807: "jsonb[]",
    ]
}

extension PostgresType: CustomStringConvertible {
    /// The SQL name of a built-in type, or the number of another.
    public var description: String {
        Self.scalars[oid] ?? Self.arrays[oid] ?? "type \(oid)"
    }
}

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

/// An error in decoding a column.
public enum PostgresDecodingFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// The column has another type.
    case wrongType
    /// The value does not fit into the type asked for.
    case outOfRange
    /// An element of the array is NULL, but the element type is not optional.
    case nullElement
    /// The value is not one that the type allows; completes the sentence `column "x" …`.
    case invalid(String)

    public var description: String {
        switch self {
        case .wrongType: "has another type"
        case .outOfRange: "has a value that does not fit"
        case .nullElement: "has an element that is NULL"
        case .invalid(let problem): problem
        }
    }
}

/// A value that can be bound to a query.
///
/// Values are sent as text of unknown type, and the server infers the type from the place. If it cannot, as in
/// `SELECT \(x)`, write a cast: `\(x)::int8`. Arrays of text, UUIDs and JSON are sent in binary form, as `text[]`,
/// `uuid[]` and `jsonb[]`: if the place has another type, cast from these, as in `\(x)::text[]::citext[]`.
public protocol PostgresEncodable: Sendable {
    /// The encoded value.
    var postgresBind: PostgresBind { get }
}

extension Optional: PostgresEncodable where Wrapped: PostgresEncodable {
    public var postgresBind: PostgresBind {
        switch self {
        case .none: .null
        case .some(let value): value.postgresBind
        }
    }
}

extension Array: PostgresEncodable where Element: PostgresArrayElement {
    public var postgresBind: PostgresBind { Element.bind(array: self) }
}
