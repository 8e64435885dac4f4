/// One row of a result.
///
/// ```swift
/// let name: String = try row.decode("name")
/// let finishedAt: Date? = try row.decode("finishedAt")
/// ```
public struct PostgresRow: Sendable {
    let result: ResultHandle
    let columns: ResultColumns
    let index: Int

    /// Reads a column that is never NULL.
    ///
    /// - Parameters:
    ///   - column: The column's place from the left, from 0.
    ///   - type: The type to read it as.
    /// - Returns: The value.
    /// - Throws: ``PostgresError/decoding(_:)`` which names the column, its type and the type asked for.
    public func decode<Value: PostgresDecodable>(
        _ column: Int,
        as type: Value.Type = Value.self
    ) throws(PostgresError) -> Value {
        guard try holdsValue(column) else {
            throw .decoding(
                "column \"\(columns.names[column])\" is NULL, cannot be read as \(type); read it as \(type)?"
            )
        }
        return try value(column)
    }

    /// Reads a column that may be NULL.
    ///
    /// - Parameters:
    ///   - column: The column's place from the left, from 0.
    ///   - type: The type to read it as.
    /// - Returns: The value, `nil` for NULL.
    /// - Throws: ``PostgresError/decoding(_:)`` which names the column, its type and the type asked for.
    public func decode<Value: PostgresDecodable>(
        _ column: Int,
        as type: Value?.Type = Value?.self
    ) throws(PostgresError) -> Value? {
        try holdsValue(column) ? try value(column) : nil
    }

    /// Reads a column that is never NULL, by its exact name.
    ///
    /// - Parameters:
    ///   - name: The column's name, letter for letter.
    ///   - type: The type to read it as.
    /// - Returns: The value.
    /// - Throws: ``PostgresError/decoding(_:)`` which names the column, its type and the type asked for.
    public func decode<Value: PostgresDecodable>(
        _ name: String,
        as type: Value.Type = Value.self
    ) throws(PostgresError) -> Value {
        try decode(try column(named: name), as: type)
    }

    /// Reads a column that may be NULL, by its exact name.
    ///
    /// - Parameters:
    ///   - name: The column's name, letter for letter.
    ///   - type: The type to read it as.
    /// - Returns: The value, `nil` for NULL.
    /// - Throws: ``PostgresError/decoding(_:)`` which names the column, its type and the type asked for.
    public func decode<Value: PostgresDecodable>(
        _ name: String,
        as type: Value?.Type = Value?.self
    ) throws(PostgresError) -> Value? {
        try decode(try column(named: name), as: type)
    }

    /// Returns true if a column holds NULL or does not exist.
    public func isNull(_ column: Int) -> Bool {
        !columns.types.indices.contains(column) || result.isNull(row: index, column: column)
    }

    private func column(named name: String) throws(PostgresError) -> Int {
        guard let column = columns.index(of: name) else {
            let known = columns.names.map { "\"\($0)\"" }.joined(separator: ", ")
            throw .decoding("there is no column \"\(name)\"; the result has \(known)")
        }
        return column
    }

    /// Returns true if the column is not NULL.
    ///
    /// The value is then decoded without an optional, because the type of an optional would have to be looked up each
    /// time.
    private func holdsValue(_ column: Int) throws(PostgresError) -> Bool {
        guard columns.types.indices.contains(column) else {
            throw .decoding("there is no column \(column); the result has \(columns.types.count)")
        }
        return !result.isNull(row: index, column: column)
    }

    private func value<Value: PostgresDecodable>(_ column: Int) throws(PostgresError) -> Value {
        let type = columns.types[column]
        do throws(PostgresDecodingFailure) {
            return try result.decode(row: index, column: column, type: type)
        } catch {
            throw explain(error, column: column, type: type, expected: "\(Value.self)")
        }
    }

    private func explain(
        _ failure: PostgresDecodingFailure,
        column: Int,
        type: PostgresType,
        expected: String
    ) -> PostgresError {
        let name = "column \"\(columns.names[column])\""
        return switch failure {
        case .wrongType: .decoding("\(name) is \(type), cannot be read as \(expected)")
        case .outOfRange: .decoding("\(name) is \(type) and its value does not fit into \(expected)")
        case .nullElement: .decoding("\(name) has a NULL element, cannot be read as \(expected)")
        case .invalid(let reason): .decoding("\(name) \(reason)")
        }
    }
}

/// The rows of a result, all in memory, decoded on access.
///
/// Rows keep the whole result alive: copy values that must live longer.
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
