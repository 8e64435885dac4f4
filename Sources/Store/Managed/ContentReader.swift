public import JSON
import Postgres
public import Spec

/// Builds the content of a row from its columns.
struct ContentReader {
    let row: PostgresRow
    private(set) var content: JSONObject = [:]

    init(_ row: PostgresRow) {
        self.row = row
    }

    /// Reads a text column, which may be NULL.
    mutating func text(_ column: String, as field: String? = nil) throws {
        content[field ?? column] = try row.text(column)
    }

    /// Reads a JSON column, which may be NULL; `canonical` normalises values that were edited by hand.
    mutating func json(
        _ column: String,
        as field: String? = nil,
        _ canonical: (JSONValue) -> JSONValue = { $0 }
    ) throws {
        content[field ?? column] = try row.json(column).map(canonical)
    }

    /// Reads a JSON column whose fields are fields of the content.
    mutating func fields(of column: String, _ canonical: (JSONValue) -> JSONObject) throws {
        for (field, value) in canonical(try row.json(column) ?? .null) { content[field] = value }
    }

    /// Sets a value that was read already; `nil` if the field is absent.
    mutating func set(_ field: String, _ value: JSONValue?) {
        content[field] = value
    }
}

/// The rows of one kind as they were fetched, not decoded yet.
public struct StoredRows: Sendable {
    let kind: SpecKind
    let rows: PostgresRows

    /// Reads the rows on all cores; blocks, and must not be called on a thread of the cooperative pool.
    ///
    /// - Parameter expected: Returns the content of the spec of a row in comparable form, so that a row with equal
    ///   content need not be decoded; `nil` if the row has no spec.
    /// - Returns: The rows, in no order.
    /// - Throws: `PostgresError`, or `JSONError` when a number in a row is beyond all bounds.
    public func read(expecting expected: @Sendable (SpecIdentity) -> JSONValue?) throws -> [ManagedRow] {
        let table = kind.table
        let results = rows.parallelMap { row in
            Result { try table.row(row, kind: kind, expecting: expected) }
        }
        return try results.map { try $0.get() }
    }
}
