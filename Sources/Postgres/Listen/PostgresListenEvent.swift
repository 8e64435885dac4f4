/// What a ``PostgresListener`` reports.
public enum PostgresListenEvent: Sendable, Hashable {
    /// From now on notifications arrive: look for what happened before.
    case connected
    /// The connection was lost and is back; notifications in between are lost: look for what they were about.
    case reconnected
    case notification(PostgresNotification)
}
