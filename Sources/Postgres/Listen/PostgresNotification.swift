/// What another session sent with NOTIFY.
public struct PostgresNotification: Sendable, Hashable {
    public let channel: String
    /// At most 8,000 bytes; empty when none was given.
    public let payload: String
    /// The sender's process, as in `pg_stat_activity.pid`.
    public let processID: Int32
}
