import Postgres

/// A lifecycle whose state is a column `status`.
protocol StoredLifecycle: Lifecycle {
    /// The table with its alias, as an UPDATE names it.
    static var table: PostgresQuery { get }
    static var alias: String { get }
    /// Assignments that every move makes.
    static var stamps: [PostgresQuery] { get }
}

extension CampaignStatus: StoredLifecycle {
    static let table: PostgresQuery = "campaigns c"
    static let alias = "c"
    static let stamps: [PostgresQuery] = ["\"updatedAt\" = now()"]
}

extension RunStatus: StoredLifecycle {
    static let table: PostgresQuery = "campaign_runs r"
    static let alias = "r"
    static let stamps: [PostgresQuery] = []
}

extension ChunkStatus: StoredLifecycle {
    static let table: PostgresQuery = "campaign_chunks k"
    static let alias = "k"
    static let stamps: [PostgresQuery] = []
}

extension StoredLifecycle {
    /// Builds the UPDATE of an event: the only statement that writes a status of campaigns, runs and chunks.
    ///
    /// It moves the rows that meet the condition and are in a state which the event leaves, and no others. The states are
    /// part of the text, so that partial indexes serve the statement, unless the condition is a key.
    ///
    /// - Parameters:
    ///   - event: The reason for the move.
    ///   - status: The new state as an expression, for an event that leads to several; `nil` for its only target.
    ///   - assignments: Further assignments.
    ///   - tables: Further tables that the statement reads.
    ///   - condition: Selects the rows; the table has its alias (`c`, `r` or `k`).
    ///   - isKeyed: True if the condition holds the key of each row, so that no partial index is to serve.
    /// - Returns: The statement, to which RETURNING may be added.
    static func moving(
        _ event: Event,
        to status: PostgresQuery? = nil,
        set assignments: [PostgresQuery] = [],
        from tables: PostgresQuery? = nil,
        where condition: PostgresQuery,
        isKeyed: Bool = false
    ) -> PostgresQuery {
        let target = status ?? .joined(targets(of: event).prefix(1).map(\.literal), separator: "")
        let settings = PostgresQuery.joined(["status = \(fragment: target)"] + assignments + stamps, separator: ", ")
        var query: PostgresQuery = "UPDATE \(fragment: table) SET \(fragment: settings)"
        if let tables { query.append(" FROM \(fragment: tables)") }
        query.append(" WHERE \(fragment: condition)")
        let sources = sources(of: event)
        if sources.count < allCases.count {
            let status: PostgresQuery = isKeyed ? "\(identifier: alias).status::text" : "\(identifier: alias).status"
            query.append(" AND \(fragment: status) IN \(anyOf: sources)")
        }
        return query
    }
}

extension Lifecycle {
    /// The state as SQL text.
    var literal: PostgresQuery { PostgresQuery(sql: "'\(rawValue)'") }
}

extension PostgresQuery.StringInterpolation {
    /// Appends the state of a campaign as SQL text: `\(campaign: .paused)`.
    mutating func appendInterpolation(campaign status: CampaignStatus) {
        appendInterpolation(fragment: status.literal)
    }

    /// Appends the state of a run as SQL text.
    mutating func appendInterpolation(run status: RunStatus) {
        appendInterpolation(fragment: status.literal)
    }

    /// Appends the state of a message as SQL text.
    mutating func appendInterpolation(message status: MessageStatus) {
        appendInterpolation(fragment: status.literal)
    }

    /// Appends the state of a chunk as SQL text.
    mutating func appendInterpolation(chunk status: ChunkStatus) {
        appendInterpolation(fragment: status.literal)
    }

    /// Appends states as the right side of IN: `r.status IN \(anyOf: RunStatus.open)`.
    mutating func appendInterpolation(anyOf states: [some Lifecycle]) {
        appendInterpolation(fragment: "(\(fragment: .joined(states.map(\.literal), separator: ", ")))")
    }
}
