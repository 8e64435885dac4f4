/// A value that can be bound to a query.
///
/// Values travel as text of unknown type and the server infers the type from the place. Where it cannot
/// (`SELECT \(x)`), write a cast: `\(x)::int8`.
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
