/// An error of a connection, a statement or a bound value.
///
/// No description contains a password or a bound value, so each can be logged.
public enum PostgresError: Error, Sendable, Hashable {
    /// The server refused the statement.
    case server(PostgresServerError)
    /// There is no connection, or it broke: the outcome of a statement that was running is unknown.
    case connection(String)
    /// The deadline passed and the statement was cancelled, or its connection was closed.
    case timeout(Duration)
    /// The task was cancelled, and the statement with it.
    case cancelled
    /// Every connection of the pool stayed in use for the whole time a caller may wait.
    case poolExhausted(size: Int, waited: Duration)
    /// A bound value has no form that Postgres can store; names the parameter.
    case encoding(String)
    /// A column cannot be read as the type asked for; names column and types.
    case decoding(String)
    /// The connection string is wrong; names the variable and shows an example.
    case configuration(String)
    /// The connection or the pool was closed by this program.
    case closed
    /// The connection broke, or the server did not answer, during COMMIT: the transaction may or may not be committed.
    case commitUnknown(String)
    /// The body hid the error of a failed statement; its transaction was rolled back instead of committed.
    case transactionAborted
    /// The call is invalid in this state, such as a transaction inside a transaction.
    case misuse(String)
}

extension PostgresError {
    /// The server's own error, if it was the server that refused.
    public var serverError: PostgresServerError? {
        guard case .server(let error) = self else { return nil }
        return error
    }

    /// The five characters of the SQLSTATE, if the server refused.
    public var sqlState: String? { serverError?.sqlState }

    /// True if a row with the same key exists already.
    public var isUniqueViolation: Bool { sqlState == "23505" }
    /// True if a referenced row is missing, or is still referenced.
    public var isForeignKeyViolation: Bool { sqlState == "23503" }
    /// True if a column that may not be NULL would have become NULL.
    public var isNotNullViolation: Bool { sqlState == "23502" }
    /// True if another transaction holds a row that a statement was not to wait for.
    public var isLockNotAvailable: Bool { sqlState == "55P03" }
    /// True if the server stopped the statement at its `statement_timeout`.
    public var isStatementTimeout: Bool { sqlState == "57014" }
    /// True if a CHECK constraint refused the row.
    public var isCheckViolation: Bool { sqlState == "23514" }

    /// True if the values of a statement were refused, and not the statement: the same statement may pass with other
    /// rows.
    ///
    /// These are values that no column can hold (class 22), broken constraints (class 23), and errors that triggers of the
    /// database raise (class P0).
    public var isAboutValues: Bool {
        switch self {
        case .encoding: true
        case .server(let error): ["22", "23", "P0"].contains(String(error.sqlState.prefix(2)))
        default: false
        }
    }

    /// True if the same call may succeed later, because the cause is temporary.
    ///
    /// After ``connection(_:)``, ``timeout(_:)`` and ``commitUnknown(_:)`` the statement may have taken effect:
    /// repeat only what is idempotent.
    public var isTransient: Bool {
        switch self {
        case .connection, .timeout, .poolExhausted, .commitUnknown: true
        case .server(let error):
            // 08 connection, 40 rollback, 53 resources, 55P03 lock, 57P0x shutdown and start.
            ["08", "40", "53"].contains(String(error.sqlState.prefix(2)))
                || error.sqlState == "55P03" || error.sqlState.hasPrefix("57P0") || error.isStalePlan
        case .cancelled, .encoding, .decoding, .configuration, .closed, .transactionAborted, .misuse: false
        }
    }
}

extension PostgresError: CustomStringConvertible {
    /// One line for a log, free of secrets and values.
    public var description: String {
        switch self {
        case .server(let error): "postgres refused the statement, \(error)"
        case .connection(let reason): "no connection to postgres: \(reason)"
        case .timeout(let limit): "postgres did not answer within \(limit)"
        case .cancelled: "the query was cancelled"
        case .poolExhausted(let size, let waited):
            "all \(size) postgres connections were in use for \(waited); raise the pool's size or shorten transactions"
        case .encoding(let reason), .decoding(let reason), .configuration(let reason), .misuse(let reason): reason
        case .closed: "the postgres connection was closed"
        case .commitUnknown(let reason): "it is unknown whether the transaction was committed: \(reason)"
        case .transactionAborted:
            "a statement of the transaction failed and its error was dropped; the transaction was rolled back"
        }
    }
}

/// The error that the server sent for a statement.
///
/// `detail` and `hint` may quote stored values; they are for a caller that knows its data, and no description or log
/// line contains them.
public struct PostgresServerError: Sendable, Hashable {
    /// `ERROR` or `FATAL`.
    public let severity: String
    /// The five characters of the SQLSTATE, such as `23505`.
    public let sqlState: String
    public let message: String
    public let detail: String?
    public let hint: String?
    public let schema: String?
    public let table: String?
    public let column: String?
    public let constraint: String?
    /// The place of the mistake in the SQL text, in characters from 1; `nil` if the error is not about the text.
    public let position: Int?
    /// The server's function that raised the error; the only way to tell a stale plan from other 0A000 errors.
    let routine: String?
}

extension PostgresServerError: CustomStringConvertible {
    /// One line: state, message without values, constraint and position; or the remedy, if the session is not ours.
    public var description: String {
        var text = "\(sqlState): \(messageWithoutValues)"
        if let constraint { text += " (constraint \(constraint))" }
        if let position { text += " (at character \(position) of the statement)" }
        if sqlState == "26000" {
            text += "; if a pooler lends its sessions, add prepared_statements=off to the connection URL"
        }
        return text
    }

    /// The message; data exceptions (class 22) quote the wrong value after a colon, so that part is left out.
    private var messageWithoutValues: String {
        guard sqlState.hasPrefix("22"), let start = message.firstIndex(of: "\"") else { return message }
        return message[..<start] + "\"…\""
    }
}

extension PostgresServerError {
    /// True if the server refused the prepared statement, not the query: the table changed since it was prepared, or
    /// another client deallocated it.
    var isStalePlan: Bool {
        sqlState == "26000" || (sqlState == "0A000" && routine == "RevalidateCachedQuery")
    }
}
