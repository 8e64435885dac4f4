/// A value that can be bound to a query.
///
/// Values travel as text of unknown type and the server infers the type from the place. Where it cannot
/// (`SELECT \(x)`), write a cast: `\(x)::int8`. Arrays of text, UUIDs and JSON travel in binary form, as `text[]`, `uuid[]`
/// and `jsonb[]`: where the place has another type, cast from these, as in `\(x)::text[]::citext[]`.
public protocol PostgresEncodable: Sendable {
    /// The value in the form in which it travels.
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
