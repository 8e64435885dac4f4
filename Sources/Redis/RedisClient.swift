public import Logging

/// A client of a Redis server or Redis Cluster, shared by any number of tasks.
///
/// With one address there is one connection. Several are the seeds of a cluster, each server of which gets a connection:
/// commands go to the server that has the slot of their key, and follow it when it moves (`MOVED`, `ASK`, `TRYAGAIN`,
/// `CLUSTERDOWN`) until their deadline. Seeds that are no cluster are addresses of one server, tried in turn. With
/// sentinels the connection leads to the primary that they name, and is replaced when that server is demoted.
///
/// Commands that wait are written together and answered in order, so many tasks cost few round trips. The connection is
/// made with the first command and replaced whenever it breaks; a client never has to be made anew. Commands that had
/// not been written then wait for the new connection; the others fail with ``RedisError/connectionLost(mayHaveExecuted:)``.
///
/// A reply that misses its deadline also ends the connection, so choose deadlines that a healthy server never misses.
/// Commands that block (`BLPOP`, `WAIT`) or change the connection (`SELECT`, `SUBSCRIBE`, `MULTI` outside one pipeline)
/// must not be sent, because all tasks share the connection.
///
///     let client = RedisClient(configuration: try RedisConfiguration(url: url), logger: logger)
///     let count = try await client.send(RedisCommand("INCR", "visits")).asInt()
public final class RedisClient: Sendable {
    public let configuration: RedisConfiguration
    private let seed: RedisNode
    /// The cluster; `nil` with one address.
    private let cluster: RedisCluster?

    /// Makes a client; nothing is connected before the first command.
    public init(configuration: RedisConfiguration, logger: Logger) {
        self.configuration = configuration
        self.seed = RedisNode(configuration: configuration, logger: logger)
        self.cluster =
            configuration.endpoints.count > 1
            ? RedisCluster(configuration: configuration, seed: seed, logger: logger) : nil
    }

    /// The counters of the client.
    public var statistics: RedisStatistics {
        (cluster?.nodes ?? []).reduce(into: seed.statistics) { $0.add($1.statistics) }
    }

    /// Sends one command.
    ///
    /// When the task is cancelled this returns at once; the command is then either never written, or its reply is dropped.
    ///
    /// - Parameters:
    ///   - command: The command.
    ///   - deadline: The time to give up; `nil` is the configuration's `commandTimeout` from now.
    /// - Returns: The reply, never ``RedisReply/error(_:)``.
    /// - Throws: ``RedisError``; an error that Redis answered is ``RedisError/server(_:)``.
    public func send(
        _ command: RedisCommand,
        deadline: ContinuousClock.Instant? = nil
    ) async throws(RedisError) -> RedisReply {
        guard let result = await send(pipeline: [command], deadline: deadline).first else { throw .closed }
        return try result.get()
    }

    /// Sends commands right after one another on one connection.
    ///
    /// No command of another task comes between them, so `MULTI` … `EXEC` is safe. If the connection breaks in the
    /// middle, the rest is not continued on another one. If Redis has forgotten the digest of a script, the script is
    /// sent again with its source, after the others; put everything into one script if that would break the order. In a
    /// cluster this holds for the commands of one slot.
    ///
    /// - Parameters:
    ///   - pipeline: The commands; none gives no results.
    ///   - deadline: The time to give up; `nil` is the configuration's `commandTimeout` from now.
    /// - Returns: One result per command, in the same order.
    public func send(
        pipeline: [RedisCommand],
        deadline: ContinuousClock.Instant? = nil
    ) async -> [RedisResult] {
        let deadline = deadline ?? .now + configuration.commandTimeout
        guard let cluster else { return await seed.send(pipeline: pipeline, deadline: deadline) }
        return await cluster.send(pipeline: pipeline, deadline: deadline)
    }

    /// Runs a script, by its digest wherever Redis knows it.
    ///
    /// - Parameters:
    ///   - script: The script.
    ///   - keys: Every key that the script touches (`KEYS`).
    ///   - arguments: Everything else (`ARGV`).
    ///   - deadline: The time to give up; `nil` is the configuration's `commandTimeout` from now.
    /// - Returns: The result of the script.
    /// - Throws: ``RedisError``; the writes of a failing script are kept.
    public func run(
        _ script: RedisScript,
        keys: [String],
        arguments: [RedisArgument] = [],
        deadline: ContinuousClock.Instant? = nil
    ) async throws(RedisError) -> RedisReply {
        try await send(RedisCommand(script, keys: keys, arguments: arguments), deadline: deadline)
    }

    /// The id of the history of writes of the primary that sentinels named last; `nil` without sentinels, and before the
    /// first connection.
    ///
    /// Each failover begins a new history, which lacks the last writes of the former one.
    public var replicationID: String? { configuration.sentinels == nil ? nil : seed.statistics.replicationID }

    /// Has the sentinels asked before the next command, in case they name another primary by now.
    ///
    /// - Returns: False without sentinels.
    public func askSentinelsAgain() -> Bool {
        guard configuration.sentinels != nil else { return false }
        seed.askSentinelsAgain()
        return true
    }

    /// Returns the eviction policy of each server that tells it: what it does when its memory is full.
    ///
    /// - Parameter deadline: The time to give up.
    /// - Returns: The policies, such as `noeviction`, by the addresses of the servers, all primaries of a cluster
    ///   included.
    /// - Throws: ``RedisError`` if it is unknown which servers there are.
    public func evictionPolicies(
        deadline: ContinuousClock.Instant? = nil
    ) async throws(RedisError) -> [String: String] {
        let deadline = deadline ?? .now + configuration.commandTimeout
        var policies: [String: String] = [:]
        for (address, node) in try await cluster?.primaries(until: deadline) ?? [(configuration.place, seed)] {
            // Managed servers refuse CONFIG, and this section has the same value.
            let reply = await node.send(pipeline: [RedisCommand("INFO", "memory")], deadline: deadline)
            guard let text = try? reply.first?.get().text else { continue }
            policies[address] = RedisInfo(text)["maxmemory_policy"]
        }
        return policies
    }

    /// Refuses further commands, waits for those in flight (each bounded by its deadline) and closes the connection.
    public func shutdown() async {
        await cluster?.shutdown()
        await seed.shutdown()
    }
}

/// Counts since the client was made, for metrics and tests.
public struct RedisStatistics: Sendable, Hashable {
    /// Commands written to a connection, repeats included.
    public internal(set) var commandsSent = 0
    public internal(set) var repliesReceived = 0
    /// Round trips: the number of groups of commands that were written at once.
    public internal(set) var writes = 0
    public internal(set) var connectionsOpened = 0
    public internal(set) var connectionsLost = 0
    /// Sends that failed because their deadline passed.
    public internal(set) var timeouts = 0
    /// Sends that ended because their task was cancelled.
    public internal(set) var cancellations = 0
    /// Commands that are not written yet.
    public internal(set) var waiting = 0
    /// Commands written and not answered yet.
    public internal(set) var inFlight = 0
    public internal(set) var isConnected = false
    /// The history of writes of the last primary that sentinels named.
    var replicationID: String?
    /// The reason why the last connection broke or could not be opened; `nil` if none did.
    public internal(set) var lastConnectionError: String?
}

extension RedisStatistics {
    /// Adds what another connection has done.
    mutating func add(_ other: RedisStatistics) {
        commandsSent += other.commandsSent
        repliesReceived += other.repliesReceived
        writes += other.writes
        connectionsOpened += other.connectionsOpened
        connectionsLost += other.connectionsLost
        timeouts += other.timeouts
        cancellations += other.cancellations
        waiting += other.waiting
        inFlight += other.inFlight
        isConnected = isConnected || other.isConnected
        lastConnectionError = lastConnectionError ?? other.lastConnectionError
    }
}
