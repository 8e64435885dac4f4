import JSON
import Postgres

extension PostgresJSON {
    /// Makes the text of a value.
    init(_ value: JSONValue) {
        self.init(text: value.canonicalText)
    }
}

extension PostgresRow {
    /// Reads a JSON column as a value; `nil` when it is NULL.
    func json(_ column: String) throws -> JSONValue? {
        try decode(column, as: PostgresJSON?.self).map { try JSONValue(parsing: $0.text) }
    }

    /// Reads a text column as a value; `nil` when it is NULL.
    func text(_ column: String) throws(PostgresError) -> JSONValue? {
        try decode(column, as: String?.self).map(JSONValue.string)
    }
}

extension Duration {
    /// The duration in seconds, for SQL intervals.
    var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}
