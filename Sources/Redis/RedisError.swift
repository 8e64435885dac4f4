/// An error of a command or of the settings.
public enum RedisError: Error, Sendable, Hashable {
    /// Redis answered with an error; the writes of a script before its error are kept.
    case server(RedisServerError)
    /// There was no connection before the deadline, for the named reason; the command was not executed.
    case connection(String)
    /// The host of the address has no entry in the DNS; the command was not executed.
    case unknownHost(String)
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
    /// True if the same command may succeed later without a change of program or settings.
    ///
    /// Repeating is safe only where ``mayHaveExecuted`` is false or the command has the same effect twice.
    public var isTransient: Bool {
        switch self {
        case .server(let error): error.kind.isTransient
        case .connection, .unknownHost, .connectionLost, .timeout, .queueFull: true
        case .cancelled, .closed, .configuration, .decoding: false
        }
    }

    /// True if Redis may have executed the command, in full or in part; `false` only where it certainly did not.
    public var mayHaveExecuted: Bool {
        switch self {
        case .connectionLost(let mayHaveExecuted), .timeout(let mayHaveExecuted): mayHaveExecuted
        case .server(let error): error.mayHaveExecuted
        case .cancelled, .decoding: true
        case .connection, .unknownHost, .closed, .configuration, .queueFull: false
        }
    }
}

extension RedisServerError {
    /// A script can fail with any error after it wrote something, so only errors that precede execution are certain.
    var mayHaveExecuted: Bool {
        switch kind {
        case .loading, .busy, .noScript, .noAuth, .wrongPass, .moved, .ask, .clusterDown, .masterDown: false
        case .readOnly, .outOfMemory, .misconfigured, .tryAgain, .crossSlot, .noPermission, .wrongType, .execAbort,
            .other:
            true
        }
    }
}

extension RedisError {
    /// The change of settings without which a program that has just started cannot use Redis; `nil` if waiting may help.
    public var remedyOfStart: String? {
        switch self {
        case .unknownHost: "correct the host in the address of Redis"
        case .server(let error) where error.isOfSentinel:
            switch error.kind {
            case .noAuth: "add the password of the sentinels to the address of Redis: ?sentinel_password=PASSWORD"
            case .wrongPass: "correct sentinel_username and sentinel_password in the address of Redis"
            case .noPermission: "grant the sentinels' user SENTINEL GET-MASTER-ADDR-BY-NAME and SENTINEL MASTER (ACL)"
            case .other where error.message.contains("No such master"):
                "correct the service in the address of Redis: redis+sentinel://HOST,HOST,HOST/SERVICE"
            case .other where error.message.contains("unknown command"):
                "name sentinels in the address of Redis, whose port is mostly 26379, or write redis:// for servers"
            default: nil
            }
        case .server(let error):
            switch error.kind {
            case .noAuth: "write the password into the address of Redis: redis://:PASSWORD@HOST"
            case .wrongPass: "correct the user and the password in the address of Redis"
            case .noPermission:
                "grant the user what the line ACL SETUSER in docs/configuration.md has, with the prefix if one is set"
            case .other where error.message.contains("DB index"): "correct the database in the address of Redis"
            default: nil
            }
        default: nil
        }
    }
}

extension RedisError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .server(let error): "Redis answered: \(error)"
        case .connection(let reason): "no connection to Redis: \(reason)"
        case .unknownHost(let host): "no connection to Redis: the host '\(host)' is unknown"
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

/// An error that Redis itself answered with, classified by its remedy.
public struct RedisServerError: Sendable, Hashable {
    /// The meaning of an error's first word.
    public enum Kind: Sendable, Hashable {
        /// `READONLY`: a replica; writes must go to the primary.
        case readOnly
        /// `LOADING`: the data set is still being read after a start.
        case loading
        /// `OOM`: `maxmemory` is reached and nothing may be evicted.
        case outOfMemory
        /// `MISCONF`: the last save failed, for example because the disk is full.
        case misconfigured
        /// `BUSY`: a script has been running too long.
        case busy
        /// `NOSCRIPT`: the digest of an `EVALSHA` is unknown.
        case noScript
        /// `MOVED`: the slot lives at `address` (`host:port`) for good.
        case moved(slot: UInt16, address: String)
        /// `ASK`: this once, the slot is served by `address` (`host:port`).
        case ask(slot: UInt16, address: String)
        case clusterDown
        case tryAgain
        case crossSlot
        /// `MASTERDOWN`: a replica without its primary.
        case masterDown
        /// `NOAUTH`: a password is required and none was given.
        case noAuth
        case wrongPass
        /// `NOPERM`: the user may not run this command or touch this key.
        case noPermission
        case wrongType
        /// `EXECABORT`: a transaction was dropped because a command in it was refused.
        case execAbort
        /// Any other first word, mostly `ERR`.
        case other(prefix: String)
    }

    public let kind: Kind
    /// The whole text, first word included, as Redis sent it.
    public let message: String
    /// True if a sentinel answered it, and not a server with data.
    private(set) var isOfSentinel = false

    /// Reads an error from its text without the leading `-`.
    public init(message: String) {
        self.message = message
        self.kind = Kind(message: message)
    }
}

extension RedisServerError: CustomStringConvertible {
    public var description: String { isOfSentinel ? "\(message) (a sentinel)" : message }

    /// The same error, as that of a sentinel.
    var ofSentinel: Self {
        var error = self
        error.isOfSentinel = true
        return error
    }
}

extension RedisServerError.Kind {
    private static let plain: [String: Self] = [
        "READONLY": .readOnly, "LOADING": .loading, "OOM": .outOfMemory, "MISCONF": .misconfigured, "BUSY": .busy,
        "NOSCRIPT": .noScript, "CLUSTERDOWN": .clusterDown, "TRYAGAIN": .tryAgain, "CROSSSLOT": .crossSlot,
        "MASTERDOWN": .masterDown, "NOAUTH": .noAuth, "WRONGPASS": .wrongPass, "NOPERM": .noPermission,
        "WRONGTYPE": .wrongType, "EXECABORT": .execAbort,
    ]

    fileprivate init(message: String) {
        let words = message.split(separator: " ", maxSplits: 3)
        let prefix = words.first.map(String.init) ?? ""
        if let kind = Self.plain[prefix] {
            self = kind
        } else if words.count >= 3, let slot = UInt16(words[1]), prefix == "MOVED" {
            self = .moved(slot: slot, address: String(words[2]))
        } else if words.count >= 3, let slot = UInt16(words[1]), prefix == "ASK" {
            self = .ask(slot: slot, address: String(words[2]))
        } else {
            self = .other(prefix: prefix)
        }
    }

    /// True if the same command may succeed a little later without any change.
    var isTransient: Bool {
        switch self {
        case .readOnly, .loading, .outOfMemory, .misconfigured, .busy, .clusterDown, .tryAgain, .masterDown, .noScript,
            .moved, .ask:
            true
        case .crossSlot, .noAuth, .wrongPass, .noPermission, .wrongType, .execAbort, .other:
            false
        }
    }
}
