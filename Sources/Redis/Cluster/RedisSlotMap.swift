/// The server of each slot of a cluster.
struct RedisSlotMap: Sendable, Hashable {
    private var owners: [RedisConfiguration.Endpoint?]

    /// Makes a map of what `CLUSTER SLOTS` answered.
    ///
    /// - Parameters:
    ///   - reply: The answer.
    ///   - host: The host of servers that do not know their own address.
    /// - Throws: ``RedisError/decoding(_:)``.
    init(_ reply: RedisReply, host: String) throws(RedisError) {
        owners = Array(repeating: nil, count: RedisClusterSlot.count)
        for entry in try reply.asArray() {
            let parts = try entry.asArray()
            guard parts.count >= 3 else { throw .decoding("an entry of CLUSTER SLOTS has \(parts.count) parts") }
            let (first, last) = (try parts[0].asInt(), try parts[1].asInt())
            guard first >= 0, first <= last, last < RedisClusterSlot.count else {
                throw .decoding("CLUSTER SLOTS answered the slots \(first) to \(last)")
            }
            let primary = try parts[2].asArray()
            guard primary.count >= 2 else { throw .decoding("a server of CLUSTER SLOTS has no port") }
            let name = primary[0].text ?? ""
            let address = name.isEmpty || name == "?" ? host : name
            let endpoint = RedisConfiguration.Endpoint.tcp(host: address, port: try primary[1].asInt())
            for slot in first...last { owners[slot] = endpoint }
        }
    }

    /// Returns the server of a slot; `nil` if no server has it.
    func owner(of slot: UInt16) -> RedisConfiguration.Endpoint? { owners[Int(slot)] }

    /// All servers that have slots.
    var servers: Set<RedisConfiguration.Endpoint> { Set(owners.compactMap(\.self)) }

    /// Any server, for commands without a key.
    var anybody: RedisConfiguration.Endpoint? { owners.lazy.compactMap(\.self).first }

    /// Records that a slot has moved.
    mutating func move(_ slot: UInt16, to endpoint: RedisConfiguration.Endpoint) {
        guard Int(slot) < owners.count else { return }
        owners[Int(slot)] = endpoint
    }
}

extension RedisCommand {
    private static let keyless: Set<String> = [
        "ASKING", "AUTH", "CLIENT", "CLUSTER", "COMMAND", "CONFIG", "DBSIZE", "DEBUG", "DISCARD", "ECHO", "EXEC",
        "FLUSHALL", "FLUSHDB", "FUNCTION", "INFO", "KEYS", "MULTI", "PING", "PUBLISH", "RANDOMKEY", "READONLY", "SCAN",
        "SCRIPT", "SELECT", "TIME", "WAIT",
    ]

    /// The slot of the command's key; `nil` when it has none, and any server will do.
    var slot: UInt16? { key.map(RedisClusterSlot.slot(for:)) }

    /// Returns the index of a command's first key, counting its name as 0; `nil` if it has none.
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

/// The place of keys in a Redis Cluster.
///
/// Use it to check that the keys of one script belong to one slot.
public enum RedisClusterSlot {
    /// The number of slots of every cluster.
    public static let count = 16_384

    /// Returns the slot of a key, 0 to 16,383: CRC16 of the hash tag if the key has one, else of the whole key.
    ///
    /// A hash tag is the text between the first `{` and the first `}` after it, unless that is empty.
    public static func slot(for key: String) -> UInt16 {
        crc16(hashed(ArraySlice(key.utf8))) % UInt16(count)
    }

    private static func hashed(_ key: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard let open = key.firstIndex(of: UInt8(ascii: "{")) else { return key }
        let rest = key[(open + 1)...]
        guard let close = rest.firstIndex(of: UInt8(ascii: "}")), close > rest.startIndex else { return key }
        return rest[..<close]
    }

    /// Computes CRC16/XMODEM: polynomial 0x1021, start 0, nothing reflected.
    private static func crc16(_ bytes: ArraySlice<UInt8>) -> UInt16 {
        bytes.reduce(0) { crc, byte in
            (0..<8).reduce(crc ^ UInt16(byte) << 8) { value, _ in
                value & 0x8000 == 0 ? value << 1 : value << 1 ^ 0x1021
            }
        }
    }
}
