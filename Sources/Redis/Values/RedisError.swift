/// Why a command has no usable reply.
public enum RedisError: Error, Sendable, Hashable {
    /// Redis answered with an error; whatever a script wrote before its error stays written.
    case server(RedisServerError)
    /// There was no connection before the deadline, for the named reason; the command was not executed.
    case connection(String)
    /// The connection broke before the reply came.
    case connectionLost(mayHaveExecuted: Bool)
    /// The deadline passed before the reply came.
    case timeout(mayHaveExecuted: Bool)
    /// The task was cancelled; the command may or may not be executed.
    case cancelled
    /// The client was shut down; the command was not executed.
    case closed
    /// A setting is wrong; the text names the remedy.
    case configuration(String)
    /// The reply has another shape than was asked for.
    case decoding(String)
    /// Too many commands wait for the connection; the command was not executed.
    case queueFull(limit: Int)
}

extension RedisError {
    /// Whether trying again later can help without anybody changing the program or its settings.
    ///
    /// Repeating is safe only where ``mayHaveExecuted`` is false or the command has the same effect twice.
    public var isTransient: Bool {
        switch self {
        case .server(let error): error.kind.isTransient
        case .connection, .connectionLost, .timeout, .queueFull: true
        case .cancelled, .closed, .configuration, .decoding: false
        }
    }

    /// Whether Redis may have executed the command, in full or in part; `false` only where it certainly did not.
    public var mayHaveExecuted: Bool {
        switch self {
        case .connectionLost(let mayHaveExecuted), .timeout(let mayHaveExecuted): mayHaveExecuted
        case .server(let error): error.mayHaveExecuted
        case .cancelled, .decoding: true
        case .connection, .closed, .configuration, .queueFull: false
        }
    }
}

extension RedisServerError {
    /// A script can fail with any error after it wrote something, so only refusals at the door are certain.
    var mayHaveExecuted: Bool {
        switch kind {
        case .loading, .busy, .noScript, .noAuth, .wrongPass, .moved, .ask, .clusterDown, .masterDown: false
        case .readOnly, .outOfMemory, .misconfigured, .tryAgain, .crossSlot, .noPermission, .wrongType, .execAbort,
            .other:
            true
        }
    }
}

extension RedisError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .server(let error): "Redis answered: \(error)"
        case .connection(let reason): "no connection to Redis: \(reason)"
        case .connectionLost(let mayHaveExecuted): "connection to Redis lost; \(Self.outcome(mayHaveExecuted))"
        case .timeout(let mayHaveExecuted): "no reply from Redis within the deadline; \(Self.outcome(mayHaveExecuted))"
        case .cancelled: "cancelled while waiting for Redis"
        case .closed: "the Redis client is shut down"
        case .configuration(let text), .decoding(let text): text
        case .queueFull(let limit): "more than \(limit) commands wait for Redis; slow down or look at the connection"
        }
    }

    private static func outcome(_ mayHaveExecuted: Bool) -> String {
        mayHaveExecuted ? "the command may have been executed" : "the command was not executed"
    }
}
