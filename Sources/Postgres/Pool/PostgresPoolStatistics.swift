/// What a pool holds at one moment, for metrics.
public struct PostgresPoolStatistics: Sendable, Hashable {
    /// Connections that exist or are being opened.
    public let open: Int
    /// Open connections that nobody uses.
    public let idle: Int
    /// Callers in line for a connection.
    public let waiting: Int
    public let maxConnections: Int
}
