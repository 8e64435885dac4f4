/// The next step that a cluster's answer asks of the client.
enum RedisRedirection: Hashable, Sendable {
    /// The answer is final.
    case none
    /// The slot lives elsewhere for good.
    case moved(slot: UInt16, to: RedisConfiguration.Endpoint)
    /// Ask the server that the slot is moving to, for this command only.
    case ask(RedisConfiguration.Endpoint)
    /// Retry a little later: the slot is being moved, or no server has it at the moment.
    case later
    /// The server was not reached, and the command was not executed.
    case unreachable

    /// Reads a result.
    ///
    /// - Parameters:
    ///   - result: The answer of the server.
    ///   - host: The server's own host, which an address without one means.
    init(_ result: RedisResult, host: String) {
        guard case .failure(let error) = result else {
            self = .none
            return
        }
        switch error {
        case .server(let answer): self.init(answer, host: host)
        case .connection, .unknownHost, .connectionLost(mayHaveExecuted: false): self = .unreachable
        case .connectionLost, .timeout, .cancelled, .closed, .configuration, .decoding, .queueFull: self = .none
        }
    }

    private init(_ answer: RedisServerError, host: String) {
        switch answer.kind {
        case .moved(let slot, let address):
            self =
                RedisConfiguration.Endpoint(clusterAddress: address, host: host).map { .moved(slot: slot, to: $0) }
                ?? .later
        case .ask(_, let address):
            self = RedisConfiguration.Endpoint(clusterAddress: address, host: host).map { .ask($0) } ?? .later
        // Scripts answer this before they run, because their keys are checked first.
        case .tryAgain, .clusterDown: self = .later
        default: self = .none
        }
    }
}

extension RedisConfiguration.Endpoint {
    /// Reads `host:port` as a cluster writes it: IPv6 without brackets, and no host where it does not know its own.
    init?(clusterAddress: String, host: String) {
        guard let colon = clusterAddress.lastIndex(of: ":"),
            let port = Int(clusterAddress[clusterAddress.index(after: colon)...]), (1...65_535).contains(port)
        else { return nil }
        let name = String(clusterAddress[..<colon])
        self = .tcp(host: name.isEmpty || name == "?" ? host : name, port: port)
    }

    var host: String {
        switch self {
        case .tcp(let host, _): host
        case .unixSocket: "127.0.0.1"
        }
    }
}
