/// One command with its arguments, encoded once when it is made.
///
/// The arguments lie in one contiguous buffer, so a command costs one growing allocation however many it has, and the
/// connection's thread only copies it.
///
///     let command = RedisCommand("SET", "greeting", .text(text), "EX", 60)
public struct RedisCommand: Sendable {
    /// What an error or a log line may call the command; the arguments never appear there.
    public let name: String

    /// The script to run, when the first two words are for the connection to choose: `EVALSHA sha` or `EVAL source`.
    let script: RedisScript?
    /// Whether the whole script must be sent even where its digest seems to be known.
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

    /// Makes a command whose number of arguments is known only at run time.
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

    /// The same call, carrying the script's source.
    func sendingSource() -> RedisCommand {
        var command = self
        command.sendsSource = true
        return command
    }

    /// Writes the command at the end of `buffer`.
    ///
    /// - Parameters:
    ///   - buffer: What goes to the socket next.
    ///   - scriptIsKnown: Whether the script's digest is enough.
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
