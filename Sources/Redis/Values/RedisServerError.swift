/// An error that Redis itself answered with, sorted by what can be done about it.
public struct RedisServerError: Sendable, Hashable {
    /// What an error's first word means.
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

    /// Reads an error from its text without the leading `-`.
    public init(message: String) {
        self.message = message
        self.kind = Kind(message: message)
    }
}

extension RedisServerError: CustomStringConvertible {
    public var description: String { message }
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

    /// Whether the same command may well succeed a little later, with nobody doing anything about it.
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
