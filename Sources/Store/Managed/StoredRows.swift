public import JSON
import Postgres
public import Spec

/// The rows of one kind as the database gave them, not looked at yet.
public struct StoredRows: Sendable {
    let kind: SpecKind
    let rows: PostgresRows

    /// Reads the rows on all cores; blocks, and must not be called on a thread of the cooperative pool.
    ///
    /// - Parameter expected: What the spec of a row wants, in comparable form, so that a row which holds just that need
    ///   not be taken apart; `nil` if it has none.
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
