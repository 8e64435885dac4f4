/// Which server of a cluster has which slots.
struct RedisSlotMap: Sendable, Hashable {
    private var owners: [RedisConfiguration.Endpoint?]

    /// Makes a map of what `CLUSTER SLOTS` answered.
    ///
    /// - Parameters:
    ///   - reply: The answer.
    ///   - host: Stands in for servers that do not know their own address.
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

    /// The server of a slot; `nil` when nobody has it.
    func owner(of slot: UInt16) -> RedisConfiguration.Endpoint? { owners[Int(slot)] }

    /// Any server, for commands without a key.
    var anybody: RedisConfiguration.Endpoint? { owners.lazy.compactMap(\.self).first }

    /// Notes that a slot has moved.
    mutating func move(_ slot: UInt16, to endpoint: RedisConfiguration.Endpoint) {
        guard Int(slot) < owners.count else { return }
        owners[Int(slot)] = endpoint
    }
}
