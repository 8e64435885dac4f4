/// What one thing takes of a resource; capacity is reckoned from these.
public struct Cost: Codable, Hashable, Sendable {
    /// What is taken.
    public enum Resource: Codable, Hashable, Sendable {
        /// Seconds of a core, of the named process.
        case cpu(process: String)
        /// Bytes of Postgres's write-ahead log.
        case writeAheadLog
        case transactions
        case redisCommands
    }

    public let resource: Resource
    /// For one message, recipient or event.
    public let amount: Double

    public init(_ resource: Resource, _ amount: Double) {
        self.resource = resource
        self.amount = amount
    }
}
