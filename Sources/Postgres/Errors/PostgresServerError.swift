/// What the server answered when it refused a statement.
///
/// `detail` and `hint` may quote stored values; they are for a caller that knows its data and stay out of every
/// description and log line.
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
    /// Where in the SQL text the mistake is, in characters from 1; `nil` when it is not about the text.
    public let position: Int?
    /// The server's function that raised the error; the only way to tell a stale plan from other 0A000 errors.
    let routine: String?
}

extension PostgresServerError: CustomStringConvertible {
    /// One line: state, message without values, and what it is about.
    public var description: String {
        var text = "\(sqlState): \(messageWithoutValues)"
        if let constraint { text += " (constraint \(constraint))" }
        if let position { text += " (at character \(position) of the statement)" }
        return text
    }

    /// Data exceptions (class 22) quote the offending value behind a colon; there it is left out.
    private var messageWithoutValues: String {
        guard sqlState.hasPrefix("22"), let start = message.firstIndex(of: "\"") else { return message }
        return message[..<start] + "\"…\""
    }
}

extension PostgresServerError {
    /// Whether the prepared statement, not the query, is what the server refused: the table changed under it, or
    /// the statement was deallocated behind our back.
    var isStalePlan: Bool {
        sqlState == "26000" || (sqlState == "0A000" && routine == "RevalidateCachedQuery")
    }
}
