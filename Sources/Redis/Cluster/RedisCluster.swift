internal import Logging
internal import Synchronization

/// Sends commands to the servers of a cluster, each to the one that has its slot.
///
/// The slot map is read from the first seed that answers, updated by every `MOVED`, and read again after errors. Each
/// server has one connection that all tasks share. Seeds that are not a cluster are addresses of a single server, tried
/// in turn.
final class RedisCluster: Sendable {
    typealias Endpoint = RedisConfiguration.Endpoint

    enum Topology: Sendable {
        case unknown
        /// The seeds are the addresses of one server, not of a cluster.
        case single
        case slots(RedisSlotMap)
    }

    private struct State {
        var topology = Topology.unknown
        var nodes: [Endpoint: RedisNode] = [:]
        var isStale = false
        var isRefreshing = false
        var isClosed = false
    }

    /// Time limit for reading the slot map from one server, before another is asked.
    private static let refreshTimeout = Duration.seconds(1)

    let seed: RedisNode
    private let configuration: RedisConfiguration
    private let logger: Logger
    private let state = Mutex(State())

    init(configuration: RedisConfiguration, seed: RedisNode, logger: Logger) {
        self.configuration = configuration
        self.seed = seed
        self.logger = logger
    }

    var nodes: [RedisNode] { state.withLock { Array($0.nodes.values) } }

    /// Returns the connection to a server, made on first use.
    func node(at endpoint: Endpoint) -> RedisNode {
        state.withLock { state in
            if let node = state.nodes[endpoint] { return node }
            var configuration = configuration
            configuration.endpoints = [endpoint]
            let node = RedisNode(configuration: configuration, logger: logger)
            // A connection made after shutdown is not kept, and closes with its last command.
            if !state.isClosed { state.nodes[endpoint] = node }
            return node
        }
    }

    /// Returns the slot map, and reads it first if it is unknown or outdated.
    ///
    /// - Throws: ``RedisError`` if it is unknown and no server answers.
    func topology(until deadline: ContinuousClock.Instant) async throws(RedisError) -> Topology {
        let (known, mustRefresh) = state.withLock { state in
            let mustRefresh = state.isStale && !state.isRefreshing
            if mustRefresh { state.isRefreshing = true }
            return (state.topology, mustRefresh)
        }
        if case .unknown = known { return try await refresh(until: deadline) }
        guard mustRefresh else { return known }
        defer { state.withLock { $0.isRefreshing = false } }
        do {
            return try await refresh(until: deadline)
        } catch {
            logger.debug("Could not read the slot map of the cluster", metadata: ["reason": "\(error)"])
            return known
        }
    }

    /// Returns the servers that have slots, with their addresses; the one server if the seeds are no cluster.
    func primaries(until deadline: ContinuousClock.Instant) async throws(RedisError) -> [(String, RedisNode)] {
        switch try await topology(until: deadline) {
        case .slots(let map): map.servers.map { ("\($0)", node(at: $0)) }
        case .single, .unknown: [(configuration.place, seed)]
        }
    }

    /// Records that a slot has moved; the rest of the map is read again with the next command.
    func learn(_ slot: UInt16, at endpoint: Endpoint) {
        state.withLock { state in
            guard case .slots(var map) = state.topology else { return }
            map.move(slot, to: endpoint)
            state.topology = .slots(map)
            state.isStale = true
        }
    }

    /// Marks the slot map as outdated.
    func distrust() {
        state.withLock { $0.isStale = true }
    }

    func shutdown() async {
        let nodes = state.withLock { state in
            state.isClosed = true
            return Array(state.nodes.values)
        }
        for node in nodes { await node.shutdown() }
    }

    private func refresh(until deadline: ContinuousClock.Instant) async throws(RedisError) -> Topology {
        var failure = RedisError.timeout(mayHaveExecuted: false)
        let host = configuration.endpoints.first?.host ?? "127.0.0.1"
        for node in [seed] + nodes {
            let limit = min(deadline, .now + (node === seed && nodes.isEmpty ? .seconds(60) : Self.refreshTimeout))
            let results = await node.send(pipeline: [RedisCommand("CLUSTER", "SLOTS")], deadline: limit)
            switch results[0] {
            case .success(let reply):
                let topology = Topology.slots(try RedisSlotMap(reply, host: host))
                adopt(topology)
                return topology
            case .failure(.server(let error)) where error.message.contains("cluster support disabled"):
                adopt(.single)
                return .single
            case .failure(let error): failure = error
            }
        }
        throw failure
    }

    private func adopt(_ topology: Topology) {
        state.withLock { state in
            state.topology = topology
            state.isStale = false
        }
    }
}

extension RedisCluster {
    /// Commands of one pipeline that go to one server together.
    private struct Group: Sendable {
        let node: RedisNode
        /// True if the server is asked although the slot is still being moved to it (`ASKING`).
        let isAsking: Bool
        var indices: [Int]
    }

    /// One command's next destination.
    private struct Destination: Hashable {
        let endpoint: Endpoint
        let isAsking: Bool
    }

    /// Number of redirections that are followed without a pause; more mean that servers disagree.
    private static let promptRedirections = 5

    /// Sends commands to the servers of their slots, and follows the cluster while it moves slots.
    ///
    /// Commands of one slot stay together and in order. What a server refused to execute because of its slot is sent
    /// again, until `deadline`, so the order against the others of the pipeline may change then. A transaction is never
    /// taken apart: it goes to one server, and is refused as a whole.
    func send(pipeline: [RedisCommand], deadline: ContinuousClock.Instant) async -> [RedisResult] {
        var results = [RedisResult](repeating: .failure(.timeout(mayHaveExecuted: false)), count: pipeline.count)
        var open = Array(pipeline.indices)
        var asked: [Int: Endpoint] = [:]
        let isTransaction = pipeline.contains { $0.name.uppercased() == "MULTI" }
        var rounds = 0
        while true {
            let map: RedisSlotMap
            do {
                switch try await topology(until: deadline) {
                case .slots(let slots): map = slots
                case .single, .unknown: return await seed.send(pipeline: pipeline, deadline: deadline)
                }
            } catch {
                for index in open { results[index] = .failure(error) }
                return results
            }
            let groups = groups(of: open, in: pipeline, map: map, asked: asked, isTransaction: isTransaction)
            for (index, result) in await exchange(groups, pipeline, deadline) { results[index] = result }
            let next = follow(groups, results: results)
            guard !next.again.isEmpty, !isTransaction, !Task.isCancelled else { return results }
            rounds += 1
            if next.mustWait || rounds > Self.promptRedirections {
                let pause = Self.pause(after: rounds)
                guard .now + pause < deadline else { return results }
                // Only cancellation ends the sleep early; it is checked after the next round.
                try? await Task.sleep(for: pause)
            }
            (open, asked) = (next.again, next.asked)
        }
    }

    /// Returns a delay that doubles from 10 ms to 320 ms, with jitter so that daemons do not retry at the same time.
    private static func pause(after rounds: Int) -> Duration {
        let ceiling = 10 << min(rounds, 5)
        return .milliseconds(Int.random(in: ceiling / 2...ceiling))
    }

    private func groups(
        of open: [Int],
        in pipeline: [RedisCommand],
        map: RedisSlotMap,
        asked: [Int: Endpoint],
        isTransaction: Bool
    ) -> [Group] {
        // Commands without a key go along with the others.
        let common = open.lazy.compactMap { pipeline[$0].slot.flatMap(map.owner(of:)) }.first ?? map.anybody
        var numbers: [Destination: Int] = [:]
        var groups: [Group] = []
        for index in open {
            let owner = isTransaction ? common : pipeline[index].slot.map { map.owner(of: $0) } ?? common
            let destination =
                asked[index].map { Destination(endpoint: $0, isAsking: true) }
                ?? owner.map { Destination(endpoint: $0, isAsking: false) }
            guard let destination else {
                // No server has the slot, so any server answers that the cluster is down.
                groups.append(Group(node: seed, isAsking: false, indices: [index]))
                continue
            }
            if let number = numbers[destination] {
                groups[number].indices.append(index)
            } else {
                numbers[destination] = groups.count
                groups.append(
                    Group(
                        node: node(at: destination.endpoint),
                        isAsking: destination.isAsking,
                        indices: [index]
                    )
                )
            }
        }
        return groups
    }

    private func exchange(
        _ groups: [Group],
        _ pipeline: [RedisCommand],
        _ deadline: ContinuousClock.Instant
    ) async -> [(Int, RedisResult)] {
        if groups.count == 1 { return await Self.exchange(groups[0], pipeline, deadline) }
        return await withTaskGroup { tasks in
            for group in groups { tasks.addTask { await Self.exchange(group, pipeline, deadline) } }
            return await tasks.reduce(into: []) { $0 += $1 }
        }
    }

    private static func exchange(
        _ group: Group,
        _ pipeline: [RedisCommand],
        _ deadline: ContinuousClock.Instant
    ) async -> [(Int, RedisResult)] {
        guard group.isAsking else {
            let results = await group.node.send(pipeline: group.indices.map { pipeline[$0] }, deadline: deadline)
            return Array(zip(group.indices, results))
        }
        // ASKING holds for the next command only, so nothing may have to be repeated: scripts go with their source.
        let commands = group.indices.flatMap { [RedisCommand("ASKING"), pipeline[$0].sendingSource()] }
        let results = await group.node.send(pipeline: commands, deadline: deadline)
        return group.indices.enumerated().map { ($1, results[2 * $0 + 1]) }
    }

    /// Applies redirections, and returns what to send again, where and when.
    private func follow(
        _ groups: [Group],
        results: [RedisResult]
    ) -> (again: [Int], asked: [Int: Endpoint], mustWait: Bool) {
        var again: [Int] = []
        var asked: [Int: Endpoint] = [:]
        var mustWait = false
        for group in groups {
            let host = group.node.configuration.endpoints.first?.host ?? "127.0.0.1"
            for index in group.indices {
                switch RedisRedirection(results[index], host: host) {
                case .none:
                    if case .failure(let error) = results[index], error.isLossOfServer { distrust() }
                    continue
                case .moved(let slot, let endpoint): learn(slot, at: endpoint)
                case .ask(let endpoint): asked[index] = endpoint
                case .later, .unreachable:
                    distrust()
                    mustWait = true
                }
                again.append(index)
            }
        }
        return (again.sorted(), asked, mustWait)
    }
}

extension RedisError {
    /// True if the server may be gone, so that its slots may be on another one.
    fileprivate var isLossOfServer: Bool {
        switch self {
        case .connectionLost, .timeout: true
        case .server(let error): error.kind == .readOnly || error.kind == .masterDown
        case .connection, .unknownHost, .cancelled, .closed, .configuration, .decoding, .queueFull: false
        }
    }
}
