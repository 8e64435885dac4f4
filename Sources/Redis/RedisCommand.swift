import Crypto

/// One command with its arguments, encoded once when it is made.
///
/// All arguments share one contiguous buffer. So a command costs one growing allocation, and the connection's thread
/// only copies it.
///
///     let command = RedisCommand("SET", "greeting", .text(text), "EX", 60)
public struct RedisCommand: Sendable {
    /// The name of the command in errors and log lines; the arguments never appear there.
    public let name: String

    /// The script to run, when the first two words are for the connection to choose: `EVALSHA sha` or `EVAL source`.
    let script: RedisScript?
    /// True if the whole script must be sent even where its digest seems to be known.
    private(set) var sendsSource = false
    /// The key that decides which server of a cluster gets the command; `nil` when it has none.
    private(set) var key: String?
    private var keyPosition: Int?
    private var arguments: [UInt8] = []
    private var argumentCount = 0

    /// Makes a command from its name and arguments.
    public init(_ name: String, _ arguments: RedisArgument...) {
        self.init(name, arguments: arguments)
    }

    /// Makes a command from a number of arguments that is known only at run time.
    public init(_ name: String, arguments: [RedisArgument]) {
        self.name = name
        self.script = nil
        keyPosition = Self.keyPosition(of: name)
        append(.text(name))
        for argument in arguments {
            append(argument)
        }
    }

    /// Makes the call of a script, for use in a pipeline.
    ///
    /// The first call on a connection carries the source, later ones the digest. Where a digest turns out to be unknown
    /// (`SCRIPT FLUSH`), the client repeats that call with the source, after the rest of the pipeline.
    public init(_ script: RedisScript, keys: [String], arguments: [RedisArgument] = []) {
        self.name = script.name
        self.script = script
        key = keys.first
        append(.integer(keys.count))
        for key in keys {
            append(.text(key))
        }
        for argument in arguments {
            append(argument)
        }
    }

    /// Adds one argument at the end.
    public mutating func append(_ argument: RedisArgument) {
        if argumentCount == keyPosition { key = argument.routingText }
        arguments.appendBulk(argument)
        argumentCount += 1
    }

    /// Returns the same call, with the script's source.
    func sendingSource() -> RedisCommand {
        var command = self
        command.sendsSource = true
        return command
    }

    /// Writes the command at the end of `buffer`.
    ///
    /// - Parameters:
    ///   - buffer: The bytes that go to the socket next.
    ///   - scriptIsKnown: True if the script's digest is enough.
    func encode(into buffer: inout [UInt8], scriptIsKnown: Bool) {
        guard let script else {
            buffer.appendCommandHeader(count: argumentCount)
            buffer.append(contentsOf: arguments)
            return
        }
        buffer.appendCommandHeader(count: argumentCount + 2)
        let usesDigest = scriptIsKnown && !sendsSource
        buffer.appendBulk(usesDigest ? "EVALSHA" : "EVAL")
        buffer.appendBulk(usesDigest ? script.sha1 : script.source)
        buffer.append(contentsOf: arguments)
    }
}

extension RedisCommand: CustomStringConvertible {
    public var description: String { name }
}

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

extension [UInt8] {
    /// Appends the header of a command with `count` arguments, its name included.
    mutating func appendCommandHeader(count: Int) {
        append(UInt8(ascii: "*"))
        appendDecimalLine(count)
    }

    /// Appends one argument in the form that Redis reads: its length, a line end, the bytes, a line end.
    mutating func appendBulk(_ argument: RedisArgument) {
        switch argument {
        case .text(let text): appendBulk(text)
        case .integer(let integer): appendBulk(String(integer))
        case .bytes(let bytes): appendBulk(contentsOf: bytes, count: bytes.count)
        }
    }

    mutating func appendBulk(_ text: String) {
        appendBulk(contentsOf: text.utf8, count: text.utf8.count)
    }

    private mutating func appendBulk(contentsOf bytes: some Sequence<UInt8>, count: Int) {
        append(UInt8(ascii: "$"))
        appendDecimalLine(count)
        append(contentsOf: bytes)
        appendLineEnd()
    }

    private mutating func appendDecimalLine(_ number: Int) {
        // Up to 15 digits live inside the String itself: no allocation.
        append(contentsOf: String(number).utf8)
        appendLineEnd()
    }

    private mutating func appendLineEnd() {
        append(UInt8(ascii: "\r"))
        append(UInt8(ascii: "\n"))
    }
}

/// A Lua script with its digest, made once and run many times.
///
/// Never put values into the source: each different source stays in the server's script cache. Pass them as keys and
/// arguments.
public final class RedisScript: Sendable {
    /// The name of the script in errors and log lines.
    public let name: String
    public let source: String
    /// The digest under which Redis caches the script: 40 lower-case hexadecimal digits.
    public let sha1: String

    /// Makes a script and computes its digest.
    public init(name: String, source: String) {
        self.name = name
        self.source = source
        // The protocol of Redis names scripts by this digest; nothing depends on its strength.
        sha1 = Insecure.SHA1.hash(data: Array(source.utf8))
            .map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
            .joined()
    }
}
