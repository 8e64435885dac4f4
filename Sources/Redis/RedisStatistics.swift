/// Counts since the client was made, for metrics and tests.
public struct RedisStatistics: Sendable, Hashable {
    /// Commands written to a connection, repeats included.
    public internal(set) var commandsSent = 0
    public internal(set) var repliesReceived = 0
    /// Round trips: how often a group of commands was written at once.
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
    /// Why the last connection broke or could not be made; `nil` when that never happened.
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
