/// A reply of Redis, copied out of hiredis.
///
/// Read it with the `as…()` functions, whose errors name the expected and the actual type.
public enum RedisReply: Sendable, Hashable {
    case null
    case integer(Int)
    case string([UInt8])
    /// A short word such as `OK`.
    case status(String)
    case array([RedisReply])
    /// An error inside an array, such as one command of an `EXEC`; an error as the whole reply is thrown instead.
    case error(RedisServerError)
}

/// The reply to one command, or the reason why there is none.
public typealias RedisResult = Result<RedisReply, RedisError>

extension RedisReply {
    /// True if the reply is null.
    public var isNull: Bool { self == .null }

    /// The bytes of a string or status, `nil` for anything else.
    public var bytes: [UInt8]? {
        switch self {
        case .string(let bytes): bytes
        case .status(let status): Array(status.utf8)
        case .null, .integer, .array, .error: nil
        }
    }

    /// The text of a string or status, broken UTF-8 repaired; `nil` for anything else.
    public var text: String? {
        switch self {
        case .string(let bytes): String(decoding: bytes, as: UTF8.self)
        case .status(let status): status
        case .null, .integer, .array, .error: nil
        }
    }

    /// Returns an integer reply, or the number that a string reply spells in decimal.
    ///
    /// - Throws: ``RedisError/decoding(_:)``.
    public func asInt() throws(RedisError) -> Int {
        if case .integer(let integer) = self { return integer }
        guard let text, let integer = Int(text) else { throw mismatch("an integer") }
        return integer
    }

    /// Returns an integer as ``asInt()`` does, and `nil` for a null reply.
    ///
    /// - Throws: ``RedisError/decoding(_:)``.
    public func asOptionalInt() throws(RedisError) -> Int? {
        isNull ? nil : try asInt()
    }

    /// Returns the text of a string or status, broken UTF-8 repaired.
    ///
    /// - Throws: ``RedisError/decoding(_:)``.
    public func asText() throws(RedisError) -> String {
        guard let text else { throw mismatch("a string") }
        return text
    }

    /// Returns the bytes of a string or status.
    ///
    /// - Throws: ``RedisError/decoding(_:)``.
    public func asBytes() throws(RedisError) -> [UInt8] {
        guard let bytes else { throw mismatch("a string") }
        return bytes
    }

    /// Returns the elements of an array.
    ///
    /// - Throws: ``RedisError/decoding(_:)``.
    public func asArray() throws(RedisError) -> [RedisReply] {
        guard case .array(let elements) = self else { throw mismatch("an array") }
        return elements
    }

    private func mismatch(_ expected: String) -> RedisError {
        // Contents stay out of the text: they may be personal data.
        let found =
            switch self {
            case .null: "null"
            case .integer(let integer): "the integer \(integer)"
            case .string(let bytes): "a string of \(bytes.count) bytes"
            case .status(let status): "the status \(status)"
            case .array(let elements): "an array of \(elements.count)"
            case .error(let error): "the error '\(error)'"
            }
        return .decoding("expected \(expected) from Redis, got \(found)")
    }
}
