/// How far a transaction is shielded from others that run at the same time.
public enum PostgresIsolation: Sendable {
    /// Each statement sees what was committed before it.
    case readCommitted
    /// All statements see the same state; a write against a newer one fails with 40001.
    case repeatableRead
    /// As if transactions ran one after the other; any may fail with 40001.
    case serializable

    var sql: String {
        switch self {
        case .readCommitted: "READ COMMITTED"
        case .repeatableRead: "REPEATABLE READ"
        case .serializable: "SERIALIZABLE"
        }
    }
}
