/// The rows that a query gave, all in memory, decoded when they are looked at.
///
/// Rows hold on to the whole result: copy out what must live long.
public struct PostgresRows: Sendable {
    let result: ResultHandle
    let columns: ResultColumns

    /// Rows inserted, updated, deleted or selected.
    public var affectedRows: Int { result.affectedRows }

    /// The names of the columns from left to right.
    public var columnNames: [String] { columns.names }
}

extension PostgresRows: RandomAccessCollection {
    public var startIndex: Int { 0 }
    public var endIndex: Int { result.rowCount }

    public subscript(position: Int) -> PostgresRow {
        precondition(indices.contains(position), "row \(position) of a result of \(count) rows")
        return PostgresRow(result: result, columns: columns, index: position)
    }
}
