internal import Logging
internal import Synchronization

/// Sends commands to the servers of a cluster, each to the one that has its slot.
///
/// The map of slots is read from the first seed that answers, corrected by every `MOVED`, and read again after trouble.
/// Each server has one connection that all tasks share. Seeds that turn out to be no cluster are addresses of a single
/// server, tried in turn.
final class RedisCluster: Sendable {
    typealias Outcome = Result<RedisReply, RedisError>
    typealias Endpoint = RedisConfiguration.Endpoint

    enum Topology: Sendable {
        case unknown
        /// No cluster at all.
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

    /// How long one server may take to tell the slots, before another is asked.
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

    /// The connection to a server, made when it is needed first.
    func node(at endpoint: Endpoint) -> RedisNode {
        state.withLock { state in
            if let node = state.nodes[endpoint] { return node }
            var configuration = configuration
            configuration.endpoints = [endpoint]
            let node = RedisNode(configuration: configuration, logger: logger)
            // One that is made too late is never kept, and closes with its last command.
            if !state.isClosed { state.nodes[endpoint] = node }
            return node
        }
    }

    /// The map of slots, read first where it is not known or not believed any more.
    ///
    /// - Throws: ``RedisError`` when it is not known and nobody tells it.
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
            logger.debug("the slots of the cluster cannot be read", metadata: ["reason": "\(error)"])
            return known
        }
    }

    /// Notes that a slot has moved; the rest of the map is looked at with the next command.
    func learn(_ slot: UInt16, at endpoint: Endpoint) {
        state.withLock { state in
            guard case .slots(var map) = state.topology else { return }
            map.move(slot, to: endpoint)
            state.topology = .slots(map)
            state.isStale = true
        }
    }

    /// Has the map read again with the next command.
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
            let outcomes = await node.send(pipeline: [RedisCommand("CLUSTER", "SLOTS")], deadline: limit)
            switch outcomes[0] {
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
