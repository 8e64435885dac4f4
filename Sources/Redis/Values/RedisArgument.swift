/// One argument of a command, kept as the bytes that Redis will see.
///
/// Literals and interpolated strings convert by themselves; for variables write `.text(name)`, `.integer(count)` or
/// `.bytes(payload)`. Any bytes are allowed, zero included.
public enum RedisArgument: Sendable, Hashable {
    case text(String)
    case integer(Int)
    case bytes([UInt8])

    /// Makes an argument of the UTF-8 bytes of a string or substring.
    public init(_ text: some StringProtocol) {
        self = .text(String(text))
    }

    /// Makes an argument of the decimal digits of a number.
    public init(_ integer: some BinaryInteger) {
        self = Int(exactly: integer).map(RedisArgument.integer) ?? .text(String(integer))
    }

    /// Makes an argument of bytes, for example of a `Data`.
    public init(_ bytes: some Collection<UInt8>) {
        self = .bytes(Array(bytes))
    }
}

extension RedisArgument: ExpressibleByStringInterpolation {
    public init(stringLiteral value: String) {
        self = .text(value)
    }
}

extension RedisArgument: ExpressibleByIntegerLiteral {
    public init(integerLiteral value: Int) {
        self = .integer(value)
    }
}
