extension RedisCommand {
    private static let keyless: Set<String> = [
        "ASKING", "AUTH", "CLIENT", "CLUSTER", "COMMAND", "CONFIG", "DBSIZE", "DEBUG", "DISCARD", "ECHO", "EXEC",
        "FLUSHALL", "FLUSHDB", "FUNCTION", "INFO", "KEYS", "MULTI", "PING", "PUBLISH", "RANDOMKEY", "READONLY", "SCAN",
        "SCRIPT", "SELECT", "TIME", "WAIT",
    ]

    /// The slot of the command's key; `nil` when it has none, and any server will do.
    var slot: UInt16? { key.map(RedisClusterSlot.slot(for:)) }

    /// Where a command has its first key, its name counted as 0; `nil` when it has none.
    static func keyPosition(of name: String) -> Int? {
        switch name.uppercased() {
        case let name where keyless.contains(name): nil
        case "MEMORY", "OBJECT": 2
        case "EVAL", "EVALSHA", "FCALL": 3
        default: 1
        }
    }
}

extension RedisArgument {
    /// The argument as the text of a key.
    var routingText: String {
        switch self {
        case .text(let text): text
        case .integer(let integer): String(integer)
        case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
        }
    }
}
