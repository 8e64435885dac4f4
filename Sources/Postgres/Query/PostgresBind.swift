/// One value on its way to the server, already in the form in which it travels.
///
/// Made by ``PostgresEncodable/postgresBind``; never printed, so that values stay out of logs.
public struct PostgresBind: Sendable {
    enum Storage: Sendable {
        case null
        case text([UInt8])
        case binary([UInt8])
        /// The value has no form that Postgres accepts; says why. Reported when the query is sent.
        case invalid(String)
    }

    let storage: Storage

    /// SQL's NULL.
    public static let null = Self(storage: .null)

    /// A value in Postgres' text form; the server infers its type from the place it is used in.
    public static func text(_ text: PostgresText) -> Self {
        Self(storage: text.fault.map(Storage.invalid) ?? .text(text.bytes))
    }

    /// A value in the binary form of the type that the server infers.
    public static func binary(_ bytes: [UInt8]) -> Self {
        Self(storage: .binary(bytes))
    }
}

extension PostgresBind: CustomStringConvertible {
    /// Only whether there is a value, never the value.
    public var description: String {
        if case .null = storage { "NULL" } else { "•••" }
    }
}
